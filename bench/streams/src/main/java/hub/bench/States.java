package hub.bench;

import java.util.Map;

/** The states of orders and items (TMF622), their names, and which may follow which; a state is its place in the schema. */
final class States {
    static final int NONE = -1;
    static final int DRAFT = 0;
    static final int ACKNOWLEDGED = 1;
    static final int REJECTED = 2;
    static final int IN_PROGRESS = 3;
    static final int PENDING = 4;
    static final int HELD = 5;
    static final int ASSESSING_CANCELLATION = 6;
    static final int PENDING_CANCELLATION = 7;
    static final int CANCELLED = 8;
    static final int COMPLETED = 9;
    static final int FAILED = 10;
    static final int PARTIAL = 11;

    private static final String[] NAMES = {
        "draft", "acknowledged", "rejected", "inProgress", "pending", "held", "assessingCancellation",
        "pendingCancellation", "cancelled", "completed", "failed", "partial",
    };
    private static final int[] NEXT = new int[NAMES.length];

    static {
        NEXT[DRAFT] = set(ACKNOWLEDGED, CANCELLED, REJECTED);
        NEXT[ACKNOWLEDGED] = set(IN_PROGRESS, PENDING);
        NEXT[IN_PROGRESS] = set(PENDING, HELD, ASSESSING_CANCELLATION, COMPLETED, FAILED, PARTIAL);
        NEXT[PENDING] = set(IN_PROGRESS, ASSESSING_CANCELLATION, CANCELLED);
        NEXT[HELD] = set(IN_PROGRESS, ASSESSING_CANCELLATION, CANCELLED);
        NEXT[ASSESSING_CANCELLATION] = set(PENDING_CANCELLATION, IN_PROGRESS, PENDING, HELD);
        NEXT[PENDING_CANCELLATION] = set(CANCELLED);
    }

    /** What an order may be created as. */
    static final int START = set(DRAFT, ACKNOWLEDGED, REJECTED);
    /** Exits of an assessed cancellation that lead back to where the order came from, and nowhere else. */
    static final int RETURNS = set(IN_PROGRESS, PENDING, HELD);

    private static final Map<String, Integer> BY_LETTERS = Map.ofEntries(
        Map.entry("draft", DRAFT), Map.entry("acknowledged", ACKNOWLEDGED), Map.entry("rejected", REJECTED),
        Map.entry("inprogress", IN_PROGRESS), Map.entry("inprogress.accepted", IN_PROGRESS),
        Map.entry("pending", PENDING), Map.entry("held", HELD),
        Map.entry("assessingcancellation", ASSESSING_CANCELLATION),
        Map.entry("pendingcancellation", PENDING_CANCELLATION), Map.entry("cancelled", CANCELLED),
        Map.entry("canceled", CANCELLED), Map.entry("completed", COMPLETED), Map.entry("failed", FAILED),
        Map.entry("partial", PARTIAL));

    private static final String[] ACTIONS = {"add", "modify", "delete", "noChange"};
    private static final Map<String, Integer> ACTIONS_BY_LETTERS =
        Map.of("add", 0, "modify", 1, "delete", 2, "nochange", 3);

    private States() {
    }

    static int set(int... states) {
        int set = 0;
        for (int state : states) {
            set |= 1 << state;
        }
        return set;
    }

    static boolean in(int set, int state) {
        return state >= 0 && (set >>> state & 1) != 0;
    }

    /** The name of a state; null for none. */
    static String name(int state) {
        return state < 0 ? null : NAMES[state];
    }

    static String action(int action) {
        return action < 0 ? null : ACTIONS[action];
    }

    static boolean follows(int from, int to) {
        return in(NEXT[from], to);
    }

    static boolean isTerminal(int state) {
        return state >= 0 && NEXT[state] == 0;
    }

    /** The state of a name in any spelling. */
    static int parse(String name) {
        return find(NAMES, BY_LETTERS, name);
    }

    static int parseAction(String name) {
        return find(ACTIONS, ACTIONS_BY_LETTERS, name);
    }

    private static int find(String[] names, Map<String, Integer> byLetters, String name) {
        for (int place = 0; place < names.length; place++) {
            if (names[place].equals(name)) {
                return place;
            }
        }
        StringBuilder letters = new StringBuilder(name.length());
        for (int at = 0; at < name.length(); at++) {
            char letter = name.charAt(at);
            if (" _-\t\n\r".indexOf(letter) < 0) {
                letters.append(letter >= 'A' && letter <= 'Z' ? (char) (letter + 32) : letter);
            }
        }
        Integer found = byLetters.get(letters.toString());
        if (found == null) {
            throw new Refused("unknown_state");
        }
        return found;
    }

    /** By the name in a fact; a name that the table does not have is no order's. */
    static int byName(String name) {
        for (int place = 0; place < NAMES.length; place++) {
            if (NAMES[place].equals(name)) {
                return place;
            }
        }
        return NONE;
    }
}
