//! Payments, refunds and bills.

use schemas::{AccountChange::*, AccountEntityKind as Kind, BillState, BillingRecord, Payment, PaymentState};
use topology::Outcome;

use crate::entity::{EntitySettings, MissingParent};

use super::fixture::{Hub, at, payment, rupees};

const ACCOUNT: &str = "hub.account";

fn capture(hub: &mut Hub, id: &str, amount: i64) {
    hub.payment(
        Kind::Payment,
        Created,
        Payment { amount: Some(rupees(amount)), ..payment(id, PaymentState::Authorized) },
        0,
    );
    hub.payment(Kind::Payment, StateChanged, payment(id, PaymentState::Captured), 10);
}

fn refund(hub: &mut Hub, id: &str, of: &str, amount: i64, second: i64) {
    let refunded_payment_id = Some(of.into());
    let refund = Payment { amount: Some(rupees(amount)), refunded_payment_id, ..payment(id, PaymentState::Authorized) };
    hub.payment(Kind::Refund, Created, refund, second);
}

#[test]
fn a_debit_says_whether_its_bill_was_sent_early_enough() {
    let day = 24 * 3_600;
    let mut hub = Hub::new();
    hub.bill("b1", Created, BillState::New, 0);
    hub.bill("b1", StateChanged, BillState::Validated, 1);
    hub.bill("b1", StateChanged, BillState::Sent, 2);
    let debit = |id: &str, bill: Option<&str>, channel: &str, seconds: i64| Payment {
        channel: Some(channel.into()),
        bill_ids: bill.map(str::to_owned).into_iter().collect(),
        payment_date: Some(at(seconds)),
        ..payment(id, PaymentState::Authorized)
    };
    for (id, bill, channel, seconds) in [
        ("early", Some("b1"), "UPI-autopay", 2 + day),
        ("late", Some("b1"), "upi-autopay", 1 + day),
        ("by hand", Some("b1"), "app", 10),
        ("of what", None, "upi-autopay", 10),
        ("unseen", Some("b2"), "upi-autopay", 10),
    ] {
        hub.payment(Kind::Payment, Created, debit(id, bill, channel, seconds), seconds);
    }
    let facts = hub.facts();
    let told: Vec<(&str, Vec<&str>)> = facts
        .iter()
        .filter(|fact| fact.entity_kind == "payment")
        .map(|fact| (fact.entity_id.as_str(), fact.flags.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        told,
        [
            ("early", vec![]),
            ("late", vec!["notice_short"]),
            ("by hand", vec![]),
            ("of what", vec!["notice_unknown"]),
            ("unseen", vec!["notice_unknown"]),
        ]
    );
}

#[test]
fn a_payment_walks_to_its_end_and_is_billed() {
    let mut hub = Hub::new();
    capture(&mut hub, "p1", 500);
    hub.payment(Kind::Payment, StateChanged, payment("p1", PaymentState::Done), 20);
    hub.payment(Kind::Payment, StateChanged, payment("p1", PaymentState::Failed), 30);
    assert_eq!(hub.steps(), ["created>authorized", "state_changed>captured", "state_changed>done"]);
    assert_eq!(hub.ended(ACCOUNT, Outcome::Stale), 1);
    let billing: Vec<BillingRecord> = hub.decoded("out.billing");
    assert_eq!(billing.last().unwrap().amount_micros, Some(500_000_000));
    assert_eq!(billing.last().unwrap().account_id.as_deref(), Some("acc-1"));
    hub.assert_settled();
}

#[test]
fn refunds_never_exceed_what_was_captured() {
    let mut hub = Hub::new();
    capture(&mut hub, "p1", 500);
    refund(&mut hub, "r1", "p1", 300, 20);
    refund(&mut hub, "r2", "p1", 201, 21);
    assert_eq!(hub.quarantined(), ["refund_exceeds_capture"]);
    refund(&mut hub, "r3", "p1", 200, 22);
    assert_eq!(hub.quarantined(), [""; 0]);
    // A refund that failed gives its amount back.
    hub.payment(Kind::Refund, StateChanged, payment("r1", PaymentState::Failed), 23);
    refund(&mut hub, "r4", "p1", 300, 24);
    assert_eq!(hub.quarantined(), [""; 0]);
    hub.assert_settled();
}

#[test]
fn a_refund_waits_for_its_payments_capture() {
    let mut hub = Hub::new();
    refund(&mut hub, "r1", "p1", 100, 20);
    hub.assert_waiting(1);
    hub.driver.restart();
    hub.payment(
        Kind::Payment,
        Created,
        Payment { amount: Some(rupees(100)), ..payment("p1", PaymentState::Authorized) },
        0,
    );
    hub.assert_waiting(1);
    hub.payment(Kind::Payment, StateChanged, payment("p1", PaymentState::Captured), 10);
    hub.assert_settled();
    let facts = hub.facts();
    assert_eq!(facts.last().unwrap().entity_kind, "refund");
    assert_eq!(facts.last().unwrap().flags, [""; 0]);
}

#[test]
fn a_refund_of_an_unknown_payment_follows_the_policy() {
    for (missing_parent, dead, facts) in [(MissingParent::Continue, 0, 1), (MissingParent::DeadLetter, 1, 0)] {
        let mut hub = Hub::with(EntitySettings { missing_parent, ..EntitySettings::default() });
        refund(&mut hub, "r1", "p1", 100, 0);
        hub.wait_until(5);
        assert_eq!((hub.dead().len(), hub.facts().len()), (dead, facts));
        hub.assert_settled();
    }
}

#[test]
fn a_refund_of_a_payment_that_is_never_captured_goes_to_quarantine() {
    let mut hub = Hub::new();
    hub.payment(Kind::Payment, Created, payment("p1", PaymentState::Denied), 0);
    refund(&mut hub, "r1", "p1", 100, 1);
    hub.wait_until(5);
    assert_eq!(hub.quarantined(), ["refund_exceeds_capture"]);
    hub.assert_settled();
}

#[test]
fn a_bill_walks_to_its_end() {
    let mut hub = Hub::new();
    hub.bill("b1", StateChanged, BillState::Sent, 20);
    hub.bill("b1", Created, BillState::New, 0);
    hub.bill("b1", StateChanged, BillState::Validated, 10);
    hub.bill("b1", StateChanged, BillState::Settled, 30);
    hub.bill("b1", StateChanged, BillState::PartiallyPaid, 25);
    assert_eq!(hub.steps(), ["created>new", "state_changed>validated", "state_changed>sent", "state_changed>settled"]);
    assert_eq!(hub.ended(ACCOUNT, Outcome::Stale), 1);
    hub.assert_settled();
}

#[test]
fn a_bill_and_a_payment_may_share_an_id() {
    let mut hub = Hub::new();
    hub.bill("1", Created, BillState::New, 0);
    hub.payment(Kind::Payment, Created, payment("1", PaymentState::Authorized), 0);
    let kinds: Vec<_> = hub.facts().into_iter().map(|fact| fact.fact_id).collect();
    assert_eq!(kinds, ["bill:1#1", "payment:1#1"]);
    hub.assert_settled();
}

#[test]
fn an_event_without_its_account_adopts_nothing() {
    let mut hub = Hub::new();
    // Keyed by the payment's own id it may be far from what is known of the payment.
    let mut envelope = hub.envelope("PaymentStateChangeEvent", 5);
    envelope.flags.push("account_unknown".into());
    let event = schemas::AccountEvent {
        envelope,
        change: StateChanged,
        kind: Kind::Payment,
        account_id: "p1".into(),
        billing_account: None,
        bill: None,
        payment: Some(payment("p1", PaymentState::Captured)),
    };
    hub.pipe(ACCOUNT, "p1", &event, at(5));
    hub.assert_waiting(1);
    hub.wait_until(30);
    assert_eq!((hub.facts().len(), hub.quarantined()), (0, vec!["illegal_transition".to_owned()]));
    assert_eq!(hub.driver.store_get("entity.account.state", "payment:p1"), None, "nothing is kept of it");
    // Where the payment is known, the event is applied, and the account stays what it was.
    capture(&mut hub, "p1", 500);
    let (mut done, envelope) = (event, hub.envelope("PaymentStateChangeEvent", 20));
    done.envelope = schemas::Envelope { flags: vec!["account_unknown".into()], ..envelope };
    done.payment = Some(payment("p1", PaymentState::Done));
    hub.pipe(ACCOUNT, "p1", &done, at(20));
    let fact = hub.facts().pop().unwrap();
    assert_eq!((fact.to_state.as_deref(), fact.account_id.as_deref()), (Some("done"), Some("acc-1")));
    hub.assert_settled();
}

#[test]
fn nothing_is_kept_for_a_payment_that_never_comes() {
    let mut hub = Hub::with(EntitySettings { missing_parent: MissingParent::DeadLetter, ..Default::default() });
    for number in 0..50 {
        refund(&mut hub, &format!("r{number}"), "p1", 1, number);
    }
    hub.wait_until(100);
    assert_eq!(hub.dead().len(), 50);
    assert_eq!(hub.driver.store_get("entity.account.state", "payment:p1"), None);
    hub.assert_settled();
}
