package hub.bench;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Keeps a compacted topic as a table that every task reads. */
final class Table implements Processor<byte[], byte[], Void, Void> {
    private final String name;
    private KeyValueStore<byte[], byte[]> table;

    Table(String name) {
        this.name = name;
    }

    @Override
    public void init(ProcessorContext<Void, Void> context) {
        table = context.getStateStore(name);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        table.put(record.key(), record.value());
    }
}
