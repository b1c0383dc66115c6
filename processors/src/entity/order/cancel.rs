//! The task that cancels an order (TMF622 CancelProductOrder), and what its denial does to the order.

use schemas::{CancelOrder, CancelState, OrderState, Timestamp};

use crate::entity::machine::{Machine, Step};

use super::OrderRecord;

impl OrderRecord {
    /// The cancellation task has moved.
    pub(super) fn move_cancellation(&mut self, task: CancelOrder, at: Timestamp) -> bool {
        if self.cancel_id.as_ref() != Some(&task.id) {
            if at < self.cancel.since {
                // A later task has taken its place.
                return false;
            }
            self.cancel = Machine::default();
            self.cancel_id = Some(task.id);
        }
        let Some(to) = task.state else { return false };
        let moves = matches!(self.cancel.step(to, at), Step::Legal | Step::Unborn | Step::Illegal { .. });
        if moves {
            self.cancel.enter(to, at);
        }
        moves
    }

    fn is_denied(&self) -> bool {
        matches!(self.cancel.state, Some(CancelState::Rejected | CancelState::TerminatedWithError))
    }

    /// Whether the cancellation task was denied at this instant or later.
    pub(super) fn is_denied_since(&self, at: Timestamp) -> bool {
        self.is_denied() && self.cancel.since >= at
    }

    /// A denied or failed cancellation task brings the order back to where it came from.
    pub(super) fn return_from_denied(&mut self, at: Timestamp) -> bool {
        if !self.is_denied() || self.machine.state != Some(OrderState::AssessingCancellation) || at < self.machine.since
        {
            return false;
        }
        let Some(origin) = self.machine.origin else { return false };
        self.machine.enter(origin, at);
        true
    }
}
