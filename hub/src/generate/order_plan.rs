//! How an order of the day goes: a plan through the TMF622 machine.

use schemas::{CancelState, OrderState};

use super::dice::Dice;
use super::flow::{Planned, Step};

/// An event of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderStep {
    Create(OrderState),
    State(OrderState),
    Attribute,
    Milestone(u8),
    Jeopardy,
    Error,
    Information,
    Cancel(CancelState),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

struct Plan<'a> {
    steps: Vec<Planned>,
    dice: &'a mut Dice,
    v5: bool,
}

impl Plan<'_> {
    /// The step, after half to one and a half times `seconds`.
    fn after(&mut self, seconds: u64, step: OrderStep) {
        let seconds = self.dice.between(seconds / 2, seconds + seconds / 2);
        self.steps.push((seconds as u32, Step::Order(step)));
    }

    fn state(&mut self, seconds: u64, state: OrderState) {
        self.after(seconds, OrderStep::State(state));
    }

    /// A milestone; v4 knows none and moves the expected date instead.
    fn milestone(&mut self, seconds: u64, number: u8) {
        let step = if self.v5 { OrderStep::Milestone(number) } else { OrderStep::Attribute };
        self.after(seconds, step);
    }

    /// A cancellation that is asked for in `origin`; whether it is granted is a matter of chance.
    fn cancellation(&mut self, origin: OrderState, granted: bool) {
        self.after(10 * MINUTE, OrderStep::Cancel(CancelState::Acknowledged));
        self.state(MINUTE, OrderState::AssessingCancellation);
        self.after(5 * MINUTE, OrderStep::Cancel(CancelState::InProgress));
        if granted {
            self.state(20 * MINUTE, OrderState::PendingCancellation);
            self.state(30 * MINUTE, OrderState::Cancelled);
            self.after(MINUTE, OrderStep::Cancel(CancelState::Done));
        } else {
            self.state(20 * MINUTE, origin);
            self.after(MINUTE, OrderStep::Cancel(CancelState::TerminatedWithError));
        }
    }

    /// From in progress to the end that most orders have.
    fn completion(&mut self) {
        self.milestone(40 * MINUTE, 0);
        if self.dice.percent(70) {
            self.milestone(HOUR, 1);
        }
        if self.dice.percent(30) {
            self.milestone(HOUR, 2);
        }
        self.state(40 * MINUTE, OrderState::Completed);
    }
}

/// A plan for one order; `items` decides whether it can end in part.
pub(super) fn plan(dice: &mut Dice, v5: bool, items: u64) -> Vec<Planned> {
    use OrderState::*;
    let course = dice.below(100);
    let mut plan = Plan { steps: Vec::with_capacity(12), dice, v5 };
    if course < 2 {
        plan.after(0, OrderStep::Create(Rejected));
        return plan.steps;
    }
    plan.after(0, OrderStep::Create(Acknowledged));
    if (2..8).contains(&course) {
        plan.state(5 * MINUTE, Pending);
        plan.after(2 * MINUTE, OrderStep::Information);
        if course == 2 {
            // The customer never answered.
            plan.state(6 * HOUR, Cancelled);
            return plan.steps;
        }
        if course == 3 {
            plan.cancellation(Pending, true);
            return plan.steps;
        }
        if course == 4 {
            plan.cancellation(Pending, false);
        }
        plan.state(2 * HOUR, InProgress);
        plan.completion();
        return plan.steps;
    }
    plan.state(5 * MINUTE, InProgress);
    match course {
        8..14 => {
            plan.state(30 * MINUTE, Held);
            if v5 {
                plan.after(10 * MINUTE, OrderStep::Jeopardy);
            }
            match course {
                8 => plan.cancellation(Held, true),
                9 => {
                    plan.cancellation(Held, false);
                    plan.state(HOUR, InProgress);
                    plan.completion();
                }
                _ => {
                    plan.state(2 * HOUR, InProgress);
                    plan.completion();
                }
            }
        }
        14..19 => {
            if v5 {
                plan.after(HOUR, OrderStep::Error);
            }
            plan.state(30 * MINUTE, Failed);
        }
        19..24 if items > 1 => {
            plan.milestone(HOUR, 0);
            plan.state(2 * HOUR, Partial);
        }
        24..29 => plan.cancellation(InProgress, true),
        29..33 => {
            plan.cancellation(InProgress, false);
            plan.completion();
        }
        33..38 => {
            plan.after(20 * MINUTE, OrderStep::Attribute);
            plan.completion();
        }
        _ => plan.completion(),
    }
    plan.steps
}
