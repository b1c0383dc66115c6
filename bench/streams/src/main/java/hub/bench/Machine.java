package hub.bench;

/** An order's place in the table of states: where it is, since when, and from where it came to an assessed cancellation. */
final class Machine {
    /** What the machine says of a next state. */
    enum Step { LEGAL, SAME, STALE, ILLEGAL, UNBORN }

    int state = States.NONE;
    long since = Long.MIN_VALUE;
    int origin = States.NONE;

    Step step(int to, long at) {
        if (state == States.NONE) {
            return Step.UNBORN;
        }
        if (state == to) {
            return Step.SAME;
        }
        if (States.isTerminal(state) || at < since) {
            return Step.STALE;
        }
        boolean isWrongReturn = state == States.ASSESSING_CANCELLATION && origin != States.NONE && origin != to
            && States.in(States.RETURNS, to);
        return States.follows(state, to) && !isWrongReturn ? Step.LEGAL : Step.ILLEGAL;
    }

    void enter(int to, long at) {
        origin = to == States.ASSESSING_CANCELLATION ? state : States.NONE;
        state = to;
        since = at;
    }

    /** Whatever else happens to an order happens after its creation, whatever the clocks of its sources say. */
    void begin(int to) {
        state = to;
        since = Long.MIN_VALUE;
        origin = States.NONE;
    }

    /** What happened before is late from now on. */
    void confirm(long at) {
        since = Math.max(since, at);
    }

    void write(AvroWriter out) {
        out.number(state);
        out.number(since);
        out.number(origin);
    }

    void read(AvroReader in) {
        state = in.place();
        since = in.number();
        origin = in.place();
    }
}
