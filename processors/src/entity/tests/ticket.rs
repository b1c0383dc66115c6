//! Trouble tickets.

use schemas::{Ticket, TicketChange, TicketEvent, TicketState::*};
use topology::Outcome;

use super::fixture::{Hub, at};

const TICKET: &str = "hub.ticket";

#[test]
fn a_ticket_is_resolved_reopened_and_closed() {
    let mut hub = Hub::new();
    hub.ticket("1", TicketChange::Created, Some(Acknowledged), 0);
    hub.ticket("1", TicketChange::StatusChanged, Some(InProgress), 10);
    hub.ticket("1", TicketChange::Resolved, None, 20);
    hub.ticket("1", TicketChange::StatusChanged, Some(Resolved), 20);
    hub.ticket("1", TicketChange::StatusChanged, Some(InProgress), 30);
    hub.ticket("1", TicketChange::StatusChanged, Some(Resolved), 40);
    hub.ticket("1", TicketChange::StatusChanged, Some(Closed), 50);
    hub.ticket("1", TicketChange::StatusChanged, Some(InProgress), 60);
    assert_eq!(
        hub.steps(),
        [
            "created>acknowledged",
            "state_changed>inProgress",
            "resolved>resolved",
            "reopened>inProgress",
            "state_changed>resolved",
            "state_changed>closed",
        ]
    );
    assert_eq!([Outcome::Duplicate, Outcome::Stale].map(|outcome| hub.ended(TICKET, outcome)), [1, 1]);
    hub.assert_settled();
}

#[test]
fn a_held_ticket_cannot_be_cancelled() {
    let mut hub = Hub::new();
    hub.ticket("1", TicketChange::Created, Some(Acknowledged), 0);
    hub.ticket("1", TicketChange::StatusChanged, Some(InProgress), 10);
    hub.ticket("1", TicketChange::StatusChanged, Some(Held), 20);
    hub.ticket("1", TicketChange::StatusChanged, Some(Cancelled), 30);
    hub.assert_waiting(1);
    hub.wait_until(100);
    assert_eq!(hub.quarantined(), ["illegal_transition"]);
    hub.assert_settled();
}

#[test]
fn a_ticket_that_is_born_resolved_is_suspect() {
    let mut hub = Hub::new();
    hub.ticket("1", TicketChange::Created, Some(Resolved), 0);
    assert_eq!(hub.facts()[0].flags, ["sla_suspect"]);
    hub.assert_settled();
}

#[test]
fn a_ticket_learns_its_customers_class() {
    let mut hub = Hub::new();
    let ticket =
        Ticket { id: "1".into(), customer_id: Some("c1".into()), severity: Some("Major".into()), ..Ticket::default() };
    let envelope = hub.envelope("TroubleTicketCreateEvent", 0);
    hub.ticket_event(&TicketEvent { envelope, change: TicketChange::Created, ticket });
    hub.assert_waiting(1);
    hub.driver.restart();
    hub.customer("c1", "gold", 1);
    let fact = hub.facts().into_iter().find(|fact| fact.entity_kind == "ticket").unwrap();
    assert_eq!((fact.customer_class.as_deref(), fact.priority.as_deref()), (Some("gold"), Some("Major")));
    assert_eq!(fact.created_at, Some(at(0)));
    hub.assert_settled();
}
