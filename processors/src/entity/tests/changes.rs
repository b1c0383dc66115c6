//! The list of changes that conditions may name is what the entities and the clocks tell, no less
//! and no more. That nothing else is told is asserted where facts are published.

use std::collections::BTreeSet;

use schemas::{
    CancelOrder, CancelState, DeliveryOutcome, DeliveryResult, Family, FlowEvent, FlowState, OrderChange, OrderState,
    TaskFlow, Ticket, TicketChange, TicketEvent, TicketState,
};

use crate::route::CHANGES;

use super::fixture::{Hub, at};

/// What only the SLA clocks tell; their own tests look for it.
const OF_CLOCKS: [&str; 4] = ["escalated", "breached", "withdrawn", "amended"];

fn orders(hub: &mut Hub) {
    use OrderChange::*;
    let mut created = hub.order_event("1", Created, Some(OrderState::Acknowledged), 0);
    created.order.customer_id = Some("c1".into());
    hub.order(&created);
    hub.wait_until(10);
    hub.customer("c1", "gold", 10);
    hub.order_state("1", OrderState::InProgress, 11);
    for change in [InformationRequired, Milestone, JeopardyAlert, ErrorMessage] {
        let event = hub.order_event("1", change, None, 12);
        hub.order(&event);
    }
    let mut changed = hub.order_event("1", AttributeChanged, None, 13);
    changed.order.category = Some("fibre".into());
    hub.order(&changed);
    for change in [CancelRequested, CancelStateChanged, CancelInformationRequired] {
        let mut event = hub.order_event("1", change, None, 14);
        let state = (change == CancelStateChanged).then_some(CancelState::InProgress);
        event.cancel = Some(CancelOrder { id: "x".into(), state, reason: None });
        hub.order(&event);
    }
    for (result, second) in [(DeliveryResult::DeadLettered, 15), (DeliveryResult::Delivered, 16)] {
        let outcome = DeliveryOutcome {
            delivery_id: "order:1#1:floworx-orders".into(),
            target: "floworx".into(),
            route: "floworx-orders".into(),
            family: Family::Order,
            entity_kind: "order".into(),
            entity_id: "1".into(),
            result,
            attempts: 1,
            error_code: None,
            http_status: None,
            external_ref: None,
            occurred_at: at(0),
            ingested_at: at(0),
            finished_at: at(second),
        };
        hub.pipe("hub.delivery", "1", &outcome, at(second));
    }
    flows(hub);
    let deleted = hub.order_event("1", Deleted, None, 60);
    hub.order(&deleted);
}

fn flows(hub: &mut Hub) {
    use FlowState::*;
    let mut second = 20;
    for is_task in [false, true] {
        for (state, deleted) in [New, Active, Hold, Completed, Cancelled]
            .map(Some)
            .into_iter()
            .chain([None])
            .map(|state| (state, false))
            .chain((!is_task).then_some((None, true)))
        {
            second += 1;
            // Each state on a flow or task of its own, as ends are final.
            let id = format!("{is_task}{state:?}");
            let event = FlowEvent {
                envelope: hub.envelope("FlowEvent", second),
                order_id: "1".into(),
                flow_id: if is_task { "f".into() } else { id.clone() },
                state: if is_task { None } else { state },
                task: is_task.then(|| TaskFlow { id, state, ..TaskFlow::default() }),
                deleted,
                extra: schemas::Extra::default(),
            };
            hub.flow(&event);
        }
    }
}

fn tickets(hub: &mut Hub) {
    hub.ticket("1", TicketChange::Created, Some(TicketState::Acknowledged), 0);
    hub.ticket("1", TicketChange::StatusChanged, Some(TicketState::InProgress), 1);
    hub.ticket("1", TicketChange::Resolved, None, 2);
    hub.ticket("1", TicketChange::StatusChanged, Some(TicketState::InProgress), 3);
    let ticket = Ticket { id: "1".into(), circle: Some("Delhi".into()), ..Ticket::default() };
    let envelope = hub.envelope("TroubleTicketAttributeValueChangeEvent", 4);
    hub.ticket_event(&TicketEvent { envelope, change: TicketChange::AttributeChanged, ticket });
}

#[test]
fn the_list_of_changes_is_what_is_told() {
    let mut hub = Hub::new();
    orders(&mut hub);
    tickets(&mut hub);
    let told: BTreeSet<String> = hub.facts().into_iter().map(|fact| fact.change).collect();
    let told: BTreeSet<&str> = told.iter().map(String::as_str).chain(OF_CLOCKS).collect();
    assert_eq!(told, CHANGES.iter().copied().collect());
    assert_eq!(hub.driver.imbalance(), 0);
}
