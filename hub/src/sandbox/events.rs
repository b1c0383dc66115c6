//! TMF701 events as Floworx publishes them.

use serde_json::{Value, json};

/// A state of a process flow or of one of its tasks, and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The number of the task, or none for the flow itself.
    pub(super) task: Option<usize>,
    pub(super) state: &'static str,
}

/// The tasks of every flow.
pub(super) const TASKS: [&str; 3] = ["reserveResources", "configureNetwork", "activateService"];

/// The event type, as it stands in the listener's path, too.
pub(super) const fn event_type(change: Change) -> &'static str {
    if change.task.is_some() { "taskFlowStateChangeEvent" } else { "processFlowStateChangeEvent" }
}

/// The event that tells the hub of a change.
pub(super) fn event(event_id: &str, flow_id: &str, order_id: &str, change: Change, now: jiff::Timestamp) -> Value {
    let now = format!("{now:.3}");
    let related = json!([{ "id": order_id, "role": "order", "@referredType": "ProductOrder" }]);
    let (resource, mut entity) = match change.task {
        Some(task) => (
            "taskFlow",
            json!({
                "id": format!("{flow_id}-{}", task + 1),
                "name": TASKS[task],
                "processFlow": { "id": flow_id, "@referredType": "ProcessFlow" },
                "@type": "TaskFlow",
            }),
        ),
        None => ("processFlow", json!({ "id": flow_id, "@type": "ProcessFlow" })),
    };
    entity["state"] = change.state.into();
    entity["relatedEntity"] = related;
    if change.state == "completed" {
        entity["completionDate"] = now.clone().into();
    }
    let name = event_type(change);
    let system = json!({ "id": "floworx", "name": "Floworx" });
    json!({
        "eventId": event_id,
        "eventTime": now,
        "timeOccurred": now,
        "eventType": format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]),
        "correlationId": order_id,
        "domain": "Fulfilment",
        "event": { resource: entity },
        "reportingSystem": system,
        "source": system,
        "@type": "Event",
    })
}
