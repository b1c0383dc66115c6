//! Orders that wait for their customer and their offerings.

use schemas::{Offering, OrderChange, OrderState::*, ReferenceChange};
use topology::Outcome;

use crate::entity::{EntitySettings, MissingParent};

use super::fixture::{Hub, ORDER, at, item};

fn create_for(hub: &mut Hub, customer: &str) {
    let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 0);
    created.order.customer_id = Some(customer.into());
    hub.order(&created);
}

fn create_with(hub: &mut Hub, offering: &str) {
    let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 0);
    created.order.creation_date = Some(at(0));
    created.order.items = vec![item("a", offering)];
    hub.order(&created);
}

fn version(name: &str, from: i64, class: &str) -> Offering {
    Offering {
        id: "fibre".into(),
        version: name.into(),
        valid_from: Some(at(from)),
        sla_class: Some(class.into()),
        partner_id: Some("courier".into()),
        ..Offering::default()
    }
}

#[test]
fn a_known_customer_is_answered_at_once() {
    let mut hub = Hub::new();
    hub.customer("c1", "gold", 0);
    hub.facts();
    create_for(&mut hub, "c1");
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.customer_class.as_deref(), fact.circle.as_deref()), (Some("gold"), Some("Mumbai")));
    hub.assert_settled();
}

#[test]
fn an_order_waits_for_its_customer_over_a_restart() {
    let mut hub = Hub::new();
    create_for(&mut hub, "c1");
    hub.order_state("1", InProgress, 1);
    hub.assert_waiting(2);
    hub.driver.restart();
    hub.order_state("1", Completed, 2);
    hub.assert_waiting(3);
    assert_eq!(hub.steps(), [""; 0]);
    hub.customer("c1", "gold", 3);
    let facts = hub.facts();
    let orders: Vec<_> = facts.iter().filter(|fact| fact.entity_kind == "order").collect();
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|fact| fact.customer_class.as_deref() == Some("gold") && fact.flags.is_empty()));
    assert_eq!(hub.ended(ORDER, Outcome::Applied), 3);
    hub.assert_settled();
    hub.wait_until(5000);
    assert_eq!(hub.facts().len(), 0);
}

#[test]
fn an_order_goes_on_without_its_customer_and_is_enriched_later() {
    let mut hub = Hub::new();
    create_for(&mut hub, "c1");
    hub.driver.restart();
    hub.wait_until(4);
    hub.assert_waiting(1);
    hub.wait_until(5);
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.change.as_str(), fact.flags.as_slice()), ("created", &["customer_unknown".to_owned()][..]));
    hub.assert_settled();
    hub.customer("c1", "silver", 6);
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.change.as_str(), fact.customer_class.as_deref()), ("enriched", Some("silver")));
    assert_eq!(fact.flags, [""; 0]);
}

#[test]
fn an_order_without_its_customer_is_a_dead_letter_where_policy_says_so() {
    let missing_parent = MissingParent::DeadLetter;
    let mut hub = Hub::with(EntitySettings { missing_parent, ..EntitySettings::default() });
    create_for(&mut hub, "c1");
    hub.order_state("1", InProgress, 1);
    hub.wait_until(5);
    assert_eq!(hub.dead(), ["parent_missing", "parent_missing"]);
    assert_eq!(hub.ended(ORDER, Outcome::DeadLettered), 2);
    assert_eq!(hub.facts().len(), 0);
    hub.assert_settled();
}

#[test]
fn an_order_waits_for_its_offering() {
    let mut hub = Hub::new();
    create_with(&mut hub, "fibre");
    hub.assert_waiting(1);
    hub.partner("courier", 1);
    hub.offering(version("1", -100, "fibre-home"), ReferenceChange::Created, 1);
    hub.facts();
    hub.driver.advance_wall_clock(schemas::Timestamp(at(0).0 + 250));
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.class.as_deref(), fact.partner_ids.as_slice()), (Some("fibre-home"), &["courier".to_owned()][..]));
    assert_eq!(fact.flags, [""; 0]);
    hub.assert_settled();
}

#[test]
fn an_offering_that_never_comes_is_flagged() {
    let mut hub = Hub::new();
    create_with(&mut hub, "fibre");
    for second in 1..5 {
        hub.wait_until(second);
        hub.assert_waiting(1);
    }
    hub.wait_until(5);
    assert_eq!(hub.facts().pop().unwrap().flags, ["offering_unknown"]);
    hub.assert_settled();
}

#[test]
fn an_offering_that_never_comes_is_a_dead_letter_where_policy_says_so() {
    let missing_parent = MissingParent::DeadLetter;
    let mut hub = Hub::with(EntitySettings { missing_parent, ..EntitySettings::default() });
    create_with(&mut hub, "fibre");
    hub.wait_until(5);
    assert_eq!(hub.dead(), ["unknown_offering"]);
    hub.assert_settled();
}

#[test]
fn the_version_that_was_valid_at_creation_counts() {
    let mut hub = Hub::new();
    hub.offering(version("1", -100, "old"), ReferenceChange::Created, -100);
    hub.offering(version("2", 50, "new"), ReferenceChange::Created, -50);
    hub.facts();
    create_with(&mut hub, "fibre");
    let fact = hub.facts().pop().unwrap();
    assert_eq!(fact.class.as_deref(), Some("old"));
    assert_eq!(fact.flags, ["partner_unknown"]);
    hub.assert_settled();
}
