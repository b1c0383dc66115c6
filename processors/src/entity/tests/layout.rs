//! States are kept by position: what an earlier version wrote must still be read.

use schemas::{Order, OrderItem, OrderState, Timestamp};
use topology::{decode_value, encode_value};

use crate::entity::machine::Machine;
use crate::entity::order::OrderRecord;

fn record() -> OrderRecord {
    let mut machine = Machine::default();
    machine.begin(OrderState::Acknowledged);
    machine.enter(OrderState::InProgress, Timestamp(7));
    OrderRecord {
        machine,
        order: Order {
            id: "1".into(),
            category: Some("mobile".into()),
            customer_id: Some("c1".into()),
            items: vec![OrderItem { id: "a".into(), partner_id: Some("p1".into()), ..OrderItem::default() }],
            ..Order::default()
        },
        created_at: Some(Timestamp(5)),
        ..OrderRecord::default()
    }
}

/// `record()` as the first version wrote it. When this differs, a field was moved, removed or
/// put in the middle, here or in `schemas::Order`: put it at the end, with a default.
const FIRST_VERSION: &str = "9c9800c2c2000000c0c40093aa696e50726f677265737307c0dc0016a131c0a66d6f62696c65c0c0c0c0c0c0c0c0c0c0a26331c0c0c09199a161c0c0c0c0c0a27031c0809090908094d38000000000000000d38000000000000000d380000000000000009005c0c094c0c2c0c093c0d38000000000000000c0c000c0";

#[test]
fn orders_of_the_first_version_are_read() {
    let bytes: Vec<u8> = FIRST_VERSION
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    assert_eq!(decode_value::<OrderRecord>(&bytes).unwrap(), record());
}

#[test]
fn an_order_is_read_as_it_was_written() {
    let bytes = encode_value(&record()).unwrap();
    assert_eq!(decode_value::<OrderRecord>(&bytes).unwrap(), record(), "{bytes:02x?}");
    assert!(bytes.len() < 200, "{} bytes", bytes.len());
}
