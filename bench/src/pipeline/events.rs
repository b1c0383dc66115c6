//! The events of the pipeline's measurement: product orders (TMF622) as an order capture sends them, and the
//! offerings and partners that they name.
//!
//! An order is created, set in progress, given a date and completed: four events. Of fifty orders, in one the
//! second event comes last of all, in another the first after the second, and in a third the second comes twice,
//! so that waiting for predecessors and finding repeats are part of the work.

use bytes::Bytes;
use schemas::{CatalogEvent, Envelope, Offering, Partner, PartnerEvent, ReferenceChange, Timestamp};
use serde_json::{Value, json};
use topology::OutgoingRecord;

use super::stage::INPUT;
use crate::cluster::record;

/// Events of each order, without repeats.
const STEPS: u64 = 4;
/// Orders whose events are told between each other.
const OPEN: u64 = 4_096;
/// Offerings in the catalog.
const OFFERINGS: u64 = 100;
/// Partners, each of whom owns some of the offerings.
const PARTNERS: u64 = 10;
/// Classes of offerings, all with a target of the default objectives.
const CLASSES: [&str; 3] = ["sim", "mobile", "broadband"];

/// One event, as it is sent.
#[derive(Clone)]
pub struct Event {
    /// The order's id, and the record's key.
    pub order: Bytes,
    /// The event as JSON.
    pub json: Bytes,
}

impl Event {
    /// The event for the topic that is read first.
    pub fn record(&self) -> OutgoingRecord {
        record(INPUT, self.order.clone(), self.json.clone())
    }
}

/// The events of `orders` orders, in the order in which they are sent. Orders are called by `run` and a number, and
/// are about from `start` on, a millisecond after each other.
pub fn events(run: &str, orders: u64, start: Timestamp) -> impl Iterator<Item = Event> {
    let slots = orders + (STEPS - 1) * OPEN;
    let told = move |slot: u64, place: u64| {
        let number = slot.checked_sub(place * OPEN).filter(|number| *number < orders)?;
        let (step, times) = told_at(number, place);
        let order = Order { id: format!("{run}-{number:08}"), number, created: start.plus_millis(number as i64) };
        let event = Event { json: order.event(step).to_string().into(), order: order.id.into() };
        Some(std::iter::repeat_n(event, times))
    };
    (0..slots).flat_map(move |slot| (0..STEPS).filter_map(move |place| told(slot, place)).flatten())
}

/// Which of an order's steps is told in this place, and how often.
fn told_at(number: u64, place: u64) -> (u64, usize) {
    match (number % 50, place) {
        // In progress after everything else, and before there is an order.
        (7, 1) => (2, 1),
        (7, 2) => (3, 1),
        (7, 3) | (23, 0) => (1, 1),
        (23, 1) => (0, 1),
        // Twice.
        (41, 1) => (1, 2),
        (_, place) => (place, 1),
    }
}

struct Order {
    id: String,
    number: u64,
    created: Timestamp,
}

impl Order {
    fn event(&self, step: u64) -> Value {
        // The steps of an order are half a minute apart.
        let at = self.created.plus_millis(step as i64 * 30_000).to_string();
        let kind = ["Create", "StateChange", "AttributeValueChange", "StateChange"][step as usize];
        let event_type = format!("ProductOrder{kind}Event");
        json!({
            "eventId": format!("{}-{step}", self.id), "eventTime": at, "timeOccurred": at, "eventType": event_type,
            "correlationId": format!("flow-{}", self.id), "domain": "Commercial", "title": event_type,
            "description": "A product order of the order capture", "priority": "3",
            "reportingSystem": {"id": "order-capture", "name": "Order capture", "@type": "LogicalResource",
                "@referredType": "LogicalResource"},
            "source": {"id": "order-capture", "@type": "LogicalResource"},
            "@baseType": "Event", "@type": event_type, "event": {"productOrder": self.resource(step, &at)},
        })
    }

