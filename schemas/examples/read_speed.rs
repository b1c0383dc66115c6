//! How long one event takes from TMF JSON to a frame: `cargo run --release --example read_speed`.
//!
//! Prints the time per event of the guard, the reader, encoding and decoding, for an order of
//! about one kilobyte. Files named as arguments are read once each, with what they gave.

use std::{hint::black_box, time::Instant};

use schemas::{OrderEvent, Timestamp, decode, guard, tmf};

const ROUNDS: u32 = 400;
const EVENTS_PER_ROUND: u32 = 500;

const ORDER: &str = r#"{"eventId":"evt-000123","eventType":"ProductOrderCreateEvent","eventTime":"2026-01-31T09:30:00.123Z","timeOcurred":"2026-01-31T09:29:58.001Z","correlationId":"c-77","reportingSystem":{"id":"crm","@type":"ReportingResource"},"@type":"ProductOrderCreateEvent","event":{"productOrder":{"id":"PO-000045123","category":"B2C product order","priority":"1","state":"acknowledged","creationDate":"2026-01-31T09:29:58Z","requestedCompletionDate":"2026-02-02T09:29:58Z","expectedCompletionDate":"2026-02-01T18:00:00Z","externalId":[{"id":"web-991","owner":"shop"}],"channel":[{"channel":{"id":"1","name":"Online channel"}}],"billingAccount":{"id":"BA-1513"},"relatedParty":[{"role":"customer","partyOrPartyRole":{"id":"C-9176","@referredType":"Customer"}}],"productOrderItem":[{"id":"100","action":"add","quantity":1,"state":"acknowledged","productOffering":{"id":"14277"},"itemPrice":[{"price":{"taxIncludedAmount":{"unit":"INR","value":399.00}}}]},{"id":"110","action":"add","quantity":1,"state":"acknowledged","productOffering":{"id":"14305"}}],"@type":"ProductOrder"}}}"#;

fn main() {
    let now = Timestamp(1_770_000_000_000);
    for path in std::env::args().skip(1) {
        let outcome = match std::fs::read(&path) {
            Ok(bytes) => match tmf::read(&bytes, None, now) {
                Ok(event) => format!("{} {} {:?}", event.family().name(), event.key(), event.envelope().flags),
                Err(error) => format!("{} {} {:?}", error.code, error.code.name(), error.field),
            },
            Err(error) => error.to_string(),
        };
        println!("{path}: {outcome}");
    }

    let bytes = ORDER.as_bytes();
    let event = tmf::read(bytes, None, now).expect("the example order is valid");
    let frame = event.encode();
    println!("{} bytes of JSON, {} bytes of frame", bytes.len(), frame.len());
    measure("guard alone", || guard::scan(black_box(bytes)).is_ok());
    measure("read", || tmf::read(black_box(bytes), None, now).is_ok());
    let mut reused = Vec::new();
    measure("encode", || {
        reused.clear();
        black_box(&event).encode_into(&mut reused);
        !reused.is_empty()
    });
    measure("decode", || decode::<OrderEvent>(black_box(&frame)).is_ok());
}

/// The best of many short rounds: what the work takes when nothing else has the processor.
fn measure(what: &str, mut work: impl FnMut() -> bool) {
    let mut best = u128::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..EVENTS_PER_ROUND {
            assert!(work());
        }
        best = best.min(start.elapsed().as_nanos());
    }
    println!("{what:12} {:6} ns", best / u128::from(EVENTS_PER_ROUND));
}
