package hub.bench;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Durable timers in the order of their deadlines: a deadline of eight bytes and whose it is make a key. */
final class Timers {
    private static final byte[] NOTHING = {};

    /** A timer that is due. */
    record Due(long deadline, byte[] key) {
    }

    /** How far ahead of the time a look goes. */
    private static final long AHEAD = 60_000;

    private final KeyValueStore<byte[], byte[]> store;
    /** None is due before: what was, was taken out, and its traces need not be passed over again. */
    private long from;
    /** Until then nobody has to look: a look would only pass over what was cancelled. */
    private long earliest;

    Timers(KeyValueStore<byte[], byte[]> store) {
        this.store = store;
    }

    void schedule(long deadline, byte[] key) {
        store.put(key(deadline, key), NOTHING);
        earliest = Math.min(earliest, deadline);
        from = Math.min(from, deadline);
    }

    void cancel(long deadline, byte[] key) {
        store.delete(key(deadline, key));
    }

    /** Takes out what is due at this time. */
    List<Due> due(long now) {
        if (now < earliest) {
            return List.of();
        }
        List<Due> due = new ArrayList<>();
        earliest = now + AHEAD;
        try (KeyValueIterator<byte[], byte[]> next = store.range(key(from, NOTHING), key(earliest, NOTHING))) {
            while (next.hasNext()) {
                byte[] key = next.next().key;
                long deadline = ByteBuffer.wrap(key).getLong();
                if (deadline > now) {
                    earliest = deadline;
                    break;
                }
                due.add(new Due(deadline, Arrays.copyOfRange(key, Long.BYTES, key.length)));
            }
        }
        due.forEach(timer -> cancel(timer.deadline, timer.key));
        from = now;
        return due;
    }

    private static byte[] key(long deadline, byte[] key) {
        return ByteBuffer.allocate(Long.BYTES + key.length).putLong(deadline).put(key).array();
    }
}
