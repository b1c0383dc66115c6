//! What each family is read from, and what is refused.

use super::*;
use crate::{AccountEntityKind, FlowState, Money, OrderChange, ReferenceChange, TicketChange};

#[test]
fn the_listener_helps_where_the_event_is_silent() {
    let mut sent = state_change();
    let read_at = |sent: &Value, hint: &str| read(sent.to_string().as_bytes(), Some(hint), NOW);
    let contradicted = read_at(&sent, "productOrderCreateEvent").expect("the event's own type wins");
    assert_eq!(contradicted.envelope().event_type, "ProductOrderStateChangeEvent");
    assert!(contradicted.envelope().has_flag("listener_mismatch"));
    sent.as_object_mut().expect("an object").remove("eventType");
    let hinted = read_at(&sent, "productOrderStateChangeEvent").expect("the listener's type");
    assert!(hinted.envelope().flags.is_empty());
    assert_eq!(read_at(&sent, "nothing").map_err(|error| error.code), Err(Code::UnknownEventType));
    assert_eq!(refusal(&sent), field(Code::MissingField, "/eventType"));
}

#[test]
fn what_must_be_there_is_named() {
    let mut sent = state_change();
    sent["event"]["productOrder"] = json!({"state": "held"});
    assert_eq!(refusal(&sent), field(Code::MissingField, "/event/productOrder/id"));
    sent["event"]["productOrder"] = json!({"id": " "});
    assert_eq!(refusal(&sent), field(Code::EmptyId, "/event/productOrder/id"));
    sent["event"]["productOrder"] = json!([1]);
    assert_eq!(refusal(&sent), field(Code::NotAnObject, "/event/productOrder"));
    sent["event"] = json!({"other": {}});
    assert_eq!(refusal(&sent), field(Code::MissingEntity, "/event/productOrder"));
    sent["event"] = json!(null);
    assert_eq!(refusal(&sent), field(Code::MissingField, "/event"));
    sent["eventId"] = json!(null);
    assert_eq!(refusal(&sent), field(Code::MissingField, "/eventId"));
}

#[test]
fn what_is_no_event_is_named() {
    let code = |bytes: &[u8]| read(bytes, None, NOW).map_err(|error| error.code).expect_err("no event");
    assert_eq!(code(b""), Code::InvalidJson);
    assert_eq!(code(b"{\"eventId\": }"), Code::InvalidJson);
    assert_eq!(code(b"[]"), Code::NotAnObject);
    assert_eq!(code(b"\xff\xfe"), Code::BadEncoding);
    assert_eq!(code(format!("{}{}", "[".repeat(65), "]".repeat(65)).as_bytes()), Code::TooDeep);
}

#[test]
fn unknown_states_are_refused_with_their_place() {
    let mut sent = state_change();
    sent["event"]["productOrder"]["productOrderItem"] = json!([{"id": "1"}, {"id": "2", "action": "upgrade"}]);
    assert_eq!(refusal(&sent), field(Code::UnknownState, "/event/productOrder/productOrderItem/1/action"));
}

#[test]
fn payments_refunds_and_bills_are_keyed_by_account() {
    let payment = json!({
        "id": "p-1", "status": "captured", "correlatorId": "k-1", "account": {"id": "a-1", "@type": "AccountRef"},
        "amount": {"unit": "INR", "value": 100}, "totalAmount": {"unit": "INR", "value": 118.5},
        "paymentItem": [{"id": "1", "item": {"id": "b-1", "@referredType": "CustomerBill"}}],
        "payer": {"id": "c-1"}, "paymentMethod": {"details": {"token": "tok", "lastFourDigits": "1111", "brand": "visa"}},
    });
    let read = account(&event("PaymentCreateEvent", "payment", payment));
    assert_eq!((read.kind, read.account_id.as_str()), (AccountEntityKind::Payment, "a-1"));
    let payment = read.payment.expect("a payment");
    assert_eq!(payment.amount, Some(Money { currency: "INR".into(), micros: 118_500_000 }));
    assert_eq!(payment.bill_ids, ["b-1"]);
    assert_eq!(payment.customer_id.as_deref(), Some("c-1"));
    assert!(payment.extra.contains_key("paymentMethod"));

    let refund =
        json!({"id": "r-1", "account": {"id": "a-1"}, "payment": {"id": "p-1"}, "amount": {"unit": "INR", "value": 1}});
    let read = account(&event("RefundCreateEvent", "refund", refund));
    assert_eq!(read.kind, AccountEntityKind::Refund);
    assert_eq!(read.payment.and_then(|refund| refund.refunded_payment_id).as_deref(), Some("p-1"));

    let bill =
        json!({"id": "b-1", "billingAccount": {"id": "a-1"}, "amountDue": {"unit": "INR", "value": 5}, "billNo": 77});
    let read = account(&event("CustomerBillCreateEvent", "customerBill", bill));
    assert_eq!(read.account_id, "a-1");
    assert_eq!(read.bill.and_then(|bill| bill.bill_no).as_deref(), Some("77"));

    let holder = json!({"id": "a-1", "ratingType": "postpaid", "relatedParty": [{"id": "c-1", "role": "customer"}]});
    let read = account(&event("BillingAccountCreateEvent", "billingAccount", holder));
    let billing_account = read.billing_account.expect("a billing account");
    assert_eq!((read.account_id.as_str(), billing_account.customer_id.as_deref()), ("a-1", Some("c-1")));
}

