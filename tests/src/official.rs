//! The official TM Forum example events, faults and all, where that folder lies beside the project.

use std::path::PathBuf;

use crate::support::{Billing, Hub};

fn examples() -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/tmforum");
    let mut found = Vec::new();
    for api in ["tmf621", "tmf622"] {
        let entries = std::fs::read_dir(folder.join(api)).ok()?;
        found.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    found.sort();
    Some(found)
}

#[test]
fn each_official_event_is_taken_in_or_refused_by_its_documented_code() {
    let Some(files) = examples() else {
        println!("skipped: no official examples beside the project");
        return;
    };
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    let mut taken = 0;
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let body = std::fs::read(&file).expect("a readable file");
        let answer = hub.post(&format!("/listener/{name}"), "application/json", body).expect("an answer");
        let status = answer.status().as_u16();
        let answer: serde_json::Value = answer.json().expect("an answer in JSON");
        if name.contains("Specification") {
            // Not events the hub has a family for: refused by name, not swallowed.
            assert_eq!((status, answer["code"].as_str()), (422, Some("HUB-2007")), "{name}: {answer}");
        } else {
            assert_eq!(status, 202, "{name}: {answer}");
            assert!(answer["position"]["offset"].is_i64(), "{name}: {answer}");
            taken += 1;
        }
    }
    assert!(taken >= 10, "only {taken} events were taken in");

    // Billing hears of the created order; the wait for its unknown customer ends first. Its items' prices
    // are in two currencies (one misspelt), so they go along item by item and have no sum.
    let billing = Billing::open(data.path());
    billing.wait_for(1, "entity_kind = 'order' and entity_id = '30001' and route = 'billing-orders'");
    let payloads = billing.payloads("order", "30001");
    assert_eq!(payloads[0]["order"]["id"], "30001", "{payloads:?}");
    assert!(payloads[0]["order"]["items"].as_array().is_some_and(|items| items.len() > 2), "{payloads:?}");
    assert!(billing.entities().contains_key("order:30001"));
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    assert_eq!(hub.stop(), Some(0));
}
