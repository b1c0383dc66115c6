package hub.bench;

import java.util.ArrayList;
import java.util.List;

/** Doubts about an order, carried on in its facts. */
final class Flags {
    static final int SLA_SUSPECT = 1;
    static final int ADOPTED = 1 << 1;
    static final int OFFERING_UNKNOWN = 1 << 3;
    static final int OFFERING_NOT_VALID = 1 << 4;
    static final int PARTNER_UNKNOWN = 1 << 5;

    private static final String[] NAMES = {
        "sla_suspect", "adopted", "customer_unknown", "offering_unknown", "offering_not_valid", "partner_unknown",
    };

    private Flags() {
    }

    static int set(int flags, int flag, boolean on) {
        return on ? flags | flag : flags & ~flag;
    }

    static List<String> names(int flags) {
        if (flags == 0) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        for (int place = 0; place < NAMES.length; place++) {
            if ((flags >>> place & 1) != 0) {
                names.add(NAMES[place]);
            }
        }
        return names;
    }
}
