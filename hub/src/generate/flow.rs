//! A flow: one entity's walk through its machine, as a plan of steps made when it begins.

use schemas::{BillState, Family, OrderState, PaymentState, TicketState};

use super::bill::AccountStep;
use super::generator::Ready;
use super::order_plan::OrderStep;
use super::reference::ReferenceStep;
use super::ticket::TicketStep;

/// One event of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Order(OrderStep),
    Ticket(TicketStep),
    Account(AccountStep),
    Reference(ReferenceStep),
}

/// A step and how many seconds of business time after the one before it happens.
pub(super) type Planned = (u32, Step);

/// A change of state of one entity, for the question whether two events can be told apart in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Order(OrderState),
    Ticket(TicketState),
    Bill(BillState),
    /// The number tells payments of a flow apart; refunds follow after the last payment.
    Payment(u8, PaymentState),
}

impl Move {
    fn same_entity(self, other: Self) -> bool {
        match (self, other) {
            (Self::Payment(a, _), Self::Payment(b, _)) => a == b,
            _ => std::mem::discriminant(&self) == std::mem::discriminant(&other),
        }
    }

    /// Whether the machine may go from `from` (nothing yet: `None`) to this state in one step.
    fn follows(self, from: Option<Self>) -> bool {
        match (from, self) {
            (None, Self::Order(to)) => matches!(to, OrderState::Acknowledged | OrderState::Rejected),
            (None, Self::Ticket(to)) => to == TicketState::Acknowledged,
            (None, Self::Bill(to)) => to == BillState::New,
            (None, Self::Payment(_, to)) => to == PaymentState::PendingAuthorization,
            (Some(Self::Order(from)), Self::Order(to)) => order_allows(from, to),
            (Some(Self::Ticket(from)), Self::Ticket(to)) => ticket_allows(from, to),
            (Some(Self::Bill(from)), Self::Bill(to)) => bill_allows(from, to),
            (Some(Self::Payment(_, from)), Self::Payment(_, to)) => payment_allows(from, to),
            _ => false,
        }
    }
}

fn order_allows(from: OrderState, to: OrderState) -> bool {
    use OrderState::*;
    match from {
        Acknowledged => matches!(to, InProgress | Pending),
        InProgress => {
            matches!(to, Pending | Held | AssessingCancellation | Completed | Failed | Partial)
        }
        Pending | Held => matches!(to, InProgress | AssessingCancellation | Cancelled),
        AssessingCancellation => matches!(to, PendingCancellation | InProgress | Pending | Held),
        PendingCancellation => to == Cancelled,
        Draft | Rejected | Cancelled | Completed | Failed | Partial => false,
    }
}

fn ticket_allows(from: TicketState, to: TicketState) -> bool {
    use TicketState::*;
    match from {
        Acknowledged => matches!(to, InProgress | Rejected | Cancelled),
        InProgress => matches!(to, Held | Pending | Resolved | Cancelled),
        Held => to == InProgress,
        Pending => matches!(to, InProgress | Cancelled),
        Resolved => matches!(to, Closed | InProgress),
        Closed | Cancelled | Rejected => false,
    }
}

fn bill_allows(from: BillState, to: BillState) -> bool {
    use BillState::*;
    match from {
        New => matches!(to, Validated | OnHold),
        OnHold => to == Validated,
        Validated => to == Sent,
        Sent => matches!(to, PartiallyPaid | Settled),
        PartiallyPaid => to == Settled,
        Settled => false,
    }
}

fn payment_allows(from: PaymentState, to: PaymentState) -> bool {
    use PaymentState::*;
    match from {
        PendingAuthorization => matches!(to, Authorized | Denied | Canceled | Failed),
        Authorized => matches!(to, Captured | Canceled | Failed),
        Captured => matches!(to, Done | Failed),
        Done | Failed | Canceled | Denied => false,
    }
}

impl Step {
    /// The family that its event belongs to.
    pub(super) fn family(self) -> Family {
        match self {
            Self::Order(_) => Family::Order,
            Self::Ticket(_) => Family::Ticket,
            Self::Account(_) => Family::Account,
            Self::Reference(step) => step.family(),
        }
    }

    /// The change of state that its event tells, if it tells one.
    pub(super) fn moves(self) -> Option<Move> {
        match self {
            Self::Order(OrderStep::Create(state) | OrderStep::State(state)) => Some(Move::Order(state)),
            Self::Ticket(TicketStep::Create) => Some(Move::Ticket(TicketState::Acknowledged)),
            Self::Ticket(TicketStep::Status(state)) => Some(Move::Ticket(state)),
            Self::Account(AccountStep::Bill(state)) => Some(Move::Bill(state)),
            Self::Account(AccountStep::Payment(number, state)) => Some(Move::Payment(number, state)),
            Self::Account(AccountStep::Refund(state)) => Some(Move::Payment(u8::MAX, state)),
            _ => None,
        }
    }
}

/// An entity in flight.
#[derive(Debug)]
pub(super) struct Flow {
    /// Tells flows of a run apart; part of the ids of its entities.
    pub(super) number: u64,
    /// Chance for the attributes that all its events must agree on.
    pub(super) bits: u64,
    pub(super) customer: u64,
    /// An order that a ticket is about.
    pub(super) about_order: Option<u64>,
    pub(super) v5: bool,
    pub(super) lower_camel: bool,
    /// When its first event happened.
    pub(super) created: i64,
    /// When its next event happens.
    pub(super) happens: i64,
    pub(super) plan: Vec<Planned>,
    /// Index in the plan of its next event.
    pub(super) next: usize,
    /// An event that goes out after the next one.
    pub(super) held: Option<Ready>,
}

impl Flow {
    pub(super) fn step(&self) -> Step {
        self.plan[self.next].1
    }

    /// Whether the next event may be sent after its successor so that the hub can tell: the
    /// successor must be illegal where the entity stands now, and legal after the next event.
    pub(super) fn may_swap(&self) -> bool {
        let Some(first) = self.step().moves() else { return false };
        let Some(second) = self.plan.get(self.next + 1).and_then(|(_, step)| step.moves()) else {
            return false;
        };
        let before = self.plan[..self.next].iter().rev().filter_map(|(_, step)| step.moves());
        let before = before.into_iter().find(|earlier| earlier.same_entity(first));
        first.same_entity(second) && first.follows(before) && second.follows(Some(first)) && !second.follows(before)
    }
}
