package hub.bench;

import java.util.ArrayList;
import java.util.List;

/** A canonical event of hub.order. */
final class OrderEvent {
    /** Places of the changes, in the schema's order. */
    static final int CREATED = 0;
    static final int ATTRIBUTE_CHANGED = 1;
    static final int STATE_CHANGED = 2;
    static final int DELETED = 3;
    static final int INFORMATION_REQUIRED = 4;
    static final int MILESTONE = 5;
    static final int JEOPARDY_ALERT = 6;
    static final int ERROR_MESSAGE = 7;

    private static final String[] CHANGES = {
        "created", "attribute_changed", "state_changed", "deleted", "information_required", "milestone",
        "jeopardy_alert", "error_message", "cancel_requested", "cancel_state_changed", "cancel_information_required",
    };
    private static final long FNV_START = 0xcbf29ce484222325L;
    private static final long FNV_FACTOR = 0x0000_0100_0000_01b3L;

    String eventId;
    String eventType;
    long eventTime;
    long occurredAt;
    long ingestedAt;
    String source = "";
    String correlationId;
    long payloadHash;
    List<String> flags = List.of();
    int change;
    Order order;
    /** Whether the event has fields of the order that its reader did not know; each such event is a change. */
    boolean hasMore;

    static String changeName(int change) {
        return CHANGES[change];
    }

    void flag(String code) {
        if (flags.isEmpty()) {
            flags = new ArrayList<>(2);
        }
        if (!flags.contains(code)) {
            flags.add(code);
        }
    }

    /** The frame, with the unknown fields taken from the JSON text that the event was read from. */
    void write(AvroWriter out, byte[] json, Extras envelopeExtra, Extras orderExtra) {
        out.begin(Schemas.ORDER_EVENT);
        out.text(eventId);
        out.text(eventType);
        out.number(eventTime);
        out.number(occurredAt);
        out.number(ingestedAt);
        out.text(source);
        out.optional(correlationId);
        out.number(payloadHash);
        out.texts(flags);
        envelopeExtra.write(out, json);
        out.number(change);
        order.write(out);
        if (!order.items.isEmpty()) {
            out.number(order.items.size());
            for (Item item : order.items) {
                item.write(out);
                item.extra.write(out, json);
            }
        }
        out.put(0);
        // Milestones, alerts and errors: none; then the unknown fields, and no cancellation task.
        out.put(0);
        out.put(0);
        out.put(0);
        orderExtra.write(out, json);
        out.put(0);
    }

    /** Reads what an order's state needs; unknown fields stay bytes. */
    static OrderEvent read(AvroReader in, byte[] frame) {
        in.open(frame, Schemas.ORDER_EVENT);
        OrderEvent event = new OrderEvent();
        event.eventId = in.text();
        event.eventType = in.text();
        event.eventTime = in.number();
        event.occurredAt = in.number();
        event.ingestedAt = in.number();
        event.source = in.text();
        in.skipOptionalText();
        event.payloadHash = in.number();
        in.skipTexts();
        in.skipMap();
        event.change = in.place();
        event.order = Order.read(in);
        for (long count = in.block(); count != 0; count = in.block()) {
            for (long index = 0; index < count; index++) {
                Item item = Item.read(in);
                item.billingCode = in.pick(Item.BILLING_CODE);
                event.order.items.add(item);
            }
        }
        for (int notices = 0; notices < 3; notices++) {
            if (in.block() != 0) {
                throw new IllegalArgumentException("notices are not part of this pipeline");
            }
        }
        event.hasMore = in.skipMap();
        return event;
    }

    /** What repeats are found by: a hash (FNV-1a) of source, type and id. */
    long identity() {
        return fnv(fnv(fnv(FNV_START, source), eventType), eventId);
    }

    private static long fnv(long hash, String part) {
        for (int at = 0; at < part.length(); at++) {
            hash = (hash ^ part.charAt(at)) * FNV_FACTOR;
        }
        return (hash ^ 0x1f) * FNV_FACTOR;
    }
}
