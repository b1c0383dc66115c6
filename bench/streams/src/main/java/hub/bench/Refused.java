package hub.bench;

/** Why an event is not taken in: a stable name, never a value of the event. */
final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1;

    Refused(String reason) {
        // It says what is wrong with the event, not where in the program: no stack is walked for it.
        super(reason, null, false, false);
    }
}