    fn resource(&self, step: u64, at: &str) -> Value {
        let href = format!("https://orders.example.com/productOrderingManagement/v4/productOrder/{}", self.id);
        let state = ["acknowledged", "inProgress", "inProgress", "completed"][step as usize];
        if step == 2 {
            // Before or after the date that was asked for.
            let expected = self.created.plus_millis(if self.number.is_multiple_of(2) { 3_600_000 } else { 10_800_000 });
            return json!({"id": self.id, "href": href, "expectedCompletionDate": expected.to_string(),
                "note": [{"id": "2", "text": "A date was promised", "author": "planning", "date": at}]});
        }
        let items: Vec<_> = (0..2).map(|place| self.item(place, state)).collect();
        let mut resource = json!({
            "id": self.id, "href": href, "externalId": format!("PO-{}", self.id), "category": "mobile", "priority": "4",
            "description": "A plan with an add-on", "state": state, "orderDate": self.created.to_string(),
            "requestedStartDate": self.created.to_string(),
            "requestedCompletionDate": self.created.plus_millis(7_200_000).to_string(),
            "channel": [{"id": "web", "name": "web", "role": "capture", "@type": "RelatedChannel"}],
            "billingAccount": {"id": format!("BA-{:08}", self.number), "name": "Main account",
                "@type": "BillingAccountRef", "@referredType": "BillingAccount"},
            "orderCharacteristic": [{"name": "circle", "value": "Karnataka", "valueType": "string"}],
            "note": [{"id": "1", "text": "Deliver in the morning", "author": "web", "date": self.created.to_string()}],
            "productOrderItem": items, "@type": "ProductOrder",
        });
        if step == 3 {
            resource["completionDate"] = json!(at);
        }
        resource
    }

    fn item(&self, place: u64, state: &str) -> Value {
        let offering = (self.number * 7 + place * 31) % OFFERINGS;
        let price = |amount: u64| {
            json!({"dutyFreeAmount": {"unit": "INR", "value": amount}, "taxRate": 18,
                "taxIncludedAmount": {"unit": "INR", "value": (amount * 118) as f64 / 100.0}})
        };
        json!({
            "id": (place + 1).to_string(), "action": "add", "quantity": 1, "state": state,
            "productOffering": {"id": format!("PO-{offering}"), "name": format!("Offering {offering}"),
                "href": format!("https://catalog.example.com/productOffering/PO-{offering}"),
                "@referredType": "ProductOffering"},
            "product": {"id": format!("P-{}-{place}", self.id), "isBundle": false, "@type": "Product",
                "productSpecification": {"id": format!("PS-{offering}"), "name": "Specification", "version": "1"},
                "productCharacteristic": [{"name": "simType", "value": "eSIM", "valueType": "string"},
                    {"name": "speed", "value": "100", "valueType": "number"}]},
            "itemPrice": [{"name": "Monthly charge", "priceType": "recurring", "recurringChargePeriod": "month",
                "price": price(200 + offering)}],
            "@type": "ProductOrderItem",
        })
    }
}

/// What the topics of tables hold: offerings that orders name, and partners that own some of them.
pub fn tables() -> impl Iterator<Item = OutgoingRecord> {
    let offerings = offerings().map(|(key, value)| record("hub.catalog.table", key, value));
    offerings.chain(partners().map(|(key, value)| record("hub.partner.table", key, value)))
}

/// The offerings that orders name, as the catalog's table has them: keys and values.
fn offerings() -> impl Iterator<Item = (Bytes, Bytes)> {
    (0..OFFERINGS).map(|number| {
        let offering = Offering {
            id: format!("PO-{number}"),
            version: "1".to_owned(),
            status: Some("active".to_owned()),
            valid_from: Some(Timestamp(0)),
            sla_class: Some(CLASSES[(number % 3) as usize].to_owned()),
            // One in three is a partner's.
            partner_id: number.is_multiple_of(3).then(|| format!("partner-{}", number % PARTNERS)),
            billing_code: Some(format!("BC-{number}")),
            ..Offering::default()
        };
        let key = [offering.id.as_bytes(), b"\0", offering.version.as_bytes()].concat();
        let event = CatalogEvent { envelope: Envelope::default(), change: ReferenceChange::Created, offering };
        (key.into(), schemas::encode(&event).into())
    })
}

/// The partners that own offerings, as their table has them: keys and values.
fn partners() -> impl Iterator<Item = (Bytes, Bytes)> {
    (0..PARTNERS).map(|number| {
        let partner = Partner { id: format!("partner-{number}"), ..Partner::default() };
        let key = partner.id.clone().into();
        let event = PartnerEvent { envelope: Envelope::default(), change: ReferenceChange::Created, partner };
        (key, schemas::encode(&event).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_told_whole_and_some_repeat_themselves() {
        let all: Vec<_> = events("test", 100, Timestamp(0)).collect();
        assert_eq!(all.len(), 402);
        for event in &all {
            let read = schemas::tmf::read(&event.json, None, Timestamp(0)).expect("an event that the hub takes");
            assert!(read.key().as_bytes() == event.order && read.envelope().flags.is_empty(), "{:?}", read.envelope());
        }
        let bytes: usize = all.iter().map(|event| event.json.len()).sum();
        assert!((1_500..3_000).contains(&(bytes / all.len())), "{}", bytes / all.len());
    }
}
