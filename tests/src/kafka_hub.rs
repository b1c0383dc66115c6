//! The real binary on a real broker: it waits for it, shares its work, and loses nothing to `kill -9`.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{
    Billing, Broker, Hub, Running, ask, differing, free_port, generated, lag, order_created, out_of_order, post_lines,
    sum, unix_seconds, until,
};

const EVENTS: usize = 800;
const BATCH: usize = 200;
const PATIENCE: Duration = Duration::from_secs(240);

fn configuration(broker: &str, billing: &Path) -> String {
    format!(
        r#"
[log]
kind = "kafka"
[log.kafka]
brokers = ["{broker}"]
prefix = "jcms."
session_timeout = "2s"
transaction_timeout = "5s"
[[http.tokens]]
name = "test"
token = "a-token-of-some-length"
[billing]
kind = "sqlite"
path = "{}"
# What waits for its parent or predecessor waits for as long as a move of partitions takes.
[entity]
parked_wait = "60s"
buffered_wait = "60s"
[[sla.objectives]]
name = "orders"
family = "order"
start = "created"
stop = ["completed", "partial", "failed"]
cancel = ["cancelled", "rejected"]
target = "3000d"
"#,
        billing.display()
    )
}

#[test]
fn a_hub_without_its_broker_is_alive_and_says_what_it_waits_for() {
    let data = tempfile::tempdir().expect("a folder");
    let (listen, nobody) = (free_port(), free_port());
    let file = data.path().join("hub.toml");
    let text = configuration(&format!("127.0.0.1:{nobody}"), &data.path().join("billing.db"));
    std::fs::write(&file, text).expect("a writable folder");
    let (folder, config) = (data.path().display().to_string(), file.display().to_string());
    let address = format!("127.0.0.1:{listen}");
    let mut hub = Running::start(&["run", "--data", &folder, "--listen", &address, "--config", &config]);
    let ready = until("the reason", PATIENCE, || ask(listen, "/readyz").filter(|told| told.contains("no broker")));
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""label":"log""#), "{ready}");
    assert!(ready.contains(&format!("127.0.0.1:{nobody}")), "{ready}");
    assert!(ask(listen, "/livez").expect("an answer").starts_with("HTTP/1.1 200"));
    assert!(ask(listen, "/v1/events").expect("an answer").starts_with("HTTP/1.1 503"));
    assert!(hub.goes_on());
    let asked = Instant::now();
    assert_eq!(hub.stop(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

/// What the hubs have left to do, by what they found out since then.
fn left(hubs: &[&Hub], since: f64) -> f64 {
    let of = |hub: &&Hub| {
        let page = hub.get("/metrics");
        lag(&page, since) + sum(&page, "hub_waiting", &[]).unwrap_or_default()
    };
    hubs.iter().map(of).sum()
}

fn settle(hubs: &[&Hub]) {
    let (mut quiet, began) = (0, unix_seconds());
    until("nothing is behind and nothing waits", PATIENCE, || {
        quiet = if left(hubs, began) == 0.0 { quiet + 1 } else { 0 };
        (quiet >= 5).then_some(())
    });
}

/// What an undisturbed hub on the embedded log makes of the events: the folder of its billing.
fn calm(lines: &[String]) -> tempfile::TempDir {
    let calm = tempfile::tempdir().expect("a folder");
    let text = configuration("unused:1", &calm.path().join("billing.db"));
    let embedded = text.split_once("[log]").and_then(|(_, rest)| rest.split_once("[[http.tokens]]")).expect("both").1;
    let hub = Hub::configured(calm.path(), &format!("[[http.tokens]]{embedded}"), "a-token-of-some-length");
    assert!(lines.chunks(BATCH).all(|chunk| post_lines(&hub, chunk)));
    hub.settle(PATIENCE);
    assert_eq!(hub.stop(), Some(0));
    calm
}

fn compare(lines: &[String], calm: &Path, torn: &Path) {
    let (calm, torn) = (Billing::open(calm).entities(), Billing::open(torn).entities());
    assert!(calm.len() > 100, "only {} entities reached billing", calm.len());
    let differing = differing(&calm, &torn, &out_of_order(lines));
    assert!(differing.is_empty(), "{} of {}: {differing:?}", differing.len(), calm.len());
    assert_eq!(calm.len(), torn.len(), "entities that only the killed hub has");
}

#[test]
fn three_hubs_run_a_part_each_and_one_of_them_is_killed() {
    let lines = generated(EVENTS, 12);
    let calm = {
        let lines = lines.clone();
        std::thread::spawn(move || calm(&lines))
    };
    let broker = Broker::start();
    let (data, shared) =
        ([(); 3].map(|()| tempfile::tempdir().expect("a folder")), tempfile::tempdir().expect("a folder"));
    let text = configuration(&broker.address(), &shared.path().join("billing.db"));
    let parts = [
        "ingest,entity.order,entity.ticket,entity.account,entity.customer,entity.catalog,entity.partner",
        "sla",
        "sink.billing,sink.partner",
    ];
    let start = |number: usize| {
        let file = data[number].path().join("hub.toml");
        if number == 2 {
            let only = parts[number].replace(',', "\", \"");
            let text = format!("{text}[run]\nonly = [\"{only}\"]\n");
            return Hub::configured(data[number].path(), &text, "a-token-of-some-length");
        }
        std::fs::write(&file, &text).expect("a writable folder");
        Hub::only(data[number].path(), Some(&file), parts[number], "a-token-of-some-length")
    };
    let (mut first, sla, sinks) = (start(0), start(1), start(2));
    assert!(!post_lines(&sla, &lines[..1]), "a hub without ingest took an event in");
    assert!(!post_lines(&sinks, &lines[..1]), "a hub of sinks by its configuration took an event in");
    for (number, chunk) in lines.chunks(BATCH).enumerate() {
        while !post_lines(&first, chunk) {}
        if number == 1 {
            first.kill();
            first = start(0);
        }
    }
    settle(&[&first, &sla, &sinks]);
    for hub in [&first, &sla, &sinks] {
        assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    }
    assert!(sla.metric("hub_sla_open", &[]).is_some(), "no clocks");
    assert_eq!((first.stop(), sla.stop(), sinks.stop()), (Some(0), Some(0), Some(0)));
    compare(&lines, calm.join().expect("an undisturbed hub").path(), shared.path());
}

#[test]
fn two_hubs_share_the_work_and_one_of_them_is_killed() {
    let lines = generated(EVENTS, 11);
    assert_eq!(lines.len(), EVENTS);
    let calm = {
        let lines = lines.clone();
        std::thread::spawn(move || calm(&lines))
    };
    let broker = Broker::start();
    let (data, shared) =
        ([(); 2].map(|()| tempfile::tempdir().expect("a folder")), tempfile::tempdir().expect("a folder"));
    let text = configuration(&broker.address(), &shared.path().join("billing.db"));
    let start = |number: usize| Hub::configured(data[number].path(), &text, "a-token-of-some-length");
    let (first, mut second) = (start(0), start(1));
    for (number, chunk) in lines.chunks(BATCH).enumerate() {
        while !post_lines(if number % 2 == 0 { &first } else { &second }, chunk) {}
        if number % 3 == 1 {
            second.kill();
            second = start(1);
        }
    }
    settle(&[&first, &second]);
    assert!(first.imbalance() < 0.5, "imbalance {}", first.imbalance());
    assert!(second.imbalance() < 0.5, "imbalance {}", second.imbalance());
    let is_ready = |hub: &Hub| hub.get("/readyz").contains(r#""ready":true"#);
    until("both are ready", PATIENCE, || (is_ready(&first) && is_ready(&second)).then_some(()));
    let more_than_none = |metric: &str, label: &str| first.metric(metric, &[label]).is_some_and(|value| value > 0.5);
    assert!(more_than_none("hub_transactions_total", "end=\"committed\""), "no transaction is counted");
    // Clients report every few seconds.
    for role in ["consumer", "producer"] {
        let label = format!("client=\"{role}\"");
        until("the clients' numbers", PATIENCE, || {
            let is_told = more_than_none("hub_kafka_connections", &label)
                && more_than_none("hub_kafka_received_bytes_total", &label)
                && more_than_none("hub_kafka_sent_bytes_total", &label);
            is_told.then_some(())
        });
    }
    assert_eq!((first.stop(), second.stop()), (Some(0), Some(0)));

    compare(&lines, calm.join().expect("an undisturbed hub").path(), shared.path());
}

#[test]
fn partitions_that_nobody_works_on_are_behind() {
    let broker = Broker::start();
    let (data, shared) =
        ([(); 2].map(|()| tempfile::tempdir().expect("a folder")), tempfile::tempdir().expect("a folder"));
    // Longer than anything here is waited for, so that nobody takes over what the frozen hub has.
    let text = configuration(&broker.address(), &shared.path().join("billing.db"))
        .replace("session_timeout = \"2s\"", "session_timeout = \"300s\"");
    let start = |number: usize| Hub::configured(data[number].path(), &text, "a-token-of-some-length");
    let (frozen, awake) = std::thread::scope(|threads| {
        let frozen = threads.spawn(|| start(0));
        let awake = start(1);
        (frozen.join().expect("a hub"), awake)
    });
    frozen.signal("STOP");
    assert!(generated(200, 13).chunks(50).all(|chunk| post_lines(&awake, chunk)));
    let behind = || awake.metric("hub_lag_records", &["group=\"hub\""]).unwrap_or_default();
    let before = unix_seconds();
    let seen_since = |then: f64| awake.metric("hub_lag_observed_timestamp_seconds", &[]).is_some_and(|at| at > then);
    // It has done what it has itself when the same is left look after look.
    let (mut left, mut looks) = (behind(), 0);
    until("what it has itself is done", PATIENCE / 2, || {
        let then = unix_seconds();
        until("it looks again", PATIENCE / 4, || seen_since(then).then_some(()));
        let now = behind();
        looks = if now == left { looks + 1 } else { 0 };
        left = now;
        (looks >= 3 && seen_since(before)).then_some(())
    });
    assert!(behind() > 0.0, "what the frozen hub has is not told of");
    frozen.signal("CONT");
    until("nothing is behind any more", PATIENCE, || (seen_since(before) && behind() == 0.0).then_some(()));
}

/// The clocks of an entity by this hub: the status of the answer, and which hub it is from.
fn clocks(hub: &Hub, entity: &str) -> (u16, Option<String>) {
    let answer = reqwest::blocking::Client::new()
        .get(format!("{}/v1/sla/clocks/{entity}", hub.url))
        .bearer_auth(&hub.token)
        .send()
        .expect("an answer");
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().expect("an answer in JSON");
    if status == 200 {
        assert_eq!(body["entity"], entity);
        assert!(body["clocks"].as_array().is_some_and(|clocks| !clocks.is_empty()), "{body}");
    }
    (status, body["answered_by"].as_str().map(str::to_owned))
}

#[test]
fn each_hub_answers_for_the_entities_of_all() {
    const ORDERS: usize = 12;
    let broker = Broker::start();
    let (data, shared) =
        ([(); 2].map(|()| tempfile::tempdir().expect("a folder")), tempfile::tempdir().expect("a folder"));
    let text = configuration(&broker.address(), &shared.path().join("billing.db"));
    let start = |number: usize| Hub::configured(data[number].path(), &text, "a-token-of-some-length");
    let (first, second) = (start(0), start(1));
    for number in 0..ORDERS {
        first.send(&order_created(&format!("where-{number}")));
    }
    let entities: Vec<String> = (0..ORDERS).map(|number| format!("order:where-{number}")).collect();
    // Whoever is asked, the same hub answers, and each of them for some.
    let tellers = until("both tell the same of all", PATIENCE, || {
        let told = |hub: &Hub| -> Option<Vec<String>> {
            entities.iter().map(|entity| clocks(hub, entity)).map(|(status, by)| by.filter(|_| status == 200)).collect()
        };
        let (one, other) = (told(&first)?, told(&second)?);
        (one == other).then_some(one)
    });
    let names: std::collections::BTreeSet<_> = tellers.iter().collect();
    assert_eq!(names.len(), 2, "{tellers:?}");
    assert_eq!(clocks(&first, "order:none").0, 404);
    assert_eq!(clocks(&second, "order:none").0, 404);

    second.kill();
    let teller = until("the one that is left tells of all", PATIENCE, || {
        let told: Vec<_> = entities.iter().map(|entity| clocks(&first, entity)).collect();
        assert!(told.iter().all(|(status, _)| [200, 503].contains(status)), "never that there are none: {told:?}");
        told.into_iter().map(|(_, by)| by).collect::<Option<std::collections::BTreeSet<_>>>()
    });
    assert_eq!(teller.len(), 1, "{teller:?}");
    assert!(names.contains(teller.first().expect("one")), "{teller:?}");
}
