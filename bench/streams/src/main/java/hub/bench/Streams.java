package hub.bench;

import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** For each record: a state of 64 bytes is read and written, and the record is passed on. */
public final class Streams {
    static final class Touch implements Processor<byte[], byte[], byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> state;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.state = context.getStateStore("state");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] old = state.get(record.key());
            byte[] now = new byte[64];
            if (old != null) {
                System.arraycopy(old, 0, now, 0, 64);
            }
            now[0]++;
            state.put(record.key(), now);
            context.forward(record);
        }
    }

    /** Arguments: brokers, application, input, output, folder, plain or cached. */
    public static void main(String[] arguments) {
        boolean cached = arguments[5].equals("cached");
        Properties settings = Settings.of(arguments[0], arguments[1], arguments[4], cached);
        StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore("state"), Serdes.ByteArray(), Serdes.ByteArray());
        store = cached ? store.withCachingEnabled() : store.withCachingDisabled();
        Topology topology = new Topology();
        topology.addSource("in", arguments[2])
            .addProcessor("touch", Touch::new, "in")
            .addStateStore(store, "touch")
            .addSink("out", arguments[3], "touch");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
