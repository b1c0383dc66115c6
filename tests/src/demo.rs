//! The demo: the whole hub with its outside systems, to a balanced end, and over a kill -9.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Running, free_port, jars_folder, run_hub, sum, until};

/// Runs the demo to its end and reads its summary.
fn demo(data: &Path, time: &str) -> Value {
    demo_with(data, time, &[])
}

/// As [`demo`], with more arguments.
fn demo_with(data: &Path, time: &str, more: &[&str]) -> Value {
    let data = data.display().to_string();
    let fixed = ["--rate", "100", "--seed", "3", "--output", "json", "--listen", "127.0.0.1:0"];
    let output = run_hub(&[&["demo", "--for", time, "--data", &data], &fixed[..], more].concat(), b"");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{complained}");
    let last = said.lines().last().expect("a last line");
    let summary: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    assert!(summary.is_object(), "{last}");
    summary
}

/// What must hold at the end of every run.
fn check(summary: &Value, data: &Path) {
    assert_eq!(summary["schema_version"], 1, "{summary}");
    for name in ["imbalance", "waiting", "unread"] {
        assert_eq!(summary[name], 0, "{name}: {summary}");
    }
    for topic in ["hub.order", "hub.account", "hub.customer", "hub.lifecycle", "hub.delivery", "out.billing"] {
        assert!(summary["topics"][topic]["taken_in"].as_u64() > Some(0), "the books of {topic} are missing: {summary}");
    }
    for (topic, flow) in summary["topics"].as_object().expect("an object") {
        assert_eq!(flow["imbalance"], 0, "{topic}: {flow}");
        let ended: u64 = flow["ended"].as_object().expect("an object").values().filter_map(Value::as_u64).sum();
        assert_eq!(flow["taken_in"].as_u64(), Some(ended), "{topic}: {flow}");
    }
    let deliveries = summary["deliveries"].as_object().expect("an object");
    for target in ["billing", "floworx", "partner:partner-courier", "partner:partner-vas"] {
        let found = deliveries.get(target).unwrap_or_else(|| panic!("nothing for {target}: {deliveries:?}"));
        assert!(found["delivered"].as_u64() > Some(0), "{target}: {found}");
        assert_eq!(found["in_flight"], 0, "{target}: {found}");
    }
    for partner in ["slow_partner", "flaky_partner"] {
        let seen = &summary["sandbox"][partner];
        assert!(seen["unique"].as_u64() > Some(0), "{partner}: {seen}");
        assert_eq!((&seen["bad_signatures"], &seen["order_violations"]), (&0.into(), &0.into()), "{partner}: {seen}");
    }
    assert_eq!(summary["sandbox"]["floworx"]["events_refused"], 0, "{summary}");
    // The database has what the books say was delivered to it: no row more, no row less.
    let rows = crate::support::Billing::open(data).deliveries();
    assert_eq!(summary["billing_rows"].as_u64(), Some(rows), "{summary}");
    assert_eq!(deliveries["billing"]["delivered"].as_u64(), Some(rows), "{summary}");
}

#[test]
fn ends_balanced_with_deliveries_to_every_target() {
    let data = tempfile::tempdir().expect("a folder");
    let summary = demo(data.path(), "15s");
    check(&summary, data.path());
    assert!(summary["events_sent"].as_u64() > Some(500), "{summary}");
    let met: i64 = summary["sla"].as_object().expect("an object").values().filter_map(|sla| sla["met"].as_i64()).sum();
    assert!(met > 0, "{summary}");
    // Operations heard of breaches before they happened: of all, unless the machine is too busy to tell in time.
    let orders = &summary["sla"]["order-completion"];
    let (breached, forewarned) = (&orders["breached"], &orders["forewarned"]);
    let (breached, forewarned) = (breached.as_i64().unwrap_or_default(), forewarned.as_i64().unwrap_or_default());
    assert!(breached > 0 && forewarned <= breached && forewarned * 2 >= breached, "{orders}");
    assert!(orders["forewarned_ms"].as_i64() > Some(forewarned * 100), "{orders}");
}

/// Starts a demo, kills it while deliveries are under way to every side, and lets a second one end in its folder.
fn killed_and_started_again(data: &Path, time: &str, more: &[&str]) -> Value {
    let (folder, listen) = (data.display().to_string(), format!("127.0.0.1:{}", free_port()));
    let fixed = ["demo", "--rate", "100", "--seed", "3", "--data", &folder, "--listen", &listen];
    let mut first = Running::start(&[&fixed[..], more].concat());
    until("deliveries of the first run", Duration::from_secs(90), || {
        assert!(first.goes_on(), "the demo has ended by itself");
        let page = reqwest::blocking::get(format!("http://{listen}/metrics"))
            .and_then(reqwest::blocking::Response::text)
            .ok()?;
        let delivered =
            |topic: &str| sum(&page, "hub_records_total", &[topic, "outcome=\"delivered\""]).unwrap_or_default();
        let topics = ["topic=\"out.billing\"", "topic=\"out.floworx\"", "topic=\"out.partner\""];
        topics.iter().all(|topic| delivered(topic) >= 5.0).then_some(())
    });
    first.kill();
    let summary = demo_with(data, time, more);
    assert_eq!(summary["run"], 2, "the second run in this directory");
    check(&summary, data);
    summary
}

#[test]
fn goes_on_after_kill_9_in_the_middle() {
    let data = tempfile::tempdir().expect("a folder");
    killed_and_started_again(data.path(), "4s", &[]);
}

#[test]
fn on_kafka_goes_on_after_kill_9_and_leaves_no_broker() {
    let data = tempfile::tempdir().expect("a folder");
    let jars = jars_folder().display().to_string();
    // The first demo's broker stays behind when the demo is killed; the second finds it and ends it.
    killed_and_started_again(data.path(), "4s", &["--kafka", "--kafka-jars", &jars]);
    let folder = data.path().canonicalize().expect("a folder");
    let wanted = folder.join("kafka/server.properties").display().to_string();
    let runs = std::fs::read_dir("/proc").expect("processes").flatten().any(|process| {
        std::fs::read(process.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&wanted))
    });
    assert!(!runs, "a broker still runs on {wanted}");
}
