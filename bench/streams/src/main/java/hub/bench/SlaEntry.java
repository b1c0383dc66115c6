package hub.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** What is kept of an order with its clocks: its transitions, from which each clock is derived, and what was said of them. */
final class SlaEntry {
    /** How many versions may be seen ahead of one that is missing. */
    private static final int AHEAD_MAX = 32;

    /** A change of state: when, by which version of the order, to which state. */
    record Transition(long at, long version, int state) {
        boolean isBefore(Transition other) {
            return at != other.at ? at < other.at : version < other.version;
        }
    }

    /** What is kept of one clock. */
    static final class Clock {
        Objective objective;
        boolean applies;
        /** The target by class; 0 where it is a date. */
        long target;
        int warned;
        /** A hash of the state published last; 0 for none. */
        long published;
    }

    private long upTo;
    private long[] ahead = {};
    private long newest;
    private long createdAt = AvroWriter.ABSENT;
    private long createdBy;
    private long firstAt;
    long latestAt;
    boolean suspect;
    String customer;
    String account;
    List<String> partners = List.of();
    long ingestedAt;
    final List<Transition> transitions = new ArrayList<>(4);
    final List<Clock> clocks = new ArrayList<>(Objective.values().length);
    /** The one timer that waits. */
    long timer = AvroWriter.ABSENT;
    /** Up to when the passing of time has been looked at. */
    long noticed = AvroWriter.ABSENT;
    long dueAt = AvroWriter.ABSENT;

    /** Takes a fact in; false for one that was seen before. */
    boolean take(SlaFact fact) {
        boolean isFirst = newest == 0 && upTo == 0 && ahead.length == 0;
        if (!see(fact.version)) {
            return false;
        }
        long at = fact.occurredAt;
        firstAt = isFirst ? at : Math.min(firstAt, at);
        latestAt = isFirst ? at : Math.max(latestAt, at);
        // Of several creation times the earliest version's counts, whenever it arrives.
        if (fact.createdAt != AvroWriter.ABSENT && (createdAt == AvroWriter.ABSENT || fact.version < createdBy)) {
            createdAt = fact.createdAt;
            createdBy = fact.version;
        }
        suspect |= fact.flags.contains("sla_suspect");
        if (isFirst || fact.version > newest) {
            newest = fact.version;
            customer = fact.customer;
            account = fact.account;
            partners = fact.partners;
            ingestedAt = fact.ingestedAt;
            dueAt = fact.dueAt;
            choose(fact);
        }
        boolean isDeleted = fact.change.equals("deleted");
        if (isDeleted || fact.toState != null && !Objects.equals(fact.fromState, fact.toState)) {
            int state = isDeleted ? Objective.DELETED : States.byName(fact.toState);
            add(new Transition(at, fact.version, state));
        }
        return true;
    }

    private void add(Transition transition) {
        int place = transitions.size();
        while (place > 0 && transition.isBefore(transitions.get(place - 1))) {
            place--;
        }
        transitions.add(place, transition);
    }

    /** Decides by the newest fact which objectives are for the order, and by which target. */
    private void choose(SlaFact fact) {
        for (Objective objective : OBJECTIVES) {
            long target = objective.target(fact);
            Clock clock = clockOf(objective);
            if (clock == null && target != AvroWriter.ABSENT) {
                clock = new Clock();
                clock.objective = objective;
                clocks.add(clock);
            }
            if (clock != null) {
                clock.applies = target != AvroWriter.ABSENT;
                clock.target = clock.applies ? target : clock.target;
            }
        }
    }

    private static final Objective[] OBJECTIVES = Objective.values();

    private Clock clockOf(Objective objective) {
        for (Clock clock : clocks) {
            if (clock.objective == objective) {
                return clock;
            }
        }
        return null;
    }

    /** Notes a version: all are seen up to one, and some ahead of it. False where it was seen before. */
    private boolean see(long version) {
        if (version <= upTo) {
            return false;
        }
        if (ahead.length == 0 && version == upTo + 1) {
            upTo = version;
            return true;
        }
        int place = Arrays.binarySearch(ahead, version);
        if (place >= 0) {
            return false;
        }
        long[] more = Arrays.copyOf(ahead, ahead.length + 1);
        more[ahead.length] = version;
        Arrays.sort(more);
        if (more.length > AHEAD_MAX) {
            // What is missing so long will not come; should it come, it counts as seen.
            upTo = more[0];
        }
        int follow = 0;
        while (follow < more.length && more[follow] <= upTo + 1) {
            upTo = more[follow++];
        }
        ahead = Arrays.copyOfRange(more, follow, more.length);
        return true;
    }

    /** When it was created, as far as is known. */
    long created() {
        return createdAt == AvroWriter.ABSENT ? firstAt : createdAt;
    }

    byte[] write(AvroWriter out) {
        out.clear();
        out.number(upTo);
        out.number(ahead.length);
        for (long version : ahead) {
            out.number(version);
        }
        out.number(newest);
        out.optional(createdAt);
        out.number(createdBy);
        out.number(firstAt);
        out.number(latestAt);
        out.put(suspect ? 1 : 0);
        out.optional(customer);
        out.optional(account);
        out.texts(partners);
        out.number(ingestedAt);
        out.number(transitions.size());
        for (Transition transition : transitions) {
            out.number(transition.at);
            out.number(transition.version);
            out.number(transition.state);
        }
        out.number(clocks.size());
        for (Clock clock : clocks) {
            out.put(clock.objective.ordinal());
            out.put(clock.applies ? 1 : 0);
            out.number(clock.target);
            out.number(clock.warned);
            out.word(clock.published);
        }
        out.optional(timer);
        out.optional(noticed);
        out.optional(dueAt);
        return out.copy();
    }

    static SlaEntry read(AvroReader in, byte[] bytes) {
        in.open(bytes);
        SlaEntry entry = new SlaEntry();
        entry.upTo = in.number();
        entry.ahead = new long[in.place()];
        Arrays.setAll(entry.ahead, index -> in.number());
        entry.newest = in.number();
        entry.createdAt = in.optionalNumber();
        entry.createdBy = in.number();
        entry.firstAt = in.number();
        entry.latestAt = in.number();
        entry.suspect = in.mark() != 0;
        entry.customer = in.optionalText();
        entry.account = in.optionalText();
        entry.partners = in.texts();
        entry.ingestedAt = in.number();
        for (long count = in.number(); count > 0; count--) {
            entry.transitions.add(new Transition(in.number(), in.number(), in.place()));
        }
        for (long count = in.number(); count > 0; count--) {
            Clock clock = new Clock();
            clock.objective = OBJECTIVES[in.mark()];
            clock.applies = in.mark() != 0;
            clock.target = in.number();
            clock.warned = in.place();
            clock.published = in.word();
            entry.clocks.add(clock);
        }
        entry.timer = in.optionalNumber();
        entry.noticed = in.optionalNumber();
        entry.dueAt = in.optionalNumber();
        return entry;
    }
}
