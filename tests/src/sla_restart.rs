//! An SLA clock outlives the process: the breach comes after a kill -9, is counted once, and reaches
//! billing once.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Billing, Hub, free_port, hub_command, order_created, order_state, run_hub, until};

const CONFIGURATION: &str = r#"
[[sla.objectives]]
name = "quick-order"
family = "order"
start = "created"
stop = ["completed", "partial", "failed"]
cancel = ["cancelled", "rejected"]
target = "5s"
warn_percent = [50]
consequence = "billing_credit"
"#;

const OBJECTIVE: &str = "objective=\"quick-order\"";
const VIOLATIONS: &str = "entity_kind = 'sla_violation'";

fn clocks(hub: &Hub, state: &str) -> f64 {
    hub.metric(&format!("hub_sla_{state}"), &[OBJECTIVE]).unwrap_or_default()
}

fn wait_for(hub: &Hub, state: &str, wanted: f64) {
    until(&format!("{wanted} clocks {state}"), Duration::from_secs(60), || {
        (clocks(hub, state) >= wanted).then_some(())
    });
}

/// What `hub sla` says: its exit code and the JSON of its answer, if it is one.
fn sla(hub: &Hub, data: &Path, command: &str, argument: &str) -> (Option<i32>, Value) {
    let token = data.join("token").display().to_string();
    let output = run_hub(&["sla", command, argument, "--url", &hub.url, "--token-file", &token, "-o", "json"], b"");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[test]
fn the_account_of_a_clock_can_be_asked_for() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, CONFIGURATION).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    hub.send(&order_created("asked"));
    hub.send(&order_state("asked", "inProgress"));
    hub.send(&order_state("asked", "completed"));
    wait_for(&hub, "met", 1.0);
    let (code, told) = sla(&hub, data.path(), "explain", "order:asked");
    let clock = &told["clocks"][0];
    assert_eq!(
        (code, &clock["objective"], &clock["status"]),
        (Some(0), &"quick-order".into(), &"met".into()),
        "{told}"
    );
    let last = clock["lines"].as_array().and_then(|lines| lines.last()).expect("an account");
    assert_eq!((&last["kind"], &last["state"]), (&"stop".into(), &"completed".into()), "{told}");
    assert_eq!(last["total_ms"], clock["consumed_ms"]);
    let (code, told) = sla(&hub, data.path(), "show", "order:asked");
    assert_eq!(
        (code, &told["clocks"][0]["closed"], &told["clocks"][0]["lines"]),
        (Some(0), &true.into(), &Value::Null)
    );
    assert_eq!(sla(&hub, data.path(), "show", "order:unknown").0, Some(1));
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn open_clocks_and_violations_are_listed() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, CONFIGURATION).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    hub.send(&order_created("done"));
    hub.send(&order_state("done", "inProgress"));
    hub.send(&order_state("done", "completed"));
    hub.send(&order_created("first"));
    wait_for(&hub, "open", 1.0);
    hub.send(&order_created("second"));
    wait_for(&hub, "open", 2.0);
    wait_for(&hub, "met", 1.0);
    let entities = |told: &Value, what: &str| -> Vec<String> {
        let items = told[what].as_array().expect("a list");
        items.iter().map(|item| item["entity"].as_str().expect("an entity").to_owned()).collect()
    };
    let (code, told) = sla(&hub, data.path(), "list", "--objective=quick-order");
    assert_eq!(
        (code, entities(&told, "clocks")),
        (Some(0), vec!["order:first".into(), "order:second".into()]),
        "{told}"
    );
    let (_, told) = sla(&hub, data.path(), "list", "--limit=1");
    assert_eq!((entities(&told, "clocks"), &told["all"]), (vec!["order:first".to_owned()], &2.into()), "{told}");
    let (_, told) = sla(&hub, data.path(), "list", "--objective=another");
    assert_eq!(told["clocks"], serde_json::json!([]));

    wait_for(&hub, "breached", 2.0);
    until("two violations", Duration::from_secs(60), || {
        let (code, told) = sla(&hub, data.path(), "breaches", "--limit=10");
        assert_eq!(code, Some(0), "{told}");
        (told["all"] == 2).then(|| {
            assert_eq!(entities(&told, "violations"), ["order:second", "order:first"], "the newest comes first");
            assert_eq!(told["violations"][0]["consequence"], "billing_credit");
        })
    });
    let (_, told) = sla(&hub, data.path(), "list", "--status=breached");
    assert_eq!(entities(&told, "clocks"), ["order:first", "order:second"]);
    let (_, told) = sla(&hub, data.path(), "breaches", "--from=2999-01-01T00:00:00Z");
    assert_eq!(told["all"], 0);
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn what_is_expected_of_open_clocks_can_be_asked_for() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, CONFIGURATION.replace("5s", "1h")).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    hub.send(&order_created("asked"));
    let told = until("a prediction", Duration::from_secs(60), || {
        let (code, told) = sla(&hub, data.path(), "predict", "--objective=quick-order");
        assert_eq!(code, Some(0), "{told}");
        (told["all"] == 1).then_some(told)
    });
    let told = &told["predictions"][0];
    assert_eq!((&told["entity"], &told["band"]), (&"order:asked".into(), &"low".into()), "{told}");
    let metric = hub.metric("hub_sla_predicted_clocks", &[OBJECTIVE, "band=\"low\""]);
    assert_eq!(metric, Some(1.0));
    hub.send(&order_state("asked", "inProgress"));
    hub.send(&order_state("asked", "completed"));
    until("no prediction", Duration::from_secs(60), || {
        (sla(&hub, data.path(), "predict", "--limit=10").1["all"] == 0).then_some(())
    });
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn news_of_clocks_are_followed_over_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, CONFIGURATION.replace("5s", "2s")).expect("a writable folder");
    let port = free_port();
    let start = || Hub::start_at(data.path(), Some(&file), port);
    let hub = start();
    let token = data.path().join("token").display().to_string();
    let asked = ["sla", "watch", "--only=warning,breach", "-o=json", "--url", &hub.url, "--token-file", &token];
    let mut watch = hub_command().args(asked).stdout(Stdio::piped()).spawn().expect("the hub starts");
    let lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let (told, news) = mpsc::channel::<Value>();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            told.send(serde_json::from_str(&line).expect("JSON")).expect("the test reads on");
        }
    });
    // Whether it listens is not seen from outside: orders come until a warning and its breach were told.
    let mut number = 0;
    let mut follow = |hub: &Hub| {
        let mut warned = BTreeSet::new();
        until("a warning before its breach", Duration::from_secs(60), || {
            hub.send(&order_created(&number.to_string()));
            number += 1;
            news.try_iter().find(|told| {
                let entity = told["entity"].as_str().expect("an entity").to_owned();
                if told["event"] == "warning" {
                    assert_eq!(told["warned_percent"], 50, "{told}");
                    return !warned.insert(entity);
                }
                assert_eq!(told["event"], "breach", "{told}");
                warned.contains(&entity)
            })
        });
    };
    follow(&hub);
    hub.kill();
    let hub = start();
    while news.try_recv().is_ok() {}
    follow(&hub);
    assert_eq!(hub.stop(), Some(0));
    assert!(watch.try_wait().expect("a child").is_none(), "it waits for the hub to be back");
    watch.kill().expect("a child that lives");
    watch.wait().expect("it ends");
    reader.join().expect("nothing but JSON was told");
}

