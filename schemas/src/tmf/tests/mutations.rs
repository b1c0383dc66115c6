//! Whatever is done to a valid event, the reader answers.

use proptest::prelude::*;

use super::*;

/// One valid event of each resource, with much in it.
fn valid_events() -> Vec<Value> {
    let party = json!([{"role": "customer", "partyOrPartyRole": {"id": "c-1", "@referredType": "Customer"}}]);
    let money = json!({"unit": "INR", "value": 118.5});
    vec![
        event(
            "ProductOrderCreateEvent",
            "productOrder",
            json!({"id": "o-1", "state": "acknowledged",
            "creationDate": "2026-01-31T09:00:00+05:30", "externalId": [{"id": "x"}], "relatedParty": party,
            "channel": [{"channel": {"name": "shop"}}], "note": [{"text": "\u{20b9} \"quoted\" \\ \n"}],
            "productOrderItem": [{"id": "1", "action": "add", "quantity": 2, "itemPrice": [{"price": {"taxIncludedAmount": money}}]}]}),
        ),
        event(
            "CancelProductOrderStateChangeEvent",
            "cancelProductOrder",
            json!({"id": "x", "state": "done", "productOrder": {"id": "o-1"}}),
        ),
        event(
            "TroubleTicketStatusChangeEvent",
            "troubleTicket",
            json!({"id": "t", "status": "held", "relatedParty": party,
            "relatedEntity": [{"entity": {"id": "o-1", "@referredType": "ProductOrder"}}]}),
        ),
        event(
            "PaymentStateChangeEvent",
            "payment",
            json!({"id": "p", "status": "done", "account": {"id": "a"}, "totalAmount": money}),
        ),
        event("CustomerBillCreateEvent", "customerBill", json!({"id": "b", "state": "new", "amountDue": money})),
        event(
            "CustomerCreateEvent",
            "customer",
            json!({"id": "c", "characteristic": [{"name": "segment", "value": 7}]}),
        ),
        event(
            "ProcessFlowCreateEvent",
            "processFlow",
            json!({"id": "f", "relatedEntity": [{"id": "o", "@referredType": "ProductOrder"}]}),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_events_never_panic(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let events = valid_events();
        let mut bytes = which.get(&events).to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(event) = read(&bytes, None, NOW) {
            // What was read can be written and read again.
            let frame = event.encode();
            prop_assert!(crate::to_json(&frame).is_ok());
        }
    }

    #[test]
    fn swapped_values_never_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), with in 0usize..7) {
        let replacements = [json!(null), json!(-1.5e300), json!(""), json!([[], {}]), json!({"id": []}), json!(true), json!("x")];
        let events = valid_events();
        let mut event = which.get(&events).clone();
        let mut places = Vec::new();
        collect_places(&event, String::new(), &mut places);
        let place = at.get(&places);
        *event.pointer_mut(place).expect("a place of the event") = replacements[with].clone();
        if let Err(error) = read_json(&event) {
            prop_assert!(error.code.number().starts_with("HUB-2"));
        }
    }
}

fn collect_places(value: &Value, path: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                collect_places(inner, format!("{path}/{name}"), places);
            }
        }
        Value::Array(elements) => {
            for (at, inner) in elements.iter().enumerate() {
                collect_places(inner, format!("{path}/{at}"), places);
            }
        }
        _ => {}
    }
    places.push(path);
}

#[test]
fn valid_events_are_read() {
    for event in valid_events() {
        let read = ok(&event);
        assert!(!read.key().is_empty());
        assert!(read.family().topic().starts_with("hub."));
    }
}
