//! The traps of the official examples, T1 to T15.

use super::*;
use crate::{
    AccountChange, BillState, CancelState, ItemAction, Money, Order, OrderChange, OrderState, PaymentState, TicketState,
};

#[test]
fn t01_one_event_id_for_two_events_gives_two_identities() {
    let first = order(&state_change());
    let mut changed = state_change();
    changed["event"]["productOrder"]["state"] = json!("held");
    let reused = order(&changed);
    assert_eq!(first.envelope.dedupe_key(), reused.envelope.dedupe_key());
    assert_ne!(first.envelope.payload_hash, reused.envelope.payload_hash);

    let other_type = order(&event("ProductOrderMilestoneEvent", "productOrder", json!({"id": "o-1"})));
    assert_ne!(first.envelope.dedupe_key(), other_type.envelope.dedupe_key());

    let mut other_source = state_change();
    other_source["reportingSystem"]["id"] = json!("erp");
    assert_ne!(first.envelope.dedupe_key(), order(&other_source).envelope.dedupe_key());
}

#[test]
fn t01_the_source_is_the_reporting_system_else_the_source() {
    let mut sent = state_change();
    sent["source"] = json!({"id": "shop"});
    assert_eq!(order(&sent).envelope.source, "crm");
    sent.as_object_mut().expect("an object").remove("reportingSystem");
    assert_eq!(order(&sent).envelope.source, "shop");
    sent.as_object_mut().expect("an object").remove("source");
    assert_eq!(order(&sent).envelope.source, "");
}

#[test]
fn t01_the_payload_hash_never_changes() {
    let sent = br#"{"eventId":"1","eventType":"ProductOrderDeleteEvent","event":{"productOrder":{"id":"1"}}}"#;
    let hash = read(sent, None, NOW).expect("valid").envelope().payload_hash;
    assert_eq!(hash, PAYLOAD_HASH, "a changed hash makes quarantines of repeats");
    let respaced = br#"{ "event":{"productOrder":{"id":"1"}} , "eventId":"2","eventType":"ProductOrderDeleteEvent"}"#;
    assert_eq!(read(respaced, None, NOW).expect("valid").envelope().payload_hash, hash);
}

/// The hash of `{"productOrder":{"id":"1"}}`, for ever.
const PAYLOAD_HASH: i64 = -6_103_128_869_777_619_053;

#[test]
fn t02_both_spellings_of_time_occurred() {
    let mut sent = state_change();
    assert_eq!(order(&sent).envelope.occurred_at, OCCURRED);
    sent.as_object_mut().expect("an object").remove("timeOccurred");
    assert_eq!(order(&sent).envelope.occurred_at, PUBLISHED);
    sent["timeOcurred"] = json!("2026-01-31T09:29:00Z");
    assert_eq!(order(&sent).envelope.occurred_at, OCCURRED);
    assert_eq!(order(&sent).envelope.event_time, PUBLISHED);
    assert!(order(&sent).envelope.extra.is_empty());
}

#[test]
fn t03_the_event_type_decides_and_a_mismatch_is_noted() {
    let mut sent = state_change();
    sent["@type"] = json!("CancelCancelProductOrderCreateEvent");
    let read = order(&sent);
    assert_eq!(read.change, OrderChange::StateChanged);
    assert!(read.envelope.has_flag("type_mismatch"));
    for same in ["ProductOrderStateChangeEvent", "productOrderStateChangeEvent", "Event"] {
        sent["@type"] = json!(same);
        assert!(order(&sent).envelope.flags.is_empty(), "{same}");
    }
}

#[test]
fn t04_a_partial_state_change_says_no_more_than_it_says() {
    let read = order(&state_change());
    assert_eq!(read.order.id, "o-1");
    assert_eq!(read.order.state, Some(OrderState::InProgress));
    let said = Order { id: "o-1".into(), state: Some(OrderState::InProgress), ..Order::default() };
    assert_eq!(read.order, said);

    let payment = account(&event("PaymentStateChangeEvent", "payment", json!({"id": "p-1", "status": "done"})));
    assert_eq!(payment.account_id, "p-1");
    assert!(payment.envelope.has_flag("account_unknown"));
}

