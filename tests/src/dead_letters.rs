//! Bad input by single events and by batches: each kind refused by its own code, nothing echoed,
//! nothing held up, and card data stored nowhere.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Billing, Hub, event, files_with, order_created, order_state};

/// A value that stands in every bad event and must never come back.
const SECRET: &str = "S3CR3T-of-a-payload";
const PAN: &str = "4111111111111111";
/// Far longer than real ones, so that it cannot stand in a file by chance.
const CVV: &str = "73819462058317";

/// An order event whose payload is changed by `change`.
fn order(change: impl FnOnce(&mut Value)) -> Value {
    let mut sent =
        event("ProductOrderStateChangeEvent", "productOrder", json!({"id": "o-1", "state": "held", "note": SECRET}));
    change(&mut sent);
    sent
}

fn at(pointer: &str, value: Value) -> Vec<u8> {
    order(|sent| *sent.pointer_mut(pointer).expect("the place exists") = value).to_string().into_bytes()
}

fn in_order(name: &str, value: Value) -> Vec<u8> {
    order(|sent| sent["event"]["productOrder"][name] = value).to_string().into_bytes()
}

/// Every kind of bad event: status, code, field, bytes.
fn bad_events() -> Vec<(u16, &'static str, Option<&'static str>, Vec<u8>)> {
    let deep = format!("{}\"{SECRET}\"{}", "[".repeat(70), "]".repeat(70));
    let naive = json!("2026-01-31T09:30:00");
    let price = json!([{"price": {"taxIncludedAmount": {"unit": "INR", "value": 1e300}}}]);
    let amount = "/event/productOrder/orderTotalPrice/0/price/taxIncludedAmount/value";
    vec![
        (400, "HUB-2001", None, format!("{{\"eventId\": \"{SECRET}\", }}").into_bytes()),
        (400, "HUB-2002", None, format!("[\"{SECRET}\"]").into_bytes()),
        (
            422,
            "HUB-2003",
            Some("/event/productOrder/completionDate"),
            in_order("completionDate", json!("2021-03-00T00:00:00Z")),
        ),
        (422, "HUB-2004", Some("/eventTime"), at("/eventTime", naive)),
        (422, "HUB-2005", Some("/eventId"), at("/eventId", Value::Null)),
        (422, "HUB-2006", Some("/eventTime"), at("/eventTime", json!(1_769_851_800))),
        (422, "HUB-2007", Some("/eventType"), at("/eventType", json!(SECRET))),
        (422, "HUB-2008", Some("/event/productOrder/state"), in_order("state", json!(SECRET))),
        (422, "HUB-2010", Some("/event/productOrder/cardNumber"), in_order("cardNumber", json!("0000000000000000"))),
        (422, "HUB-2011", Some("/event/productOrder"), at("/event", json!({"other": SECRET}))),
        (400, "HUB-2012", None, [b"\xff\xfe", SECRET.as_bytes()].concat()),
        (422, "HUB-2013", Some("/event/productOrder/id"), in_order("id", json!(" "))),
        (422, "HUB-2014", None, deep.into_bytes()),
        (422, "HUB-2017", Some(amount), in_order("orderTotalPrice", price)),
    ]
}

#[test]
fn every_kind_of_bad_event_has_its_status_code_and_field() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    for (status, code, field, body) in bad_events() {
        let answer = hub.post("/v1/events", "application/json", body).expect("an answer");
        let content_type = answer.headers()["content-type"].to_str().expect("text").to_owned();
        let found = answer.status().as_u16();
        let text = answer.text().expect("a body");
        let problem: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((found, problem["code"].as_str(), problem["field"].as_str()), (status, Some(code), field), "{text}");
        assert_eq!(content_type, "application/problem+json", "{code}");
        assert_eq!(problem["type"], format!("urn:jcms:hub:error:{code}"));
        assert_eq!(problem["status"], status);
        for key in ["title", "detail", "help"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{code} has no {key}: {text}");
        }
        assert!(!text.contains(SECRET), "{code} repeats a value: {text}");
        let counted = hub.metric("hub_ingest_rejected_total", &[&format!("code=\"{code}\"")]);
        assert_eq!(counted, Some(1.0), "{code} is counted");
    }
    assert!(!hub.get("/metrics").contains(SECRET));
    assert_eq!(hub.stop(), Some(0));
    let (found, files) = files_with(data.path(), &[SECRET]);
    assert!(found.is_empty() && files > 3, "a refused event is stored nowhere: {found:?} of {files}");
}

