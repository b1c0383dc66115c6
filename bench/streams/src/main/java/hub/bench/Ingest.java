package hub.bench;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The door: events as they are sent become canonical events; what cannot be read is refused. */
final class Ingest implements Processor<byte[], byte[], byte[], byte[]> {
    private static final Logger LOG = LoggerFactory.getLogger(Ingest.class);

    private final TmfOrder reader = new TmfOrder();
    private final AvroWriter out = new AvroWriter();
    private ProcessorContext<byte[], byte[]> context;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (record.value() == null) {
            return;
        }
        try {
            String order = reader.read(record.value(), context.currentSystemTimeMs(), out);
            context.forward(new Record<>(Buffer.utf8(order), out.copy(), reader.occurredAt()));
        } catch (Refused fault) {
            LOG.warn("an event was refused: {}", fault.getMessage());
        }
    }
}
