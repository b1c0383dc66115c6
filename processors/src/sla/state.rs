//! States as numbers, so that stored clocks are small and role tests are one instruction.

use crate::route::names::{BILL_STATES, FLOW_STATES, ORDER_STATES, PAYMENT_STATES, TICKET_STATES};

/// Every state that a clock may know. Stored entries hold places in this list: append only.
const STATES: &[&str] = &[
    "deleted",
    "draft",
    "acknowledged",
    "rejected",
    "inProgress",
    "pending",
    "held",
    "assessingCancellation",
    "pendingCancellation",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "resolved",
    "closed",
    "pendingAuthorization",
    "authorized",
    "captured",
    "done",
    "canceled",
    "denied",
    "new",
    "onHold",
    "validated",
    "sent",
    "partiallyPaid",
    "settled",
    "active",
    "hold",
];

/// The number of a state that the list does not have: it has no role in any clock.
const OTHER: u8 = 63;

/// The state of an entity that was deleted at its source.
pub(super) const DELETED: u8 = 0;

/// A state's number.
pub(super) fn number(name: &str) -> u8 {
    STATES.iter().position(|state| *state == name).map_or(OTHER, |place| place as u8)
}

/// The state of a number, where the list has it.
pub(super) fn name(number: u8) -> Option<&'static str> {
    STATES.get(usize::from(number)).copied()
}

/// A set of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StateSet(u64);

impl StateSet {
    pub(super) fn insert(&mut self, state: u8) {
        self.0 |= 1 << state;
    }

    pub(super) const fn contains(self, state: u8) -> bool {
        self.0 & (1 << state) != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Kinds of entity that may have clocks, with their states.
pub(super) const KINDS: [(&str, &str, &[&str]); 6] = [
    ("order", "order", ORDER_STATES),
    ("ticket", "ticket", TICKET_STATES),
    ("account", "payment", PAYMENT_STATES),
    ("account", "refund", PAYMENT_STATES),
    ("account", "bill", BILL_STATES),
    ("flow", "flow", FLOW_STATES),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_every_kind_has_a_number_that_stays() {
        for (_, kind, states) in KINDS {
            for state in states {
                assert_ne!(number(state), OTHER, "{kind} {state}");
            }
        }
        // Numbers are in stored entries: a changed one would give old clocks another meaning.
        assert_eq!([number("deleted"), number("inProgress"), number("settled"), number("hold")], [0, 4, 26, 28]);
        assert!(STATES.len() < usize::from(OTHER));
    }
}
