package hub.bench;

import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** What the global tables say of offerings, version by version, and of partners. */
final class Catalog {
    static final String OFFERINGS = "catalog";
    static final String PARTNERS = "partner";

    /** A version of an offering; {@code isValid} at the time that was asked for. */
    record Offering(boolean isValid, long begins, String slaClass, String partner, String billingCode) {
    }

    private final ByteArraySerializer keys = new ByteArraySerializer();
    private final AvroReader in = new AvroReader();
    private final KeyValueStore<byte[], byte[]> offerings;
    private final KeyValueStore<byte[], byte[]> partners;

    Catalog(ProcessorContext<?, ?> context) {
        offerings = context.getStateStore(OFFERINGS);
        partners = context.getStateStore(PARTNERS);
    }

    boolean hasPartner(String partner) {
        return partners.get(Buffer.utf8(partner)) != null;
    }

    boolean hasOffering(String offering) {
        try (KeyValueIterator<byte[], byte[]> versions = versions(offering)) {
            return versions.hasNext();
        }
    }

    /** Among valid versions the one that began last; else the last that began before; else the first; null for none. */
    Offering find(String offering, long at) {
        Offering best = null;
        try (KeyValueIterator<byte[], byte[]> versions = versions(offering)) {
            while (versions.hasNext()) {
                KeyValue<byte[], byte[]> version = versions.next();
                Offering next = read(version.value, at);
                if (best == null || isBetter(next, best, at)) {
                    best = next;
                }
            }
        }
        return best;
    }

    private static boolean isBetter(Offering next, Offering best, long at) {
        if (next.isValid != best.isValid) {
            return next.isValid;
        }
        if (next.isValid) {
            return next.begins > best.begins;
        }
        return best.begins > at ? next.begins < best.begins : next.begins <= at && next.begins > best.begins;
    }

    /** Keys are the offering's id, a zero byte and the version's name. */
    private KeyValueIterator<byte[], byte[]> versions(String offering) {
        return offerings.prefixScan(Buffer.utf8(offering + '\0'), keys);
    }

    private Offering read(byte[] frame, long at) {
        in.open(frame, Schemas.CATALOG_EVENT);
        in.skipText();
        in.skipText();
        in.number();
        in.number();
        in.number();
        in.skipText();
        in.skipOptionalText();
        in.number();
        in.skipTexts();
        in.skipMap();
        in.number();
        in.skipText();
        in.skipText();
        in.skipOptionalText();
        in.skipOptionalText();
        // An open beginning is the least number, which is before all time.
        long begins = in.optionalNumber();
        long ends = in.optionalNumber();
        boolean isValid = begins <= at && (ends == AvroWriter.ABSENT || at < ends);
        return new Offering(isValid, begins, in.optionalText(), in.optionalText(), in.optionalText());
    }
}
