//! Events as a TM Forum publisher sends them, each with an id of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use schemas::Timestamp;
use serde_json::{Value, json};
use topology::OutgoingRecord;

/// The present instant in RFC 3339.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("before the year 292 million")).to_string()
}

/// An event of this type about `resource` (such as `productOrder`) with this payload.
pub fn event(event_type: &str, resource: &str, payload: Value) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut event = json!({
        "eventId": format!("scenario-{id}"), "eventType": event_type, "eventTime": now(),
        "reportingSystem": {"id": "scenario"},
    });
    event["event"][resource] = payload;
    event
}

/// The creation of an order that waits for nobody: it names neither a customer nor an offering.
pub fn order_created(id: &str) -> Value {
    let price = json!([{"priceType": "oneTime", "price": {"taxIncludedAmount": {"unit": "INR", "value": 499.5}}}]);
    let order = json!({
        "id": id, "state": "acknowledged", "category": "mobile", "creationDate": now(), "orderTotalPrice": price,
        "externalId": format!("PO-{id}"), "productOrderItem": [{"id": "1", "action": "add"}],
    });
    event("ProductOrderCreateEvent", "productOrder", order)
}

/// An order comes to a state.
pub fn order_state(id: &str, state: &str) -> Value {
    event("ProductOrderStateChangeEvent", "productOrder", json!({"id": id, "state": state}))
}

/// A record for the first partition of a topic.
pub fn outgoing(topic: &str, value: &str) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: Some(0),
        key: None,
        value: Some(value.as_bytes().to_vec().into()),
        timestamp: Timestamp(7),
        headers: Vec::new(),
    }
}
