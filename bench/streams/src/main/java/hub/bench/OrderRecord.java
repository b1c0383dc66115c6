package hub.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What is kept of an order. */
final class OrderRecord {
    private static final int SEEN_MAX = 64;

    /** An event that waits for an earlier one. */
    record Held(long occurredAt, byte[] frame) {
    }

    /** What the memory says of an event. */
    enum Sight { NEW, REPEATED, REUSED }

    /** Facts published, and so the version of the last one. */
    long version;
    boolean known;
    boolean deleted;
    int flags;
    final Machine machine = new Machine();
    Order order = new Order();
    final Times times = new Times();
    long createdAt = AvroWriter.ABSENT;
    long firstExpectedAt = AvroWriter.ABSENT;
    String offeringClass;
    /** By arrival. */
    final List<Held> held = new ArrayList<>(0);
    /** Identity and payload's hash of the last events, oldest first. */
    private long[] seen = {};

    Sight look(long identity, long payload) {
        for (int at = 0; at < seen.length; at += 2) {
            if (seen[at] == identity) {
                return seen[at + 1] == payload ? Sight.REPEATED : Sight.REUSED;
            }
        }
        return Sight.NEW;
    }

    void remember(long identity, long payload) {
        int drop = seen.length / 2 < SEEN_MAX ? 0 : 2;
        long[] next = new long[seen.length - drop + 2];
        System.arraycopy(seen, drop, next, 0, seen.length - drop);
        next[next.length - 2] = identity;
        next[next.length - 1] = payload;
        seen = next;
    }

    /** Follows the items, where the machine has that step. */
    boolean rollUp(long at) {
        int to = stateOfItems();
        boolean legal = to != States.NONE && machine.step(to, at) == Machine.Step.LEGAL;
        if (legal) {
            machine.enter(to, at);
        }
        return legal;
    }

    /** The state that the items give the order together; an item that nobody has told of has not begun. */
    private int stateOfItems() {
        int all = 0;
        boolean allEnded = !order.items.isEmpty();
        for (Item item : order.items) {
            int state = item.state == States.NONE ? States.ACKNOWLEDGED : item.state;
            all |= 1 << state;
            allEnded &= States.isTerminal(state);
        }
        if (allEnded) {
            return Integer.bitCount(all) == 1 ? Integer.numberOfTrailingZeros(all) : States.PARTIAL;
        }
        if (States.in(all, States.HELD)) {
            return States.HELD;
        }
        if (States.in(all, States.PENDING)) {
            return States.PENDING;
        }
        boolean anyEnded = order.items.stream().anyMatch(item -> States.isTerminal(item.state));
        return States.in(all, States.IN_PROGRESS) || anyEnded ? States.IN_PROGRESS : States.NONE;
    }

    /** Whether all items have ended. */
    boolean hasEndedItems() {
        return order.items.stream().allMatch(item -> States.isTerminal(item.state));
    }

    /** Lets the catalog be asked again, for the versions that were valid at another time. */
    void forgetCatalog() {
        order.items.forEach(item -> item.billingCode = null);
        offeringClass = null;
        flags = Flags.set(flags, Flags.OFFERING_NOT_VALID, false);
    }

    /** Notes times that make no sense. */
    void checkTimes(long at) {
        if (createdAt == AvroWriter.ABSENT) {
            return;
        }
        boolean suspect = at < createdAt || isBefore(Order.COMPLETION) || isBefore(Order.CANCELLATION)
            || isBefore(Order.EXPECTED_COMPLETION) || isBefore(Order.REQUESTED_COMPLETION);
        if (suspect) {
            flags |= Flags.SLA_SUSPECT;
        }
    }

    private boolean isBefore(int date) {
        return order.dates[date] != AvroWriter.ABSENT && order.dates[date] < createdAt;
    }

    /** Nothing is kept of the unknown fields but what the catalog said. */
    byte[] write(AvroWriter out) {
        out.clear();
        out.number(version);
        out.put((known ? 1 : 0) | (deleted ? 2 : 0));
        out.number(flags);
        machine.write(out);
        times.write(out);
        out.optional(createdAt);
        out.optional(firstExpectedAt);
        out.optional(offeringClass);
        out.number(seen.length);
        for (long part : seen) {
            out.word(part);
        }
        out.number(held.size());
        for (Held event : held) {
            out.number(event.occurredAt);
            out.bytes(event.frame);
        }
        // An order that is not known yet has no parts.
        if (known) {
            order.write(out);
            out.number(order.items.size());
            for (Item item : order.items) {
                item.write(out);
                out.optional(item.billingCode);
            }
        }
        return out.copy();
    }

    static OrderRecord read(AvroReader in, byte[] bytes) {
        in.open(bytes);
        OrderRecord record = new OrderRecord();
        record.version = in.number();
        int marks = in.mark();
        record.known = (marks & 1) != 0;
        record.deleted = (marks & 2) != 0;
        record.flags = (int) in.number();
        record.machine.read(in);
        record.times.read(in);
        record.createdAt = in.optionalNumber();
        record.firstExpectedAt = in.optionalNumber();
        record.offeringClass = in.optionalText();
        record.seen = new long[(int) in.number()];
        Arrays.setAll(record.seen, index -> in.word());
        for (long count = in.number(); count > 0; count--) {
            record.held.add(new Held(in.number(), in.bytes()));
        }
        if (record.known) {
            record.order = Order.read(in);
            for (long count = in.number(); count > 0; count--) {
                Item item = Item.read(in);
                item.billingCode = in.optionalText();
                record.order.items.add(item);
            }
        }
        return record;
    }
}
