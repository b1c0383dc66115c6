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

#[test]
fn a_customer_is_asked_for_once_in_a_while() {
    let mut hub = Hub::new();
    hub.customer("c1", "gold", 0);
    let order = |hub: &mut Hub, id: &str, second| {
        let mut created = hub.order_event(id, OrderChange::Created, Some(Acknowledged), second);
        created.order.customer_id = Some("c1".into());
        hub.order(&created);
        let fact = hub.facts().pop().unwrap();
        (fact.entity_id, fact.customer_class.unwrap())
    };
    assert_eq!(order(&mut hub, "1", 0), ("1".into(), "gold".into()));
    assert_eq!(hub.driver.read("hub.customer.lookup").len(), 1);
    assert_eq!(order(&mut hub, "2", 1), ("2".into(), "gold".into()));
    assert_eq!(hub.driver.read("hub.customer.lookup").len(), 0, "the answer is remembered");
    // What is remembered is forgotten in time, and lost with the worker.
    hub.customer("c1", "silver", 2);
    hub.wait_until(EntitySettings::default().customer_memory_ms / 1000 + 1);
    assert_eq!(order(&mut hub, "3", 70), ("3".into(), "silver".into()));
    hub.driver.restart();
    assert_eq!(order(&mut hub, "4", 71), ("4".into(), "silver".into()));
    assert_eq!(hub.driver.read("hub.customer.lookup").len(), 2);
    hub.assert_settled();
}

#[test]
fn an_offering_that_comes_late_takes_its_doubt_back() {
    let mut hub = Hub::new();
    create_with(&mut hub, "fibre");
    hub.wait_until(5);
    assert_eq!(hub.facts().pop().unwrap().flags, ["offering_unknown"]);
    hub.partner("courier", 6);
    hub.offering(version("1", -100, "fibre-home"), ReferenceChange::Created, 6);
    hub.order_state("1", InProgress, 7);
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.class.as_deref(), fact.flags.as_slice()), (Some("fibre-home"), &[][..]));
    hub.assert_settled();
}

#[test]
fn a_late_creation_date_asks_for_the_version_of_that_time() {
    let mut hub = Hub::new();
    hub.partner("courier", -200);
    hub.offering(version("1", -100, "old"), ReferenceChange::Created, -100);
    hub.offering(version("2", 50, "new"), ReferenceChange::Created, -50);
    // Adopted from an event after the second version's start.
    let mut changed = hub.order_event("1", OrderChange::AttributeChanged, Some(InProgress), 60);
    changed.order.items = vec![item("a", "fibre")];
    hub.order(&changed);
    hub.wait_until(30);
    assert_eq!(hub.facts().pop().unwrap().class.as_deref(), Some("new"));
    create_with(&mut hub, "fibre");
    assert_eq!(hub.facts().pop().unwrap().class.as_deref(), Some("old"));
    hub.assert_settled();
}

#[test]
fn too_many_events_that_wait_for_a_customer_are_refused() {
    let mut hub = Hub::new();
    create_for(&mut hub, "c1");
    for second in 0..64 {
        hub.order_state("1", InProgress, 1 + second);
    }
    assert_eq!(hub.quarantined(), ["buffer_overflow"]);
    hub.assert_waiting(64);
}

#[test]
fn an_order_that_was_never_created_waits_for_its_customer_once() {
    let mut hub = Hub::new();
    let changed = |hub: &mut Hub, second| {
        let mut event = hub.order_event("1", OrderChange::AttributeChanged, None, second);
        event.order.customer_id = Some("c1".into());
        hub.order(&event);
    };
    changed(&mut hub, 0);
    // The customer is given up at 5; what comes later waits for the order's creation only.
    hub.wait_until(5);
    for second in [6, 12, 18, 24, 30] {
        changed(&mut hub, second);
        hub.wait_until(second + 5);
    }
    assert_eq!(hub.steps().first().unwrap(), "attribute_changed>", "later events do not prolong the first one's wait");
    hub.assert_settled();
}

#[test]
fn another_customer_who_is_remembered_takes_the_doubt_back() {
    let mut hub = Hub::new();
    hub.customer("c2", "gold", 0);
    let mut other = hub.order_event("2", OrderChange::Created, Some(Acknowledged), 0);
    other.order.customer_id = Some("c2".into());
    hub.order(&other);
    create_for(&mut hub, "c1");
    hub.wait_until(5);
    assert_eq!(hub.facts().pop().unwrap().flags, ["customer_unknown"]);
    let mut changed = hub.order_event("1", OrderChange::AttributeChanged, None, 6);
    changed.order.customer_id = Some("c2".into());
    hub.order(&changed);
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.customer_class.as_deref(), fact.flags.as_slice()), (Some("gold"), &[][..]));
    hub.assert_settled();
}