#[test]
fn flows_are_keyed_by_their_order() {
    let related =
        json!({"id": "f-1", "state": "active", "relatedEntity": [{"id": "o-1", "@referredType": "ProductOrder"}]});
    let CanonicalEvent::Flow(read) = ok(&event("ProcessFlowStateChangeEvent", "processFlow", related)) else {
        panic!("not a flow");
    };
    assert_eq!((read.order_id.as_str(), read.flow_id.as_str(), read.state), ("o-1", "f-1", Some(FlowState::Active)));

    let task = json!({
        "id": "k-1", "name": "activate", "state": "completed", "completionDate": "2026-01-31T09:30:00Z",
        "processFlow": {"id": "f-1"}, "characteristic": [{"name": "productOrderId", "value": "o-1"}],
    });
    let CanonicalEvent::Flow(read) = ok(&event("TaskFlowStateChangeEvent", "taskFlow", task)) else {
        panic!("not a flow");
    };
    assert_eq!((read.order_id.as_str(), read.flow_id.as_str(), read.state), ("o-1", "f-1", None));
    let task = read.task.expect("a task");
    assert_eq!((task.state, task.completion_date), (Some(FlowState::Completed), Some(PUBLISHED)));

    let orphan = event("ProcessFlowCreateEvent", "processFlow", json!({"id": "f-1"}));
    assert_eq!(refusal(&orphan), field(Code::MissingField, "/event/processFlow/relatedEntity"));
}

#[test]
fn reference_data_is_read() {
    let customer = json!({"id": "c-1", "status": "Approved", "account": [{"id": "a-1"}, {"id": "a-2"}],
        "characteristic": [{"name": "customerClass", "value": "gold"}, {"name": "circle", "value": "MH"}]});
    let CanonicalEvent::Customer(read) = ok(&event("CustomerCreateEvent", "customer", customer)) else {
        panic!("not a customer");
    };
    assert_eq!(read.change, ReferenceChange::Created);
    assert_eq!(read.customer.account_ids, ["a-1", "a-2"]);
    assert_eq!((read.customer.class.as_deref(), read.customer.circle.as_deref()), (Some("gold"), Some("MH")));

    let offering = json!({"id": "po-1", "version": "2", "name": "Fibre", "lifecycleStatus": "Active",
        "validFor": {"startDateTime": "2026-01-31T09:30:00Z"}, "category": [{"id": "9", "name": "fibre"}],
        "relatedParty": [{"id": "pa-1", "role": "Logistics Partner"}],
        "prodSpecCharValueUse": [{"name": "billingCode", "productSpecCharacteristicValue": [{"value": "FB1"}]}]});
    let CanonicalEvent::Catalog(read) = ok(&event("ProductOfferingCreateEvent", "productOffering", offering)) else {
        panic!("not an offering");
    };
    assert_eq!((read.offering.version.as_str(), read.offering.valid_from), ("2", Some(PUBLISHED)));
    assert_eq!(read.offering.sla_class.as_deref(), Some("fibre"));
    assert_eq!(read.offering.billing_code.as_deref(), Some("FB1"));
    assert_eq!(read.offering.partner_id.as_deref(), Some("pa-1"));

    let role = json!({"id": "pa-1", "name": "logistics", "status": "validated", "engagedParty": {"id": "x", "name": "Courier"}});
    let CanonicalEvent::Partner(read) = ok(&event("PartyRoleCreateEvent", "partyRole", role)) else {
        panic!("not a partner");
    };
    assert_eq!((read.partner.role.as_deref(), read.partner.name.as_deref()), (Some("logistics"), Some("Courier")));
    let firm = json!({"id": "pa-2", "name": "Courier Ltd", "tradingName": "Courier"});
    let CanonicalEvent::Partner(read) = ok(&event("OrganizationStateChangeEvent", "organization", firm)) else {
        panic!("not a partner");
    };
    assert_eq!((read.change, read.partner.name.as_deref()), (ReferenceChange::StateChanged, Some("Courier")));
}

#[test]
fn notices_and_ticket_changes_are_read() {
    let entity = json!({"id": "o-1",
        "productOrderMilestone": [{"id": "m-1", "name": "shipped", "status": "completed", "milestoneDate": "2026-01-31T09:30:00Z"}],
        "productOrderJeopardyAlert": [{"id": "j-1", "jeopardyType": "date"}],
        "productOrderErrorMessage": [{"code": "E7", "reason": "no port", "timestamp": "2026-01-31T09:30:00Z"}]});
    let read = order(&event("ProductOrderJeopardyAlertEvent", "productOrder", entity));
    assert_eq!(read.change, OrderChange::JeopardyAlert);
    assert_eq!(read.order.milestones[0].at, Some(PUBLISHED));
    assert_eq!(read.order.jeopardy_alerts[0].name.as_deref(), Some("date"));
    assert_eq!((read.order.error_messages[0].id.as_str(), read.order.error_messages[0].at), ("E7", Some(PUBLISHED)));
    let changes = [
        ("Create", TicketChange::Created),
        ("StatusChange", TicketChange::StatusChanged),
        ("StateChange", TicketChange::StatusChanged),
        ("Resolved", TicketChange::Resolved),
        ("Delete", TicketChange::Deleted),
        ("InformationRequired", TicketChange::InformationRequired),
        ("AttributeValueChange", TicketChange::AttributeChanged),
    ];
    for (verb, change) in changes {
        let sent = event(&format!("TroubleTicket{verb}Event"), "troubleTicket", json!({"id": "t-1"}));
        assert_eq!(ticket(&sent).change, change);
    }
}
