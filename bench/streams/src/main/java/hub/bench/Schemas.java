package hub.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;

/** The ids of the records, and a check that the code still writes the fields that their schemas have. */
final class Schemas {
    static final int ORDER_EVENT = 1;
    static final int CATALOG_EVENT = 6;
    static final int BILLING_RECORD = 9;
    static final int PARTNER_DELIVERY = 11;
    static final int FLOWORX_COMMAND = 22;
    static final int SLA_STATE = 23;
    static final int LIFECYCLE_FACT = 25;

    /** Each file with the fingerprint of the fields, their order and types, that the code was written for. */
    private static final Map<String, Long> KNOWN = Map.of(
        "order.avsc", 4435771616999208758L,
        "catalog.avsc", -3791805918410109698L,
        "billing_record.avsc", -5110864536416255867L,
        "partner_delivery.avsc", -2811935796809482044L,
        "floworx_command.avsc", -2192748919868644872L,
        "sla_state.avsc", -2837724572706748436L,
        "lifecycle_fact.avsc", 8309463189689041970L);

    private Schemas() {
    }

    /** Fails where a schema has changed: fields are written by place, not by name. */
    static void check(Path folder) throws IOException {
        for (Map.Entry<String, Long> known : KNOWN.entrySet()) {
            Schema schema = new Schema.Parser().parse(folder.resolve(known.getKey()).toFile());
            long found = SchemaNormalization.parsingFingerprint64(schema);
            if (found != known.getValue()) {
                throw new IllegalStateException(known.getKey() + " is another schema now: " + found);
            }
        }
    }
}
