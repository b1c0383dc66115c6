package hub.bench;

/** What an event does to its order: a step in the table of states, a merge, what the catalog adds, and a fact. */
final class OrderSteps {
    /** How an event ended. */
    enum Outcome { APPLIED, STALE, DUPLICATE, WAITS }

    /** What an event does to the machine. */
    private enum Move { BEGIN, TO, CONFIRM, STAY, STALE, WAIT }

    private final Catalog catalog;
    private final Routes routes;
    private final Json json = new Json();

    OrderSteps(Catalog catalog, Routes routes) {
        this.catalog = catalog;
        this.routes = routes;
    }

    Outcome apply(OrderRecord state, OrderEvent event) {
        Order patch = event.order;
        long at = event.occurredAt;
        int to = patch.state;
        Move move = place(state, event.change, to, at);
        if (move == Move.WAIT || move == Move.STALE) {
            return move == Move.WAIT ? Outcome.WAITS : Outcome.STALE;
        }
        boolean isFirst = move == Move.BEGIN;
        int from = state.machine.state;
        boolean moved = perform(move, state, to, at);
        boolean isCreation = event.change == OrderEvent.CREATED;
        boolean isLateCreation = isCreation && !isFirst;
        boolean wasAdopted = (state.flags & Flags.ADOPTED) != 0;
        if (isLateCreation) {
            state.flags = Flags.set(state.flags, Flags.ADOPTED, false);
        }
        boolean namesItems = patch.items.stream().anyMatch(item -> item.state != States.NONE);
        state.times.merge(state.order, event, at);
        date(state, patch, at, isFirst || isLateCreation || wasAdopted);

        if (to == States.NONE && namesItems) {
            moved |= state.rollUp(at);
        } else if (moved) {
            // Items that ended after this happened, but were told of before the order could follow.
            long later = state.times.itemsAfter(at);
            moved |= later != AvroWriter.ABSENT && state.hasEndedItems() && state.rollUp(later);
        }
        state.deleted |= event.change == OrderEvent.DELETED;

        boolean changes = moved || state.times.any;
        if (!changes && state.times.late && event.change == OrderEvent.ATTRIBUTE_CHANGED) {
            return Outcome.STALE;
        }
        boolean isRepeat = event.change == OrderEvent.STATE_CHANGED && !isFirst || isLateCreation && !wasAdopted;
        if (!changes && isRepeat) {
            return Outcome.DUPLICATE;
        }
        enrich(state);
        state.checkTimes(at);
        state.order.state = state.machine.state;
        String change = OrderEvent.changeName(event.change);
        if (isLateCreation && !wasAdopted) {
            change = moved ? "state_changed" : "attribute_changed";
        } else if (event.change == OrderEvent.STATE_CHANGED && !moved) {
            change = "attribute_changed";
        }
        routes.publish(new Fact(state, event, change, from, moved));
        return Outcome.APPLIED;
    }

    private static Move place(OrderRecord state, int change, int to, long at) {
        if (state.deleted) {
            return Move.STALE;
        }
        if (!state.known) {
            return change == OrderEvent.CREATED ? Move.BEGIN : Move.WAIT;
        }
        if (to == States.NONE) {
            return Move.STAY;
        }
        boolean isOfState = change == OrderEvent.STATE_CHANGED;
        return switch (state.machine.step(to, at)) {
            case LEGAL, UNBORN -> Move.TO;
            case SAME -> Move.CONFIRM;
            case STALE -> isOfState ? Move.STALE : Move.STAY;
            case ILLEGAL -> isOfState || change == OrderEvent.ATTRIBUTE_CHANGED ? Move.WAIT : Move.STAY;
        };
    }

    /** Does the move. Returns whether the state is another one now. */
    private static boolean perform(Move move, OrderRecord state, int to, long at) {
        switch (move) {
            case BEGIN -> {
                int begin = to == States.NONE ? States.ACKNOWLEDGED : to;
                state.known = true;
                state.machine.begin(begin);
                // Whatever came before was never seen, so no clock can be right.
                if (!States.in(States.START, begin)) {
                    state.flags |= Flags.SLA_SUSPECT;
                }
            }
            case TO -> state.machine.enter(to, at);
            case CONFIRM -> state.machine.confirm(at);
            default -> {
            }
        }
        return move == Move.BEGIN || move == Move.TO;
    }

    /** When the order was created, as its source says, else when it was first heard of; and the first promise. */
    private static void date(OrderRecord state, Order patch, long at, boolean isUnsure) {
        long before = state.createdAt;
        long said = state.order.dates[Order.CREATION];
        if (said != AvroWriter.ABSENT) {
            state.createdAt = said;
        } else if (isUnsure) {
            state.createdAt = before == AvroWriter.ABSENT ? at : Math.min(before, at);
        }
        if (before != AvroWriter.ABSENT && before != state.createdAt) {
            state.forgetCatalog();
        }
        if (state.firstExpectedAt == AvroWriter.ABSENT) {
            state.firstExpectedAt = patch.dates[Order.EXPECTED_COMPLETION];
        }
    }

    /** Gives each item that the catalog was not asked about yet its owner and billing code, and the order its class. */
    private void enrich(OrderRecord state) {
        long created = state.createdAt == AvroWriter.ABSENT ? 0 : state.createdAt;
        boolean isUnknown = false;
        for (Item item : state.order.items) {
            if (item.offering == null || item.billingCode != null) {
                continue;
            }
            Catalog.Offering offering = catalog.find(item.offering, created);
            if (offering == null) {
                isUnknown = true;
                continue;
            }
            if (!offering.isValid()) {
                state.flags |= Flags.OFFERING_NOT_VALID;
            }
            if (item.partner == null) {
                item.partner = offering.partner();
            }
            if (state.offeringClass == null) {
                state.offeringClass = offering.slaClass();
            }
            item.billingCode = quoted(offering.billingCode());
            if (item.partner != null && !catalog.hasPartner(item.partner)) {
                state.flags |= Flags.PARTNER_UNKNOWN;
            }
        }
        state.flags = Flags.set(state.flags, Flags.OFFERING_UNKNOWN, isUnknown);
    }

    private String quoted(String code) {
        json.clear();
        json.string(code == null ? "" : code);
        return json.toText();
    }
}
