package hub.bench;

import java.util.ArrayList;
import java.util.List;

/** A lifecycle fact: what changed about an order, when, for whom. */
final class Fact {
    /** The place of this family in the schemas' enumeration. */
    static final int ORDER_FAMILY = 0;
    static final String KIND = "order";

    final String id;
    final long version;
    final OrderEvent event;
    final String change;
    final String fromState;
    final String toState;
    final OrderRecord record;
    final List<String> partners;
    /** {@code order:<id>}, the key of most records about the order. */
    final String entity;

    /** Counts the order's facts by one. States are named only where the order has left one. */
    Fact(OrderRecord record, OrderEvent event, String change, int from, boolean moved) {
        this.record = record;
        this.event = event;
        this.change = change;
        version = ++record.version;
        entity = "order:" + record.order.id;
        id = entity + '#' + version;
        fromState = moved ? States.name(from) : null;
        toState = moved ? States.name(record.machine.state) : null;
        partners = partners(record.order);
    }

    private static List<String> partners(Order order) {
        List<String> partners = new ArrayList<>(2);
        for (Item item : order.items) {
            if (item.partner != null && !partners.contains(item.partner)) {
                partners.add(item.partner);
            }
        }
        return partners;
    }

    /** The earlier of the date that was asked for and the one that was promised first. */
    private long dueAt() {
        long requested = record.order.dates[Order.REQUESTED_COMPLETION];
        long expected = record.firstExpectedAt;
        if (requested == AvroWriter.ABSENT || expected == AvroWriter.ABSENT) {
            return requested == AvroWriter.ABSENT ? expected : requested;
        }
        return Math.min(requested, expected);
    }

    void write(AvroWriter out) {
        String[] texts = record.order.texts;
        out.begin(Schemas.LIFECYCLE_FACT);
        out.text(id);
        out.number(ORDER_FAMILY);
        out.text(KIND);
        out.text(record.order.id);
        out.number(version);
        out.text(event.eventType);
        out.text(change);
        out.optional(fromState);
        out.optional(toState);
        out.number(event.occurredAt);
        out.number(event.ingestedAt);
        out.optional(record.createdAt);
        out.optional(dueAt());
        out.optional(texts[Order.CUSTOMER]);
        out.optional(null);
        out.optional(texts[Order.ACCOUNT]);
        out.texts(partners);
        out.optional(record.offeringClass);
        out.optional(texts[Order.CATEGORY]);
        out.optional(texts[Order.PRIORITY]);
        out.optional(texts[Order.CIRCLE]);
        out.optional(texts[Order.CHANNEL]);
        out.texts(Flags.names(record.flags));
        out.optional(null);
    }
}
