//! From an event and an entity's place in its machine to the move that follows.

use schemas::Timestamp;
use topology::{Outcome, Waiting};

use super::fault::illegal_transition;
use super::machine::{Machine, State, Step};
use super::{Chance, Decision, Flag, Head, UnknownEntity};

/// What an event is about, as far as the machine is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The entity exists now.
    Created,
    /// Its state changed: the event stands and falls with the step.
    State,
    /// Attributes changed; a state that came along must be reachable.
    Attributes,
    /// Something was noted; a state that came along is used where it fits.
    Notice,
}

/// What an event does to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move<S> {
    /// The entity begins in this state.
    Begin(S),
    /// The entity's creation was never seen; it is known from now on, in this state if any.
    Adopt(Option<S>),
    /// On to this state.
    To(S),
    /// The present state is confirmed.
    Confirm,
    /// Nothing.
    Stay,
}

/// What an event names of its entity's machine.
#[derive(Clone, Copy, Debug)]
pub struct Named<S> {
    /// What it is about.
    pub news: News,
    /// The state it names.
    pub to: Option<S>,
    /// The state of an entity that is created without one.
    pub initial: S,
    /// When it happened.
    pub at: Timestamp,
}

/// The move that follows from an event.
///
/// # Errors
/// The decision on an event that moves nothing: it is stale, or waits for an earlier one.
pub fn place<S: State>(
    machine: &Machine<S>,
    head: &Head,
    named: Named<S>,
    chance: Chance,
    unknown: UnknownEntity,
) -> Result<Move<S>, Decision> {
    let Named { news, to, initial, at } = named;
    if head.deleted {
        return Err(Outcome::Stale.into());
    }
    if !head.known {
        return match news {
            News::Created => Ok(Move::Begin(to.unwrap_or(initial))),
            _ if chance == Chance::Last && unknown == UnknownEntity::Adopt => Ok(Move::Adopt(to)),
            _ => Err(wait("none", to.map_or("none", State::name))),
        };
    }
    let Some(to) = to else { return Ok(Move::Stay) };
    match machine.step(to, at) {
        Step::Legal | Step::Unborn => Ok(Move::To(to)),
        Step::Same => Ok(Move::Confirm),
        Step::Stale if news == News::State => Err(Outcome::Stale.into()),
        Step::Illegal { from, to } if matches!(news, News::State | News::Attributes) => {
            Err(wait(from.name(), to.name()))
        }
        Step::Stale | Step::Illegal { .. } => Ok(Move::Stay),
    }
}

fn wait(from: &str, to: &str) -> Decision {
    Decision::Wait(Waiting::Buffered, illegal_transition(from, to))
}

impl<S: State> Move<S> {
    /// Does the move. Returns whether the state is another one now.
    pub fn perform(self, machine: &mut Machine<S>, head: &mut Head, at: Timestamp) -> bool {
        match self {
            Self::Begin(to) => {
                head.known = true;
                machine.begin(to);
                // Whatever came before was never seen, so no clock can be right (trap T9).
                if !S::START.contains(&to) {
                    head.set(Flag::SlaSuspect, true);
                }
                true
            }
            Self::Adopt(to) => {
                head.known = true;
                head.set(Flag::Adopted, true);
                if let Some(to) = to {
                    machine.enter(to, at);
                }
                to.is_some()
            }
            Self::To(to) => {
                machine.enter(to, at);
                true
            }
            Self::Confirm => {
                machine.confirm(at);
                false
            }
            Self::Stay => false,
        }
    }

    /// Whether the entity is known only since this move.
    pub fn is_first(self) -> bool {
        matches!(self, Self::Begin(_) | Self::Adopt(_))
    }
}
