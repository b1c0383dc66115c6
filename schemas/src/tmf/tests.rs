//! The readers, by what they must survive.

mod families;
mod mutations;
mod traps;

use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(1_770_000_000_000);
/// 2026-01-31T09:30:00Z
const PUBLISHED: Timestamp = Timestamp(1_769_851_800_000);
/// 2026-01-31T09:29:00Z
const OCCURRED: Timestamp = Timestamp(1_769_851_740_000);

fn event(kind: &str, name: &str, entity: Value) -> Value {
    let mut event = json!({
        "eventId": "e-1",
        "eventType": kind,
        "eventTime": "2026-01-31T09:30:00Z",
        "timeOccurred": "2026-01-31T09:29:00Z",
        "reportingSystem": {"id": "crm"},
        "event": {},
    });
    event["event"][name] = entity;
    event
}

fn state_change() -> Value {
    event("ProductOrderStateChangeEvent", "productOrder", json!({"id": "o-1", "state": "inProgress"}))
}

fn read_json(event: &Value) -> Result<CanonicalEvent, ReadError> {
    read(event.to_string().as_bytes(), None, NOW)
}

fn ok(event: &Value) -> CanonicalEvent {
    read_json(event).unwrap_or_else(|error| panic!("{error} for {event}"))
}

fn order(event: &Value) -> OrderEvent {
    match ok(event) {
        CanonicalEvent::Order(order) => order,
        other => panic!("not an order: {other:?}"),
    }
}

fn account(event: &Value) -> AccountEvent {
    match ok(event) {
        CanonicalEvent::Account(account) => account,
        other => panic!("not an account: {other:?}"),
    }
}

fn ticket(event: &Value) -> TicketEvent {
    match ok(event) {
        CanonicalEvent::Ticket(ticket) => ticket,
        other => panic!("not a ticket: {other:?}"),
    }
}

/// The code and the field of a refusal.
fn refusal(event: &Value) -> (Code, Option<String>) {
    let error = read_json(event).expect_err("must be refused");
    (error.code, error.field)
}

fn field(code: Code, path: &str) -> (Code, Option<String>) {
    (code, Some(path.to_owned()))
}
