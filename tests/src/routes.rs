//! Routes of one's own: what they let through reaches billing and nothing else does; what is wrong
//! with them is said with its place before anything starts.

use serde_json::json;

use crate::support::{Billing, Hub, event, now, order_created, order_state, run_hub};

const OWN_ROUTES: &str = r#"
[entity]
parked_wait = "50ms"

[[routes]]
name = "finished-orders"
family = "order"
when = 'order.state == "completed" and order.total_price.amount > 100'
target = "billing"
fields = ["order.id", "order.total_price.amount", "customer.id"]

[[routes]]
name = "held-orders"
family = "order"
when = 'fact.to_state == "held"'
target = "billing"
fields = ["order.id"]
"#;

/// An order with everything that a careless route could give away.
fn order(id: &str, amount: f64) -> serde_json::Value {
    let price = json!([{"priceType": "oneTime", "price": {"taxIncludedAmount": {"unit": "INR", "value": amount}}}]);
    let order = json!({
        "id": id, "state": "acknowledged", "category": "mobile", "creationDate": now(), "orderTotalPrice": price,
        "description": "call +919999912345", "note": [{"text": "call +919999912345"}],
        "relatedParty": [{"id": "c-1", "role": "customer", "name": "Some One"}],
        "productOrderItem": [{"id": "1", "action": "add"}],
    });
    event("ProductOrderCreateEvent", "productOrder", order)
}

#[test]
fn only_allowed_fields_of_matching_orders_reach_billing() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, OWN_ROUTES).expect("a writable folder");
    let checked = run_hub(&["check", &file.display().to_string()], b"");
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));

    let hub = Hub::start(data.path(), Some(&file));
    for (id, amount) in [("dear", 499.5), ("cheap", 99.0)] {
        hub.send(&order(id, amount));
        for state in ["inProgress", "completed"] {
            hub.send(&order_state(id, state));
        }
    }
    hub.send(&order_created("held"));
    hub.send(&order_state("held", "inProgress"));
    hub.send(&order_state("held", "held"));
    let billing = Billing::open(data.path());
    billing.wait_for(1, "entity_id = 'dear'");
    billing.wait_for(1, "entity_id = 'held'");
    hub.settle(std::time::Duration::from_secs(30));
    let expected = json!({"order": {"id": "dear", "total_price": {"amount": 499.5}}, "customer": {"id": "c-1"}});
    assert_eq!(billing.payloads("order", "dear"), [expected]);
    assert_eq!(billing.payloads("order", "held"), [json!({"order": {"id": "held"}})]);
    assert_eq!(billing.deliveries(), 2, "no other change of any order is routed");
    assert_eq!(billing.count("payload like '%9199999%' or payload like '%Some One%'"), 0);
    assert_eq!(hub.stop(), Some(0));
}

const WRONG: &str = r#"[log]
partitons = 4

[[routes]]
name = "billing-orders"
family = "order"
when = 'order.prioritty == "1"'
target = "billing"
fields = ["order.id", "order.sate"]

[[routes]]
name = "to-nobody"
family = "order"
target = "partner"
partner = "acme"
"#;

#[test]
fn every_fault_is_named_with_its_place_and_the_nearest_name() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("wrong.toml").display().to_string();
    std::fs::write(&file, WRONG).expect("a writable folder");
    // `check` was asked to find faults and found some; `run` was given a configuration it cannot use.
    let port = "127.0.0.1:0";
    let folder = data.path().join("data").display().to_string();
    let run = ["run", "--config", &file, "--data", &folder, "--listen", port];
    for (arguments, code) in [(&["check", &file][..], 1), (&run[..], 78)] {
        let output = run_hub(arguments, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for expected in [
            format!("--> {file}:2:1"),
            "nearest: \"partitions\"".to_owned(),
            format!("--> {file}:7:9"),
            "tests field \"order.prioritty\", which order does not have".to_owned(),
            "nearest: \"order.priority\"".to_owned(),
            format!("--> {file}:9:23"),
            "nearest: \"order.state\"".to_owned(),
            format!("--> {file}:15:11"),
            "4 faults".to_owned(),
        ] {
            assert!(said.contains(&expected), "{expected:?} is not in:\n{said}");
        }
        assert!(said.contains("error[HUB-10") && said.contains("note: hub explain HUB-10"), "{said}");
    }
    assert!(!data.path().join("data").exists(), "nothing was started");
}