#[test]
fn t05_item_states_and_unknown_fields_are_kept() {
    let mut sent = state_change();
    let entity = &mut sent["event"]["productOrder"];
    entity["itemStateChange"] = json!([{"itemId": "1", "state": "inProgress"}, {"itemId": "2", "state": "held"}]);
    entity["vendorField"] = json!({"deep": [1, 2.50, "x"]});
    sent["vendorHead"] = json!("kept");
    sent["event"]["informationRequired"] = json!("address");
    let read = order(&sent);
    let states: Vec<_> = read.order.items.iter().map(|item| (item.id.as_str(), item.state)).collect();
    assert_eq!(states, [("1", Some(OrderState::InProgress)), ("2", Some(OrderState::Held))]);
    assert_eq!(read.order.extra.get("vendorField"), Some(r#"{"deep":[1,2.5,"x"]}"#));
    assert_eq!(read.order.extra.get("informationRequired"), Some(r#""address""#));
    assert_eq!(read.envelope.extra.get("vendorHead"), Some(r#""kept""#));
}

#[test]
fn t05_personal_fields_are_kept_as_they_came() {
    let person = json!({"id": "c-1", "name": "Some One", "contactMedium": [{"phoneNumber": "+919999912345"}]});
    let CanonicalEvent::Customer(read) = ok(&event("CustomerCreateEvent", "customer", person)) else {
        panic!("not a customer");
    };
    assert_eq!(read.customer.extra.get("name"), Some(r#""Some One""#));
    assert_eq!(read.customer.extra.get("contactMedium"), Some(r#"[{"phoneNumber":"+919999912345"}]"#));
}

#[test]
fn t05_both_spellings_of_referred_type() {
    for spelling in ["@referredType", "@referredtype"] {
        let mut sent = event("TroubleTicketStatusChangeEvent", "troubleTicket", json!({"id": "t-1"}));
        sent["event"]["troubleTicket"]["relatedEntity"] = json!([{"entity": {"id": "o-9", spelling: "ProductOrder"}}]);
        assert_eq!(ticket(&sent).ticket.order_id.as_deref(), Some("o-9"), "{spelling}");
    }
}

#[test]
fn t06_state_and_status_are_one() {
    for name in ["state", "status"] {
        let bill = event("CustomerBillStateChangeEvent", "customerBill", json!({"id": "b-1", name: "onHold"}));
        assert_eq!(account(&bill).bill.and_then(|bill| bill.state), Some(BillState::OnHold), "{name}");
        let payment = event("PaymentStateChangeEvent", "payment", json!({"id": "p-1", name: "captured"}));
        assert_eq!(account(&payment).payment.and_then(|payment| payment.state), Some(PaymentState::Captured));
        let sent = event("TroubleTicketStatusChangeEvent", "troubleTicket", json!({"id": "t-1", name: "held"}));
        assert_eq!(ticket(&sent).ticket.state, Some(TicketState::Held), "{name}");
    }
}

#[test]
fn t06_state_change_and_status_change_are_one_event() {
    for kind in ["PaymentStateChangeEvent", "PaymentStatusChangeEvent"] {
        let read = account(&event(kind, "payment", json!({"id": "p-1", "account": {"id": "a-1"}})));
        assert_eq!(read.change, AccountChange::StateChanged);
        assert_eq!(read.envelope.event_type, "PaymentStateChangeEvent");
        assert_eq!(read.account_id, "a-1");
    }
}

#[test]
fn t07_event_types_in_any_letter_case() {
    for kind in [
        "productOrderStateChangeEvent",
        "PRODUCTORDERSTATECHANGEEVENT",
        " ProductOrderStateChange ",
        "productOrderStateChangeNotification",
    ] {
        let mut sent = state_change();
        sent["eventType"] = json!(kind);
        assert_eq!(order(&sent).envelope.event_type, "ProductOrderStateChangeEvent", "{kind}");
    }
    let milestone = event("ProductOrderMilestoneStateChangeEvent", "productOrder", json!({"id": "o-1"}));
    assert_eq!(order(&milestone).change, OrderChange::Milestone);
}

#[test]
fn t08_states_are_trimmed() {
    let mut sent = state_change();
    for name in ["inProgress ", " in_progress", "INPROGRESS", "inProgress.accepted"] {
        sent["event"]["productOrder"]["state"] = json!(name);
        assert_eq!(order(&sent).order.state, Some(OrderState::InProgress), "{name}");
    }
}

#[test]
fn t09_times_that_make_no_sense_are_read_and_flagged() {
    let born_resolved = json!({
        "id": "t-1", "status": "resolved",
        "creationDate": "2022-05-31T07:34:45Z", "expectedResolutionDate": "2019-06-10T07:34:45Z",
    });
    let read = ticket(&event("TroubleTicketCreateEvent", "troubleTicket", born_resolved));
    assert!(read.envelope.has_flag("sla_suspect"));
    assert!(read.ticket.expected_resolution_date < read.ticket.creation_date);
    let sound = json!({"id": "t-1", "status": "acknowledged", "creationDate": "2022-05-31T07:34:45Z"});
    assert!(ticket(&event("TroubleTicketCreateEvent", "troubleTicket", sound)).envelope.flags.is_empty());
    let promised_before = json!({
        "id": "o-1", "creationDate": "2026-01-31T07:00:00Z", "requestedCompletionDate": "2026-01-30T07:00:00Z",
    });
    assert!(order(&event("ProductOrderCreateEvent", "productOrder", promised_before)).envelope.has_flag("sla_suspect"));
}

#[test]
fn t10_impossible_and_naive_dates_are_refused_and_empty_ones_are_none() {
    let with = |date: &str| {
        event("ProductOrderStateChangeEvent", "productOrder", json!({"id": "o-1", "completionDate": date}))
    };
    let path = "/event/productOrder/completionDate";
    assert_eq!(refusal(&with("2021-03-00T00:00:00+01:00")), field(Code::BadTimestamp, path));
    assert_eq!(refusal(&with("2021-03-01T00:00:00")), field(Code::NaiveTimestamp, path));
    assert_eq!(order(&with("")).order.completion_date, None);

    let mut sent = state_change();
    sent["eventTime"] = json!("2026-01-31T09:30:00");
    assert_eq!(refusal(&sent), field(Code::NaiveTimestamp, "/eventTime"));
    sent["eventTime"] = json!(1_769_851_800);
    assert_eq!(refusal(&sent), field(Code::WrongType, "/eventTime"));
}

#[test]
fn t10_a_missing_event_time_is_now() {
    let mut sent = state_change();
    sent.as_object_mut().expect("an object").remove("eventTime");
    let envelope = order(&sent).envelope;
    assert_eq!((envelope.event_time, envelope.occurred_at), (NOW, OCCURRED));
    assert!(envelope.has_flag("no_event_time"));
}

#[test]
fn t11_v4_and_v5_orders_are_one() {
    let v4 = json!({
        "id": "o-1", "orderDate": "2026-01-31T09:00:00Z", "externalId": "web-1",
        "relatedParty": [{"id": "s-1", "role": "seller"}, {"id": "c-1", "role": "Customer"}],
        "productOrderItem": [{"id": "1", "action": "add"}],
    });
    let v5 = json!({
        "id": "o-1", "creationDate": "2026-01-31T09:00:00Z", "externalId": [{"id": "web-1", "owner": "shop"}],
        "relatedParty": [{"role": "customer", "partyOrPartyRole": {"id": "c-1", "@referredType": "Customer"}}],
        "productOrderItem": [{"id": "1", "action": "add"}],
    });
    let [mut v4, mut v5] =
        [v4, v5].map(|entity| order(&event("ProductOrderCreateEvent", "productOrder", entity)).order);
    assert_eq!(v4.customer_id.as_deref(), Some("c-1"));
    assert_eq!(v4.external_id.as_deref(), Some("web-1"));
    assert_eq!(v4.items[0].action, Some(ItemAction::Add));
    (v4.extra, v5.extra) = Default::default();
    assert_eq!(v4, v5);
}

#[test]
fn t12_card_data_is_refused_before_anything_else() {
    let mut sent = event("RefundCreateEvent", "refund", json!({"id": "r-1"}));
    sent["event"]["refund"]["paymentMethod"] = json!({"details": {"cardNumber": "0000000000000000", "cvv": "000"}});
    let path = "/event/refund/paymentMethod/details/cardNumber";
    assert_eq!(refusal(&sent), field(Code::CardData, path));
    // Other faults do not hide it: neither a wrong type nor broken JSON.
    sent["eventType"] = json!("CXJAD");
    assert_eq!(refusal(&sent), field(Code::CardData, path));
    let broken = format!("{sent}}}");
    assert_eq!(read(broken.as_bytes(), None, NOW).map_err(|error| error.code), Err(Code::CardData));
}

#[test]
fn t12_errors_never_repeat_values() {
    let secret = "S3CR3T-value";
    let mut sent = state_change();
    sent["event"]["productOrder"] = json!({"id": "o-1", "state": secret});
    let error = read_json(&sent).expect_err("an unknown state");
    assert!(!format!("{error} {error:?}").contains(secret));
    sent["eventType"] = json!(secret);
    let error = read_json(&sent).expect_err("an unknown type");
    assert!(!format!("{error} {error:?}").contains(secret));
}

#[test]
fn t13_an_unknown_currency_is_flagged_and_kept() {
    let item = |id: &str, unit: &str| json!({"id": id, "itemPrice": [{"price": {"taxIncludedAmount": {"unit": unit, "value": 0.99}}}]});
    let create = |items: Value| {
        order(&event("ProductOrderCreateEvent", "productOrder", json!({"id": "o-1", "productOrderItem": items})))
    };
    let typo = create(json!([item("1", "EUT")]));
    assert!(typo.envelope.has_flag("unknown_currency"));
    assert_eq!(typo.order.total_price, Some(Money { currency: "EUT".into(), micros: 990_000 }));
    let sum = create(json!([item("1", "eur"), item("2", "EUR")]));
    assert!(sum.envelope.flags.is_empty());
    assert_eq!(sum.order.total_price, Some(Money { currency: "EUR".into(), micros: 1_980_000 }));
    let mixed = create(json!([item("1", "INR"), item("2", "EUR")]));
    assert!(mixed.envelope.has_flag("mixed_currency"));
    assert_eq!(mixed.order.total_price, None);
}

#[test]
fn t14_aliases_of_states() {
    for name in ["canceled", "cancelled"] {
        let payment = event("PaymentStateChangeEvent", "payment", json!({"id": "p-1", "status": name}));
        assert_eq!(account(&payment).payment.and_then(|payment| payment.state), Some(PaymentState::Canceled));
        let mut sent = state_change();
        sent["event"]["productOrder"]["state"] = json!(name);
        assert_eq!(order(&sent).order.state, Some(OrderState::Cancelled));
    }
    for name in ["accepted", "acknowledged"] {
        let task = json!({"id": "x-1", "state": name, "cancellationReason": "twice", "productOrder": {"id": "o-1"}});
        let read = order(&event("CancelProductOrderCreateEvent", "cancelProductOrder", task));
        assert_eq!(read.change, OrderChange::CancelRequested);
        assert_eq!(read.order.id, "o-1");
        let cancel = read.cancel.expect("a cancellation task");
        assert_eq!((cancel.state, cancel.reason.as_deref()), (Some(CancelState::Acknowledged), Some("twice")));
    }
}

#[test]
fn t15_random_event_types_are_refused() {
    let mut sent = state_change();
    sent["eventType"] = json!("CXJAD");
    assert_eq!(refusal(&sent), field(Code::UnknownEventType, "/eventType"));
}