#[test]
fn bad_lines_of_a_batch_become_dead_letters_and_the_stream_goes_on() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    let (mut lines, mut expected) = (Vec::new(), Vec::new());
    for (_, code, field, body) in bad_events() {
        lines.push(order_created(&format!("good-{code}")).to_string().into_bytes());
        lines.push(body);
        let mut line = json!({"line": lines.len(), "code": code});
        if let Some(field) = field {
            line["field"] = json!(field);
        }
        expected.push(line);
    }
    lines.push(Vec::new());
    lines.push(order_created("good-last").to_string().into_bytes());
    let (good, bad) = (expected.len() + 1, expected.len());

    let rejected =
        hub.post("/v1/events?on_invalid=reject", "application/x-ndjson", lines[1].clone()).expect("an answer");
    let rejected: Value = rejected.json().expect("JSON");
    assert_eq!((&rejected["accepted"], &rejected["rejected"]), (&json!(0), &json!(1)), "{rejected}");
    assert_eq!(hub.metric("hub_ingest_dead_lettered_total", &[]).unwrap_or_default(), 0.0);

    let answer = hub.post("/v1/events", "application/x-ndjson", lines.join(&b'\n')).expect("an answer");
    assert_eq!(answer.status().as_u16(), 202);
    let text = answer.text().expect("a body");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&answer["accepted"], &answer["dead_lettered"]), (&json!(good), &json!(bad)), "{text}");
    assert_eq!(answer["dead_lettered_lines"], json!(expected), "each with its line, code and field");
    assert!(!text.contains(SECRET));
    for (_, code, _, _) in bad_events() {
        let counted = hub.metric("hub_ingest_dead_lettered_total", &[&format!("code=\"{code}\"")]);
        assert_eq!(counted, Some(1.0), "{code} is counted");
    }

    // What stood between the bad lines goes its way, and so does what comes afterwards.
    Billing::open(data.path()).wait_for(good as u64, "entity_id like 'good-%'");
    hub.send(&order_state("good-last", "inProgress"));
    hub.send(&order_state("good-last", "completed"));
    Billing::open(data.path()).wait_for(1, "entity_id = 'good-last' and state = 'completed'");
    hub.settle(Duration::from_secs(30));
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    assert_eq!(hub.stop(), Some(0));
    let (found, _) = files_with(data.path(), &[SECRET]);
    assert!(found.is_empty(), "a dead letter of bad input holds no payload: {found:?}");
}

/// Card data in every disguise that a publisher may choose, each to be refused.
fn card_events() -> Vec<(&'static str, Vec<u8>)> {
    let refund = |method: Value| {
        event("RefundCreateEvent", "refund", json!({"id": "r-1", "paymentMethod": {"details": method}})).to_string()
    };
    let note = |text: String| in_order("note", json!([{"text": text}]));
    vec![
        ("named", refund(json!({"cardNumber": PAN, "cvv": CVV})).into_bytes()),
        ("cvv alone", refund(json!({"brand": "visa", "cvv": CVV})).into_bytes()),
        ("free text", note(format!("card {PAN} please"))),
        ("grouped", note("card 4111 1111 1111 1111 please".to_owned())),
        ("a number", in_order("vendorField", json!(4_111_111_111_111_111_u64))),
        ("an id", in_order("id", json!(PAN))),
        ("a key", in_order(PAN, json!("x"))),
        ("broken", format!("{{\"eventId\": \"1\", \"note\": \"{PAN}\", \"cvv\": \"{CVV}\"").into_bytes()),
        ("unknown type", at("/eventType", json!(PAN))),
    ]
}

#[test]
fn a_card_number_is_nowhere_afterwards() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    let digits = [PAN, "4111 1111 1111 1111", CVV];
    let clean = |what: &str, text: &str| assert!(digits.iter().all(|digits| !text.contains(digits)), "{what}: {text}");
    let mut batch = Vec::new();
    for (name, body) in card_events() {
        let answer = hub.post("/v1/events", "application/json", body.clone()).expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().expect("a body");
        assert!(status == 422 && text.contains("HUB-2010"), "{name}: {status} {text}");
        clean(name, &text);
        batch.extend_from_slice(&body);
        batch.push(b'\n');
    }
    batch.extend_from_slice(order_created("beside-cards").to_string().as_bytes());
    let answer = hub.post("/v1/events", "application/x-ndjson", batch).expect("an answer").text().expect("a body");
    clean("the batch's answer", &answer);
    assert!(answer.contains(&format!("\"dead_lettered\":{}", card_events().len())), "{answer}");
    let (_, named) = card_events().swap_remove(0);
    let answer = hub.post("/listener/refundCreateEvent", "application/json", named).expect("an answer");
    assert_eq!(answer.status().as_u16(), 422);

    // Everything that came with the cards has gone through the whole hub before it is looked for.
    Billing::open(data.path()).wait_for(1, "entity_id = 'beside-cards'");
    hub.settle(Duration::from_secs(30));
    clean("/metrics", &hub.get("/metrics"));
    let (found, files) = files_with(data.path(), &digits);
    assert!(found.is_empty() && files > 3, "card data in {found:?} of {files} files");
    assert_eq!(hub.stop(), Some(0));
    let (found, _) = files_with(data.path(), &digits);
    assert!(found.is_empty(), "card data in {found:?} after the end");
    let (beside, _) = files_with(data.path(), &["beside-cards"]);
    assert!(!beside.is_empty(), "the search finds what is there");
}
