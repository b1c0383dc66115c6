package hub.bench;

import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** The routes of orders: which changes go to billing, Floworx, partners and notification, and which fields go along. */
final class Routes {
    static final String LIFECYCLE = "lifecycle";
    static final String BILLING = "billing";
    static final String FLOWORX = "floworx";
    static final String PARTNER = "partner-sink";
    static final String NOTIFICATION = "notification";

    private static final String BILLING_ROUTE = "billing-orders";
    private static final String FLOWORX_ROUTE = "floworx-orders";
    private static final String PARTNER_ROUTE = "partner-orders";
    private static final String NOTIFICATION_ROUTE = "notify-orders";
    private static final String NOTIFIED = "notification";
    private static final String SPECIFICATION = "productOrderFulfilment";

    private static final int CHARGED = States.set(States.COMPLETED, States.PARTIAL, States.CANCELLED);
    private static final int TOLD = States.set(States.COMPLETED, States.CANCELLED);

    private final ProcessorContext<byte[], byte[]> context;
    private final AvroWriter out = new AvroWriter();
    private final Payload payload = new Payload();

    Routes(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
    }

    /** Sends a fact, and what the routes make of it. */
    void publish(Fact fact) {
        Order order = fact.record.order;
        byte[] entity = Buffer.utf8(fact.entity);
        fact.write(out);
        send(LIFECYCLE, entity, fact);

        int to = fact.toState == null ? States.NONE : fact.record.machine.state;
        boolean isCreated = fact.change.equals("created");
        boolean isPriced = !order.items.isEmpty() || order.price != null;
        if ((isCreated || fact.change.equals("attribute_changed")) && isPriced || States.in(CHARGED, to)) {
            billing(fact, order);
            send(BILLING, entity, fact);
        }
        if (isCreated && to == States.ACKNOWLEDGED) {
            floworx(fact, order);
            send(FLOWORX, Buffer.utf8(order.id), fact);
        }
        if (isCreated || States.in(TOLD, to)) {
            for (String partner : fact.partners) {
                delivery(fact, PARTNER_ROUTE, partner, payload.partner(order, partner));
                send(PARTNER, Buffer.utf8(partner), fact);
            }
        }
        if (to == States.COMPLETED || fact.change.equals("milestone")) {
            delivery(fact, NOTIFICATION_ROUTE, NOTIFIED, payload.notification(order));
            send(NOTIFICATION, entity, fact);
        }
    }

    private void send(String sink, byte[] key, Fact fact) {
        context.forward(new Record<>(key, out.copy(), fact.event.occurredAt), sink);
    }

    private void billing(Fact fact, Order order) {
        out.begin(Schemas.BILLING_RECORD);
        out.text(fact.id + ':' + BILLING_ROUTE);
        out.text(BILLING_ROUTE);
        out.number(Fact.ORDER_FAMILY);
        out.text(Fact.KIND);
        out.text(order.id);
        out.number(fact.version);
        out.optional(order.state == States.NONE ? fact.toState : States.name(order.state));
        out.optional(order.texts[Order.CUSTOMER]);
        out.optional(order.texts[Order.ACCOUNT]);
        out.optional(order.price == null ? null : order.price.currency());
        out.optional(order.price == null ? AvroWriter.ABSENT : order.price.micros());
        times(fact);
        out.text(payload.billing(order));
    }

    private void floworx(Fact fact, Order order) {
        out.begin(Schemas.FLOWORX_COMMAND);
        out.text(fact.id + ':' + FLOWORX_ROUTE);
        out.text(FLOWORX_ROUTE);
        out.text(order.id);
        out.text(SPECIFICATION);
        out.optional(order.texts[Order.CATEGORY]);
        out.optional(order.texts[Order.PRIORITY]);
        times(fact);
        out.text(payload.floworx(order));
        out.text(Fact.KIND);
        out.number(Fact.ORDER_FAMILY);
        out.text("fact");
    }

    private void delivery(Fact fact, String route, String to, Json payload) {
        out.begin(Schemas.PARTNER_DELIVERY);
        out.text(fact.id + ':' + route + ':' + to);
        out.text(route);
        out.text(to);
        out.text("order." + fact.change);
        out.number(Fact.ORDER_FAMILY);
        out.text(Fact.KIND);
        out.text(fact.record.order.id);
        times(fact);
        out.text(payload);
    }

    private void times(Fact fact) {
        out.number(fact.event.occurredAt);
        out.number(fact.event.ingestedAt);
    }
}
