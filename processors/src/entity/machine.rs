//! State machines as tables: the states are the schemas' enums, the tables read like the standard.
//!
//! A [`Machine`] is an entity's place in its table. It says of each next state whether the step is
//! legal, repeats the present state, comes too late, or has no place here yet.

use schemas::{BillState, CancelState, FlowState, OrderState, PaymentState, TicketState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::route::names;

/// A state of a machine, with the machine's table.
pub trait State: Copy + Eq + std::fmt::Debug + 'static {
    /// Every state.
    const ALL: &'static [Self];
    /// What an entity may be created as.
    const START: &'static [Self];
    /// From each state that has a way on, the states that may follow.
    const NEXT: &'static [(Self, &'static [Self])];
    /// A state that is left only towards the state it was entered from, and those exits for which
    /// this holds; its other exits are free.
    const RETURNS: Option<(Self, &'static [Self])> = None;

    /// The standard's own name of the state.
    fn name(self) -> &'static str;

    /// The states that may follow this one.
    fn next(self) -> &'static [Self] {
        Self::NEXT.iter().find(|(from, _)| *from == self).map_or(&[], |(_, to)| to)
    }

    /// Whether no state follows.
    fn is_terminal(self) -> bool {
        self.next().is_empty()
    }
}

/// What the machine says of a next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<S> {
    /// The table has this step.
    Legal,
    /// The entity is in this state already.
    Same,
    /// The entity has ended, or has moved on later than this happened.
    Stale,
    /// The table does not have this step: something before it is missing.
    Illegal {
        /// The present state.
        from: S,
        /// The state that has no place after it.
        to: S,
    },
    /// The entity has no state yet.
    Unborn,
}

/// An entity's place in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine<S> {
    /// The present state; `None` before the entity is known.
    pub state: Option<S>,
    /// When the state was entered or last confirmed.
    pub since: Timestamp,
    /// The state that [`State::RETURNS`] was entered from.
    pub origin: Option<S>,
}

impl<S> Default for Machine<S> {
    fn default() -> Self {
        Self { state: None, since: Timestamp(i64::MIN), origin: None }
    }
}

impl<S: State> Machine<S> {
    /// What becomes of a change to `to` that happened at `at`.
    pub fn step(&self, to: S, at: Timestamp) -> Step<S> {
        let Some(from) = self.state else { return Step::Unborn };
        if from == to {
            Step::Same
        } else if from.is_terminal() || at < self.since {
            Step::Stale
        } else if from.next().contains(&to) && !self.is_wrong_return(from, to) {
            Step::Legal
        } else {
            Step::Illegal { from, to }
        }
    }

    /// Whether `to` is a return to a state that this one was not entered from. An origin that is
    /// not known forbids nothing.
    fn is_wrong_return(&self, from: S, to: S) -> bool {
        match (S::RETURNS, self.origin) {
            (Some((state, exits)), Some(origin)) => from == state && exits.contains(&to) && origin != to,
            _ => false,
        }
    }

    /// Is in `to` from now on. Ask [`step`](Self::step) first.
    pub fn enter(&mut self, to: S, at: Timestamp) {
        if let Some((state, _)) = S::RETURNS {
            self.origin = if to == state { self.state } else { None };
        }
        self.state = Some(to);
        self.since = at;
    }

    /// Begins in `to`. Whatever else happens to an entity happens after its creation, whatever the
    /// clocks of its sources say, so the state counts as entered before all time.
    pub fn begin(&mut self, to: S) {
        *self = Self { state: Some(to), ..Self::default() };
    }

    /// The present state was confirmed at `at`: what happened before is late from now on.
    pub fn confirm(&mut self, at: Timestamp) {
        self.since = self.since.max(at);
    }

    /// Whether the entity has ended.
    pub fn is_terminal(&self) -> bool {
        self.state.is_some_and(State::is_terminal)
    }

    /// The present state's name.
    pub fn name(&self) -> Option<&'static str> {
        self.state.map(State::name)
    }
}

/// Product order and order item (TMF622).
///
/// ```text
/// START                 -> draft | acknowledged | rejected
/// draft                 -> acknowledged | cancelled | rejected
/// acknowledged          -> inProgress | pending
/// inProgress            -> pending | held | assessingCancellation | completed | failed | partial
/// pending               -> inProgress | assessingCancellation | cancelled
/// held                  -> inProgress | assessingCancellation | cancelled
/// assessingCancellation -> pendingCancellation | back to where it came from (denied)
/// pendingCancellation   -> cancelled
/// ```
impl State for OrderState {
    const ALL: &'static [Self] = {
        use OrderState::*;
        &[
            Draft,
            Acknowledged,
            Rejected,
            InProgress,
            Pending,
            Held,
            AssessingCancellation,
            PendingCancellation,
            Cancelled,
            Completed,
            Failed,
            Partial,
        ]
    };
    const START: &'static [Self] = &[Self::Draft, Self::Acknowledged, Self::Rejected];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use OrderState::*;
        &[
            (Draft, &[Acknowledged, Cancelled, Rejected]),
            (Acknowledged, &[InProgress, Pending]),
            (InProgress, &[Pending, Held, AssessingCancellation, Completed, Failed, Partial]),
            (Pending, &[InProgress, AssessingCancellation, Cancelled]),
            (Held, &[InProgress, AssessingCancellation, Cancelled]),
            (AssessingCancellation, &[PendingCancellation, InProgress, Pending, Held]),
            (PendingCancellation, &[Cancelled]),
        ]
    };
    const RETURNS: Option<(Self, &'static [Self])> =
        Some((Self::AssessingCancellation, &[Self::InProgress, Self::Pending, Self::Held]));

    fn name(self) -> &'static str {
        names::order_state(self)
    }
}

