//! The process flow that fulfils an order (TMF701), joined to it by the order's id.

use schemas::{Code, Family as EventFamily, FlowEvent, FlowState, Timestamp};
use serde::{Deserialize, Serialize};
use topology::{Context, Outcome, Waiting};

use crate::entity::fault::dead_letter;
use crate::entity::machine::{Machine, State, Step};
use crate::entity::{Chance, Change, Decision, Flag, MissingParent};
use crate::route::EntityView;

use super::{OrderRecord, Orders};

/// More tasks of one flow than this are told on, but not kept.
const TASKS_MAX: usize = 64;

/// What is kept of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLink {
    /// The process flow's id.
    pub id: String,
    /// Its place in its machine.
    pub machine: Machine<FlowState>,
    /// Its tasks.
    pub tasks: Vec<TaskLink>,
}

/// What is kept of a task of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLink {
    /// The task flow's id.
    pub id: String,
    /// Its place in its machine.
    pub machine: Machine<FlowState>,
}

/// Moves a machine that belongs to somebody else: the hub follows wherever it goes, as long as it
/// has not ended and has not gone on since. The state before, or how the event ends.
fn follow(machine: &mut Machine<FlowState>, to: FlowState, at: Timestamp) -> Result<Option<FlowState>, Outcome> {
    let from = machine.state;
    match machine.step(to, at) {
        Step::Legal | Step::Unborn | Step::Illegal { .. } => {
            machine.enter(to, at);
            Ok(from)
        }
        Step::Same => Err(Outcome::Duplicate),
        Step::Stale => Err(Outcome::Stale),
    }
}

impl Orders {
    pub(super) fn apply_flow(
        &mut self,
        context: &mut Context<'_>,
        state: &mut OrderRecord,
        event: &FlowEvent,
        chance: Chance,
    ) -> Decision {
        if !state.head.known {
            if chance == Chance::First || self.settings.missing_parent == MissingParent::DeadLetter {
                let fault =
                    dead_letter(Code::ParentMissing, "the order that the flow works for did not become known in time");
                return Decision::Wait(Waiting::Parked, fault);
            }
            state.head.set(Flag::OrderUnknown, true);
        }

        let at = event.envelope.occurred_at;
        let flow = state.flow.get_or_insert_with(FlowLink::default);
        if flow.id != event.flow_id {
            if at < flow.machine.since {
                return Outcome::Stale.into();
            }
            *flow = FlowLink { id: event.flow_id.clone(), ..FlowLink::default() };
        }
        let moved = match &event.task {
            Some(task) => task.state.map(|to| {
                let mut passing = Machine::default();
                let machine = if let Some(index) = flow.tasks.iter().position(|known| known.id == task.id) {
                    &mut flow.tasks[index].machine
                } else if flow.tasks.len() < TASKS_MAX {
                    flow.tasks.push(TaskLink { id: task.id.clone(), ..TaskLink::default() });
                    let last = flow.tasks.len() - 1;
                    &mut flow.tasks[last].machine
                } else {
                    &mut passing
                };
                (to, follow(machine, to, at))
            }),
            None => event.state.map(|to| (to, follow(&mut flow.machine, to, at))),
        };
        let (to, from) = match moved {
            Some((_, Err(outcome))) => return outcome.into(),
            Some((to, Ok(from))) => (Some(to), from),
            None => (None, None),
        };

        let mut fact = state.fact(&event.order_id);
        fact.family = EventFamily::Flow;
        fact.entity_kind = "flow".into();
        fact.to_state = to.map(|state| state.name().to_owned());
        fact.due_at = None;
        let name = change_name(event, to);
        let told = Change::new(name, from.map(State::name), to.is_some(), &event.envelope);
        self.publisher.publish(context, &mut state.flow_version, told, fact, EntityView::Flow(event));
        Outcome::Applied.into()
    }
}

fn change_name(event: &FlowEvent, to: Option<FlowState>) -> &'static str {
    use FlowState::*;
    match (event.deleted, &event.task, to) {
        (true, ..) => "flow_deleted",
        (_, None, None) => "flow_changed",
        (_, None, Some(New)) => "flow_new",
        (_, None, Some(Active)) => "flow_active",
        (_, None, Some(Hold)) => "flow_hold",
        (_, None, Some(Completed)) => "flow_completed",
        (_, None, Some(Cancelled)) => "flow_cancelled",
        (_, Some(_), None) => "task_changed",
        (_, Some(_), Some(New)) => "task_new",
        (_, Some(_), Some(Active)) => "task_active",
        (_, Some(_), Some(Hold)) => "task_hold",
        (_, Some(_), Some(Completed)) => "task_completed",
        (_, Some(_), Some(Cancelled)) => "task_cancelled",
    }
}