#[test]
fn a_breach_comes_once_however_often_the_hub_dies() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, CONFIGURATION).expect("a writable folder");
    let start = || Hub::start(data.path(), Some(&file));

    let hub = start();
    hub.send(&order_created("in-time"));
    hub.send(&order_state("in-time", "inProgress"));
    hub.send(&order_state("in-time", "completed"));
    wait_for(&hub, "met", 1.0);
    hub.send(&order_created("late"));
    wait_for(&hub, "open", 1.0);
    assert_eq!(clocks(&hub, "breached"), 0.0);
    let next = hub.metric("hub_sla_next_breach_seconds", &[OBJECTIVE]).expect("the metric exists");
    assert!(next <= 5.0, "the next breach is in {next} s");
    hub.kill();

    // The clock is open in the log only; nothing is sent any more.
    let hub = start();
    wait_for(&hub, "breached", 1.0);
    wait_for(&hub, "met", 1.0);
    let billing = Billing::open(data.path());
    billing.wait_for(1, VIOLATIONS);
    hub.kill();

    // Nothing of it comes again: neither from the restored clock nor from the restored timer.
    let hub = start();
    wait_for(&hub, "breached", 1.0);
    hub.send(&order_state("late", "inProgress"));
    hub.send(&order_state("late", "completed"));
    billing.wait_for(1, "entity_id = 'late' and state = 'completed'");
    hub.settle(Duration::from_secs(30));
    assert_eq!((clocks(&hub, "breached"), clocks(&hub, "met"), clocks(&hub, "open")), (1.0, 1.0, 0.0));
    assert_eq!(billing.count(VIOLATIONS), 1, "one violation");
    let violated = "entity_kind = 'sla_violation' and route = 'billing-sla-violations'
        and payload like '%quick-order%' and payload like '%billing_credit%' and payload like '%late%'";
    assert_eq!(billing.count(violated), 1, "the violation says what was violated, by whom, and what follows");
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    assert_eq!(hub.stop(), Some(0));
}
