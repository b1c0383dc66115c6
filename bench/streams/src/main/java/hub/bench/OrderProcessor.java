package hub.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Orders: repeats are found, events wait for earlier ones of their order, and each that moves its order becomes a fact. */
final class OrderProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "orders";

    private static final Logger LOG = LoggerFactory.getLogger(OrderProcessor.class);
    /** How many events of an order may wait. */
    private static final int HELD_MAX = 16;

    private final AvroReader in = new AvroReader();
    private final AvroWriter out = new AvroWriter();
    private KeyValueStore<byte[], byte[]> orders;
    private Catalog catalog;
    private OrderSteps steps;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        orders = context.getStateStore(STORE);
        catalog = new Catalog(context);
        steps = new OrderSteps(catalog, new Routes(context));
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        OrderEvent event = OrderEvent.read(in, record.value());
        byte[] stored = orders.get(record.key());
        OrderRecord state = stored == null ? new OrderRecord() : OrderRecord.read(in, stored);
        long identity = event.identity();
        switch (state.look(identity, event.payloadHash)) {
            case REPEATED -> {
                return;
            }
            case REUSED -> {
                LOG.warn("an event's id was used before, with another payload");
                return;
            }
            default -> state.remember(identity, event.payloadHash);
        }
        if (!state.known) {
            checkOfferings(event.order);
        }
        switch (steps.apply(state, event)) {
            case APPLIED -> replay(state);
            case WAITS -> {
                if (state.held.size() >= HELD_MAX) {
                    LOG.warn("too many events of an order wait");
                    return;
                }
                state.held.add(new OrderRecord.Held(event.occurredAt, record.value()));
            }
            default -> {
            }
        }
        orders.put(record.key(), state.write(out));
    }

    /** A new order's offerings are known; to park it until they are is not part of this pipeline. */
    private void checkOfferings(Order order) {
        for (Item item : order.items) {
            if (item.offering != null && !catalog.hasOffering(item.offering)) {
                throw new IllegalStateException("an offering is not in the catalog");
            }
        }
    }

    /** Tries the events that wait, by occurrence and arrival, until none of them moves the order. */
    private void replay(OrderRecord state) {
        if (state.held.isEmpty()) {
            return;
        }
        List<OrderRecord.Held> waiting = new ArrayList<>(state.held);
        waiting.sort(Comparator.comparingLong(OrderRecord.Held::occurredAt));
        int next = 0;
        while (next < waiting.size()) {
            OrderRecord.Held held = waiting.get(next);
            OrderSteps.Outcome outcome = steps.apply(state, OrderEvent.read(in, held.frame()));
            if (outcome == OrderSteps.Outcome.WAITS) {
                next++;
                continue;
            }
            state.held.remove(held);
            waiting.remove(next);
            // When the order moved, an event that happened earlier may have its turn now.
            next = outcome == OrderSteps.Outcome.APPLIED ? 0 : next;
        }
    }
}
