package hub.bench;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** What a product order's event tells, by its type in any spelling. */
record EventKind(int change, String name) {
    private static final String PREFIX = "productorder";
    private static final Map<String, EventKind> KNOWN = new HashMap<>();

    static {
        add(OrderEvent.CREATED, "Create", "create", "creation");
        add(OrderEvent.ATTRIBUTE_CHANGED, "AttributeValueChange", "attributevaluechange", "attributechange", "change");
        add(OrderEvent.STATE_CHANGED, "StateChange", "statechange", "statuschange");
        add(OrderEvent.DELETED, "Delete", "delete", "remove");
        add(OrderEvent.INFORMATION_REQUIRED, "InformationRequired", "informationrequired");
        add(OrderEvent.MILESTONE, "Milestone", "milestone", "milestonestatechange");
        add(OrderEvent.JEOPARDY_ALERT, "JeopardyAlert", "jeopardyalert", "jeopardy");
        add(OrderEvent.ERROR_MESSAGE, "ErrorMessage", "errormessage");
    }

    private static void add(int change, String name, String... verbs) {
        EventKind kind = new EventKind(change, "ProductOrder" + name + "Event");
        KNOWN.put(kind.name, kind);
        for (String verb : verbs) {
            for (String suffix : new String[] {"event", "notification", ""}) {
                KNOWN.put(PREFIX + verb + suffix, kind);
            }
        }
    }

    /** The kind of this type; null where it is no product order's. */
    static EventKind parse(String text) {
        EventKind kind = KNOWN.get(text);
        return kind != null ? kind : KNOWN.get(text.strip().toLowerCase(Locale.ROOT));
    }
}
