//! Floworx process and task flows (TMF701).

use serde::{Deserialize, Serialize};

use crate::{Envelope, Extra, Timestamp};

/// The state of a process flow or task flow (TMF701).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF701's own
pub enum FlowState {
    New,
    Active,
    Hold,
    Completed,
    Cancelled,
}

/// A canonical event of `hub.flow`, keyed by the id of the order the flow works for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// The order from `relatedEntity` or the characteristic `productOrderId`; the topic key.
    pub order_id: String,
    /// The process flow's id.
    pub flow_id: String,
    /// The process flow's state, where the event tells it.
    #[serde(default)]
    pub state: Option<FlowState>,
    /// The task flow that changed, for `TaskFlow…` events.
    #[serde(default)]
    pub task: Option<TaskFlow>,
    /// Whether the flow was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// One task of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskFlow {
    /// The task's id.
    pub id: String,
    /// The task's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The task's state.
    #[serde(default)]
    pub state: Option<FlowState>,
    /// When it was completed.
    #[serde(default)]
    pub completion_date: Option<Timestamp>,
}
