//! Process flows and task flows of Floworx (TMF701), keyed by the order they work for.

use super::{
    CanonicalEvent, ReadError,
    event_type::{Resource, Verb},
    fields,
    fields::Reading,
    order::keep_beside,
    party,
};
use crate::{Extra, FlowEvent, FlowState, TaskFlow, code::Code, json::Value};

pub(super) fn read(reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let own_id = fields::id_of(entity)?;
    let mut order_id = None;
    let mut flow_id = None;
    let mut state: Option<FlowState> = None;
    let mut task = TaskFlow { id: own_id.clone(), ..TaskFlow::default() };
    let mut extra = Extra::default();
    let is_task = reading.head.kind.resource == Resource::TaskFlow;
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "state" => state = fields::named(field)?,
            "status" => state = state.or(fields::named(field)?),
            "relatedEntity" => {
                let named = party::entity_id(field, "ProductOrder")?;
                order_id = named.or(order_id);
                fields::keep(&mut extra, field);
            }
            "characteristic" | "taskFlowCharacteristic" | "processFlowCharacteristic" => {
                order_id = order_id.or(fields::characteristic(field, &["productOrderId"])?);
                fields::keep(&mut extra, field);
            }
            "processFlow" if is_task => {
                flow_id = fields::reference_id(field)?;
                fields::keep_rest(&mut extra, field, &["id"]);
            }
            "processFlowId" if is_task => flow_id = flow_id.or(fields::text(field)?),
            "name" if is_task => task.name = fields::text(field)?,
            "completionDate" if is_task => task.completion_date = fields::instant(field)?,
            _ => fields::keep(&mut extra, field),
        }
    }
    keep_beside(&reading, &mut extra);
    let order_id = order_id.ok_or_else(|| fields::missing(Code::MissingField, entity, "relatedEntity"))?;
    let deleted = !is_task && reading.head.kind.verb == Verb::Delete;
    let (flow_id, state, task) = if is_task {
        task.state = state;
        (flow_id.unwrap_or_default(), None, Some(task))
    } else {
        (own_id, state, None)
    };
    let envelope = reading.head.envelope;
    Ok(CanonicalEvent::Flow(FlowEvent { envelope, order_id, flow_id, state, task, deleted, extra }))
}
