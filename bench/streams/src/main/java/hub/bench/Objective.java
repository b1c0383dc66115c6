package hub.bench;

import java.util.Map;
import java.util.Set;

/** The objectives that product orders of these classes have: what stops their clocks, and how much time there is. */
enum Objective {
    /** As much time as the order's class has. */
    COMPLETION("order-completion", States.set(States.PENDING)),
    /** The earlier of the date that was asked for and the first one that was promised. */
    ON_TIME("order-on-time", 0);

    /** The state of an order that was deleted at its source, beside those that orders name. */
    static final int DELETED = States.PARTIAL + 1;
    static final int STOP = States.set(States.COMPLETED, States.PARTIAL, States.FAILED);
    static final int CANCEL = States.set(States.CANCELLED, States.REJECTED, DELETED);
    /** Percents of the target at which a warning is due. */
    static final int[] WARNINGS = {50, 75, 90};

    private static final long HOUR = 3_600_000;
    private static final long TARGET = 4 * HOUR;
    private static final Map<String, Long> TARGETS = Map.of("sim", 4 * HOUR, "vas", HOUR / 12);
    private static final Set<String> OTHER_CATEGORIES = Set.of("MNP-PORT-IN", "MNP-PORT-OUT", "termination");

    final String label;
    final int pause;
    /** What the keys of its states begin with. */
    final byte[] keyStart;

    Objective(String label, int pause) {
        this.label = label;
        this.pause = pause;
        keyStart = Buffer.utf8(label + '|');
    }

    /** The target for this order, 0 where it is a date; absent where the objective is not for it. */
    long target(SlaFact fact) {
        if (this == ON_TIME) {
            return fact.dueAt == AvroWriter.ABSENT ? AvroWriter.ABSENT : 0;
        }
        boolean isOthers = "fibre".equals(fact.offeringClass)
            || fact.category != null && OTHER_CATEGORIES.contains(fact.category);
        if (isOthers) {
            return AvroWriter.ABSENT;
        }
        Long ofClass = fact.offeringClass == null ? null : TARGETS.get(fact.offeringClass);
        Long ofCustomer = fact.customerClass == null ? null : TARGETS.get(fact.customerClass);
        if (ofClass != null && ofCustomer != null) {
            return Math.min(ofClass, ofCustomer);
        }
        return ofClass != null ? ofClass : ofCustomer != null ? ofCustomer : TARGET;
    }
}