/// Cancellation task of an order (TMF622 CancelProductOrder; `rejected` and `cancelled` are v5's).
///
/// ```text
/// START        -> acknowledged | rejected
/// acknowledged -> inProgress | rejected | cancelled
/// inProgress   -> done | terminatedWithError | rejected | cancelled
/// ```
impl State for CancelState {
    const ALL: &'static [Self] = {
        use CancelState::*;
        &[Acknowledged, Rejected, InProgress, Cancelled, Done, TerminatedWithError]
    };
    const START: &'static [Self] = &[Self::Acknowledged, Self::Rejected];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use CancelState::*;
        &[
            (Acknowledged, &[InProgress, Rejected, Cancelled]),
            (InProgress, &[Done, TerminatedWithError, Rejected, Cancelled]),
        ]
    };

    fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Rejected => "rejected",
            Self::InProgress => "inProgress",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::TerminatedWithError => "terminatedWithError",
        }
    }
}

/// Trouble ticket (TMF621).
///
/// ```text
/// START        -> acknowledged
/// acknowledged -> inProgress | rejected | cancelled
/// inProgress   -> held | pending | resolved | cancelled
/// held         -> inProgress
/// pending      -> inProgress | cancelled
/// resolved     -> closed | inProgress (reopened)
/// ```
impl State for TicketState {
    const ALL: &'static [Self] = {
        use TicketState::*;
        &[Acknowledged, InProgress, Held, Pending, Resolved, Closed, Cancelled, Rejected]
    };
    const START: &'static [Self] = &[Self::Acknowledged];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use TicketState::*;
        &[
            (Acknowledged, &[InProgress, Rejected, Cancelled]),
            (InProgress, &[Held, Pending, Resolved, Cancelled]),
            (Held, &[InProgress]),
            (Pending, &[InProgress, Cancelled]),
            (Resolved, &[Closed, InProgress]),
        ]
    };

    fn name(self) -> &'static str {
        names::ticket_state(self)
    }
}

/// Payment and refund (TMF676, whose status is free text: the table is the hub's own).
///
/// ```text
/// START                -> pendingAuthorization | authorized | denied | failed
/// pendingAuthorization -> authorized | denied | canceled | failed
/// authorized           -> captured | canceled | failed
/// captured             -> done | failed
/// ```
impl State for PaymentState {
    const ALL: &'static [Self] = {
        use PaymentState::*;
        &[PendingAuthorization, Authorized, Captured, Done, Failed, Canceled, Denied]
    };
    const START: &'static [Self] = &[Self::PendingAuthorization, Self::Authorized, Self::Denied, Self::Failed];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use PaymentState::*;
        &[
            (PendingAuthorization, &[Authorized, Denied, Canceled, Failed]),
            (Authorized, &[Captured, Canceled, Failed]),
            (Captured, &[Done, Failed]),
        ]
    };

    fn name(self) -> &'static str {
        names::payment_state(self)
    }
}

/// Customer bill (TMF678).
///
/// ```text
/// START         -> new
/// new           -> validated | onHold
/// onHold        -> validated
/// validated     -> sent
/// sent          -> partiallyPaid | settled
/// partiallyPaid -> settled
/// ```
impl State for BillState {
    const ALL: &'static [Self] = {
        use BillState::*;
        &[New, OnHold, Validated, Sent, PartiallyPaid, Settled]
    };
    const START: &'static [Self] = &[Self::New];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use BillState::*;
        &[
            (New, &[Validated, OnHold]),
            (OnHold, &[Validated]),
            (Validated, &[Sent]),
            (Sent, &[PartiallyPaid, Settled]),
            (PartiallyPaid, &[Settled]),
        ]
    };

    fn name(self) -> &'static str {
        names::bill_state(self)
    }
}

/// Process flow and task flow (TMF701).
///
/// ```text
/// START  -> new | active
/// new    -> active
/// active -> hold | completed | cancelled
/// hold   -> active | cancelled
/// ```
impl State for FlowState {
    const ALL: &'static [Self] = {
        use FlowState::*;
        &[New, Active, Hold, Completed, Cancelled]
    };
    const START: &'static [Self] = &[Self::New, Self::Active];
    const NEXT: &'static [(Self, &'static [Self])] = {
        use FlowState::*;
        &[(New, &[Active]), (Active, &[Hold, Completed, Cancelled]), (Hold, &[Active, Cancelled])]
    };

    fn name(self) -> &'static str {
        names::flow_state(self)
    }
}

/// The state that the items of an order give it together, where they do.
///
/// All in one terminal state: that one. All ended, but not alike: `partial`. Else one that is held:
/// `held`; one that is pending: `pending`; one that is in progress or ended: `inProgress`.
pub fn roll_up(items: &(impl Iterator<Item = OrderState> + Clone)) -> Option<OrderState> {
    use OrderState::*;
    let mut rest = items.clone();
    let first = rest.next()?;
    if items.clone().all(State::is_terminal) {
        return Some(if rest.all(|state| state == first) { first } else { Partial });
    }
    let any = |wanted: OrderState| items.clone().any(|state| state == wanted);
    if any(Held) {
        Some(Held)
    } else if any(Pending) {
        Some(Pending)
    } else if items.clone().any(|state| state == InProgress || state.is_terminal()) {
        Some(InProgress)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "machine_test.rs"]
mod tests;
