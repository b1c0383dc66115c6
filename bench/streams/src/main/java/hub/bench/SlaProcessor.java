package hub.bench;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** SLA clocks: each fact may change what the clocks of its order come to; a timer waits for their next warning or breach. */
final class SlaProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String ENTRIES = "sla-clocks";
    static final String TIMERS = "sla-timers";

    private static final Duration TICK = Duration.ofMillis(100);
    /** How long an order is remembered whose clocks have all ended. */
    private static final long RETENTION = Duration.ofDays(30).toMillis();

    private final AvroReader in = new AvroReader();
    private final AvroWriter out = new AvroWriter();
    private final SlaClock derived = new SlaClock();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> entries;
    private Timers timers;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        entries = context.getStateStore(ENTRIES);
        timers = new Timers(context.getStateStore(TIMERS));
        context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::wake);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        byte[] key = record.key();
        SlaFact fact = SlaFact.read(in, record.value());
        byte[] stored = entries.get(key);
        SlaEntry entry = stored == null ? new SlaEntry() : SlaEntry.read(in, stored);
        if (!entry.take(fact)) {
            return;
        }
        // What the order looked like when something last happened to it.
        publish(entry, key, fact.entity, entry.latestAt, record.timestamp());
        reschedule(entry, key, context.currentSystemTimeMs());
        entries.put(key, entry.write(out));
    }

    private void wake(long now) {
        for (Timers.Due due : timers.due(now)) {
            byte[] stored = entries.get(due.key());
            SlaEntry entry = stored == null ? null : SlaEntry.read(in, stored);
            if (entry == null || entry.timer != due.deadline()) {
                continue;
            }
            entry.timer = AvroWriter.ABSENT;
            if (isOver(entry)) {
                forget(entry, due.key(), now);
                continue;
            }
            entry.noticed = now;
            for (SlaEntry.Clock clock : entry.clocks) {
                derived.derive(entry, clock);
                clock.warned = Math.max(clock.warned, derived.passed(now));
            }
            String key = new String(due.key(), StandardCharsets.UTF_8);
            publish(entry, due.key(), key.substring(key.indexOf(':') + 1), now, now);
            reschedule(entry, due.key(), now);
            entries.put(due.key(), entry.write(out));
        }
    }

    /** Publishes every clock whose state is another than the one published last. */
    private void publish(SlaEntry entry, byte[] key, String order, long at, long timestamp) {
        for (int index = 0; index < entry.clocks.size(); index++) {
            SlaEntry.Clock clock = entry.clocks.get(index);
            derived.derive(entry, clock);
            long print = derived.fingerprint(clock.warned);
            if (print != clock.published) {
                clock.published = print;
                write(entry, clock, order, at);
                context.forward(new Record<>(stateKey(clock, key), out.copy(), timestamp));
            }
        }
    }

    private void write(SlaEntry entry, SlaEntry.Clock clock, String order, long at) {
        long spokenOf = derived.stoppedAt == AvroWriter.ABSENT ? at : derived.stoppedAt;
        out.begin(Schemas.SLA_STATE);
        out.text(clock.objective.label);
        out.number(Fact.ORDER_FAMILY);
        out.text(Fact.KIND);
        out.text(order);
        out.number(derived.status);
        out.truth(derived.closed);
        out.number(clock.warned);
        out.number(derived.started);
        out.number(derived.consumedAt(spokenOf));
        out.number(derived.target == AvroWriter.ABSENT ? 0 : derived.target);
        out.optional(derived.breachAt);
        out.optional(derived.stoppedAt);
        out.optional(entry.customer);
        out.texts(entry.partners);
        out.number(spokenOf);
        out.optional(derived.reason);
    }

    private static byte[] stateKey(SlaEntry.Clock clock, byte[] key) {
        byte[] start = clock.objective.keyStart;
        byte[] whole = new byte[start.length + key.length];
        System.arraycopy(start, 0, whole, 0, start.length);
        System.arraycopy(key, 0, whole, start.length, key.length);
        return whole;
    }

    private boolean isOver(SlaEntry entry) {
        for (SlaEntry.Clock clock : entry.clocks) {
            derived.derive(entry, clock);
            if (!derived.closed) {
                return false;
            }
        }
        return true;
    }

    /** Lets the order's one timer wait for what comes next; facts that change nothing move nothing. */
    private void reschedule(SlaEntry entry, byte[] key, long now) {
        long next = Long.MAX_VALUE;
        boolean isOver = true;
        for (int index = 0; index < entry.clocks.size(); index++) {
            SlaEntry.Clock clock = entry.clocks.get(index);
            derived.derive(entry, clock);
            isOver &= derived.closed;
            long look = derived.next(clock.warned, now);
            next = look == AvroWriter.ABSENT ? next : Math.min(next, look);
        }
        if (isOver || next == Long.MAX_VALUE) {
            // One that waits for nothing but a fact keeps its timer.
            next = !isOver && entry.timer > now ? entry.timer : now + RETENTION;
        }
        if (next == entry.timer) {
            return;
        }
        if (entry.timer != AvroWriter.ABSENT) {
            timers.cancel(entry.timer, key);
        }
        timers.schedule(next, key);
        entry.timer = next;
    }

    /** Forgets an order whose clocks have ended long ago, here and on the compacted topic. */
    private void forget(SlaEntry entry, byte[] key, long now) {
        for (SlaEntry.Clock clock : entry.clocks) {
            if (clock.published != 0) {
                context.forward(new Record<>(stateKey(clock, key), null, now));
            }
        }
        entries.delete(key);
    }
}
