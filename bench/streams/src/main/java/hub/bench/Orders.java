package hub.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The order pipeline: events are taken in, move their orders, go out by routes, and are clocked. */
public final class Orders {
    private Orders() {
    }

    /** Arguments: brokers, application, what topics begin with, folder of schemas, folder of state, plain or cached. */
    public static void main(String[] arguments) throws IOException {
        Schemas.check(Path.of(arguments[3]));
        boolean cached = arguments[5].equals("cached");
        KafkaStreams streams = new KafkaStreams(topology(arguments[2], cached), settings(arguments, cached));
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Properties settings(String[] arguments, boolean cached) {
        Properties settings = Settings.of(arguments[0], arguments[1], arguments[4], cached);
        // It stands still while its topics are filled, and shall not be taken for dead.
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 60_000);
        // Some six records follow from each event: larger batches are fewer requests.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        return settings;
    }

    static Topology topology(String prefix, boolean cached) {
        Topology topology = new Topology();
        table(topology, Catalog.OFFERINGS, prefix + "hub.catalog.table");
        table(topology, Catalog.PARTNERS, prefix + "hub.partner.table");

        topology.addSource("events", prefix + "tmf.order")
            .addProcessor("ingest", Ingest::new, "events")
            .addSink("canonical", prefix + "hub.order", "ingest");

        topology.addSource("changes", prefix + "hub.order")
            .addProcessor("entity", OrderProcessor::new, "changes")
            .addStateStore(store(OrderProcessor.STORE, cached), "entity")
            .addSink(Routes.LIFECYCLE, prefix + "hub.lifecycle", "entity")
            .addSink(Routes.BILLING, prefix + "out.billing", "entity")
            .addSink(Routes.FLOWORX, prefix + "out.floworx", "entity")
            .addSink(Routes.PARTNER, prefix + "out.partner", "entity")
            .addSink(Routes.NOTIFICATION, prefix + "out.notification", "entity");

        topology.addSource("facts", prefix + "hub.lifecycle")
            .addProcessor("sla", SlaProcessor::new, "facts")
            .addStateStore(store(SlaProcessor.ENTRIES, cached), "sla")
            .addStateStore(store(SlaProcessor.TIMERS, cached), "sla")
            .addSink("sla-state", prefix + "hub.sla.state", "sla");
        return topology;
    }

    private static void table(Topology topology, String name, String topic) {
        // Small, and read for nearly every new order.
        StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores
            .keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), Serdes.ByteArray(), Serdes.ByteArray())
            .withLoggingDisabled();
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        topology.addGlobalStore(store, name + "-in", bytes, bytes, topic, name + "-table", () -> new Table(name));
    }

    private static StoreBuilder<KeyValueStore<byte[], byte[]>> store(String name, boolean cached) {
        StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(name), Serdes.ByteArray(), Serdes.ByteArray());
        return cached ? store.withCachingEnabled() : store.withCachingDisabled();
    }
}
