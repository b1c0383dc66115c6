package hub.bench;

/** One clock, derived from the transitions of its order: how far it is, and what it comes to. */
final class SlaClock {
    /** Places of statuses, in the schema's order. */
    static final int OPEN = 0;
    static final int PAUSED = 1;
    static final int MET = 2;
    static final int BREACHED = 3;
    static final int CANCELLED = 4;
    static final int UNKNOWN = 5;

    private static final long NONE = AvroWriter.ABSENT;

    private enum Phase { RUNNING, PAUSED, STOPPED, CANCELLED }

    private Phase phase;
    private long since;
    private long consumed;
    private long breachedAt;

    long started;
    /** The target; absent where the date that it takes is not known. */
    long target;
    int status;
    /** Why the status is unknown; null where it is known. */
    String reason;
    boolean closed;
    long breachAt;
    long stoppedAt;

    /** Derives the clock; it is kept and derived anew for the next one. */
    void derive(SlaEntry entry, SlaEntry.Clock clock) {
        Objective objective = clock.objective;
        started = entry.created();
        since = started;
        phase = Phase.RUNNING;
        consumed = 0;
        breachedAt = NONE;
        boolean isDate = objective == Objective.ON_TIME;
        target = !isDate ? clock.target : entry.dueAt == NONE ? NONE : Math.max(entry.dueAt - started, 0);
        for (int index = 0; index < entry.transitions.size(); index++) {
            step(objective, entry.transitions.get(index));
        }
        judge(entry, clock, isDate);
    }

    private void step(Objective objective, SlaEntry.Transition transition) {
        if (phase == Phase.STOPPED || phase == Phase.CANCELLED) {
            return;
        }
        int state = transition.state();
        Phase next = States.in(Objective.STOP, state) ? Phase.STOPPED
            : States.in(Objective.CANCEL, state) ? Phase.CANCELLED
            : States.in(objective.pause, state) ? Phase.PAUSED : Phase.RUNNING;
        if (next == phase) {
            return;
        }
        // A clock that starts at the creation may be told of transitions before it.
        long at = Math.max(transition.at(), since);
        if (phase == Phase.RUNNING) {
            long used = at - since;
            if (target != NONE && breachedAt == NONE && consumed + used > target) {
                breachedAt = reaches(target);
            }
            consumed += used;
        }
        phase = next;
        since = at;
    }

    private void judge(SlaEntry entry, SlaEntry.Clock clock, boolean isDate) {
        boolean stopped = phase == Phase.STOPPED || phase == Phase.CANCELLED;
        reason = doubt(entry, isDate);
        boolean isPast = entry.noticed != NONE && target != NONE && consumedAt(entry.noticed) > target;
        if (reason != null) {
            status = UNKNOWN;
        } else if (breachedAt != NONE) {
            status = BREACHED;
        } else if (!clock.applies) {
            status = CANCELLED;
        } else {
            status = switch (phase) {
                case RUNNING -> isPast ? BREACHED : OPEN;
                case PAUSED -> PAUSED;
                case STOPPED -> MET;
                case CANCELLED -> CANCELLED;
            };
        }
        closed = stopped || entry.suspect || !clock.applies;
        boolean runsOut = phase == Phase.RUNNING && target != NONE && !closed && reason == null;
        breachAt = !runsOut ? NONE : breachedAt != NONE ? breachedAt : reaches(target);
        stoppedAt = stopped ? since : NONE;
    }

    /** Why no verdict can be given, if so. */
    private String doubt(SlaEntry entry, boolean isDate) {
        if (entry.suspect) {
            return "suspect_times";
        }
        if (phase == Phase.STOPPED && since <= started) {
            return "no_duration";
        }
        if (target == NONE) {
            return "no_due_date";
        }
        return isDate && entry.dueAt <= started ? "due_before_start" : null;
    }

    /** Time used up at an instant. */
    long consumedAt(long at) {
        return phase == Phase.RUNNING ? consumed + Math.max(at - since, 0) : consumed;
    }

    /** When this much time will have been used if nothing changes. */
    private long reaches(long millis) {
        return since + Math.max(millis - consumed, 0);
    }

    /** The highest warning level that was passed by now, where the clock runs out at all. */
    int passed(long now) {
        for (int level = Objective.WARNINGS.length - 1; level >= 0 && breachAt != NONE; level--) {
            if (consumedAt(now) >= target * Objective.WARNINGS[level] / 100) {
                return Objective.WARNINGS[level];
            }
        }
        return 0;
    }

    /** When it is next to be looked at: its next warning, or when its target has passed. */
    long next(int warned, long now) {
        if (status != OPEN) {
            return NONE;
        }
        long next = reaches(target + 1);
        for (int percent : Objective.WARNINGS) {
            if (percent > warned) {
                next = Math.min(next, reaches(target * percent / 100));
                break;
            }
        }
        return Math.max(next, now);
    }

    /** A hash of what readers of the state would see change; never 0. */
    long fingerprint(int warned) {
        long hash = Hash.add(status * 2L + (closed ? 1 : 0), warned);
        hash = Hash.add(hash, started);
        hash = Hash.add(hash, target);
        hash = Hash.add(hash, breachAt);
        hash = Hash.add(hash, stoppedAt);
        hash = Hash.add(hash, closed ? consumed : -1);
        hash = Hash.add(hash, reason == null ? 0 : reason.hashCode());
        return hash == 0 ? 1 : hash;
    }
}
