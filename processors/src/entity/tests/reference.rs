//! Customers, offerings and partners.

use schemas::{CatalogEvent, Customer, CustomerEvent, Offering, ReferenceChange};
use topology::Outcome;

use super::fixture::{Hub, at};

#[test]
fn a_version_of_an_offering_is_published_whole() {
    let mut hub = Hub::new();
    let created = Offering { id: "f".into(), version: "1".into(), name: Some("Fibre".into()), ..Offering::default() };
    hub.offering(created, ReferenceChange::Created, 0);
    let patch = Offering { id: "f".into(), sla_class: Some("fibre".into()), ..Offering::default() };
    hub.offering(patch, ReferenceChange::AttributeChanged, 10);
    let rows = hub.driver.read("hub.catalog.table");
    assert_eq!(rows[1].key.as_deref(), Some(&b"f\x001"[..]));
    let row: CatalogEvent = schemas::decode(rows[1].value.as_ref().unwrap()).unwrap();
    assert_eq!((row.offering.name.as_deref(), row.offering.sla_class.as_deref()), (Some("Fibre"), Some("fibre")));
    hub.offering(Offering { id: "f".into(), ..Offering::default() }, ReferenceChange::Deleted, 20);
    let rows = hub.driver.read("hub.catalog.table");
    assert_eq!((rows.len(), rows[0].value.is_none()), (1, true));
    hub.assert_settled();
}

#[test]
fn an_older_patch_of_a_customer_is_stale() {
    let mut hub = Hub::new();
    hub.customer("c1", "gold", 10);
    let envelope = hub.envelope("CustomerAttributeValueChangeEvent", 5);
    let customer = Customer { id: "c1".into(), class: Some("silver".into()), ..Customer::default() };
    hub.pipe(
        "hub.customer",
        "c1",
        &CustomerEvent { envelope, change: ReferenceChange::AttributeChanged, customer },
        at(5),
    );
    assert_eq!(hub.ended("hub.customer", Outcome::Stale), 1);
    assert_eq!(hub.facts().len(), 1);
    hub.assert_settled();
}

#[test]
fn personal_attributes_are_not_kept() {
    let mut hub = Hub::new();
    let envelope = hub.envelope("CustomerCreateEvent", 0);
    let mut extra = schemas::Extra::default();
    extra.insert("contactMedium", "\"+919999900001\"");
    let customer = Customer { id: "c1".into(), extra, ..Customer::default() };
    hub.pipe("hub.customer", "c1", &CustomerEvent { envelope, change: ReferenceChange::Created, customer }, at(0));
    let state = hub.driver.store_get("entity.customer.state", "c1").unwrap();
    assert!(!String::from_utf8_lossy(&state).contains("99999"));
    hub.assert_settled();
}

#[test]
fn what_is_deleted_is_not_brought_back_by_what_happened_before() {
    let mut hub = Hub::new();
    hub.customer("c1", "gold", 0);
    let envelope = hub.envelope("CustomerDeleteEvent", 20);
    let customer = Customer { id: "c1".into(), ..Customer::default() };
    let deleted = CustomerEvent { envelope, change: ReferenceChange::Deleted, customer: customer.clone() };
    hub.pipe("hub.customer", "c1", &deleted, at(20));
    let envelope = hub.envelope("CustomerAttributeValueChangeEvent", 10);
    let customer = Customer { status: Some("Approved".into()), ..customer };
    let late = CustomerEvent { envelope, change: ReferenceChange::AttributeChanged, customer };
    hub.pipe("hub.customer", "c1", &late, at(10));
    assert_eq!(hub.ended("hub.customer", Outcome::Stale), 1);
    assert_eq!(hub.steps().last().unwrap(), "deleted>");

    let offering = Offering { id: "f".into(), version: "1".into(), ..Offering::default() };
    hub.offering(offering.clone(), ReferenceChange::Created, 0);
    hub.offering(offering.clone(), ReferenceChange::Deleted, 20);
    let late = Offering { sla_class: Some("fibre".into()), ..offering.clone() };
    hub.offering(late, ReferenceChange::AttributeChanged, 10);
    assert_eq!(hub.ended("hub.catalog", Outcome::Stale), 1);
    assert!(hub.driver.read("hub.catalog.table").last().unwrap().value.is_none());
    // What is created again is there again.
    hub.offering(offering, ReferenceChange::Created, 30);
    hub.customer("c1", "silver", 30);
    assert!(hub.driver.read("hub.catalog.table").last().unwrap().value.is_some());
    assert_eq!(hub.facts().last().unwrap().customer_class.as_deref(), Some("silver"));

    hub.partner("p1", 0);
    for (change, second) in [(ReferenceChange::Deleted, 20), (ReferenceChange::AttributeChanged, 10)] {
        let envelope = hub.envelope("PartyRoleEvent", second);
        let partner = schemas::Partner { id: "p1".into(), role: Some("courier".into()), ..Default::default() };
        hub.pipe("hub.partner", "p1", &schemas::PartnerEvent { envelope, change, partner }, at(second));
    }
    assert!(hub.driver.read("hub.partner.table").last().unwrap().value.is_none());
    hub.assert_settled();
}
