//! A hub that followed takes the tasks of one that was killed over with their tail alone, and loses nothing.

mod million;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Billing, Broker, Hub, order_created, order_state, post_lines, sum, until};

const TOKEN: &str = "a-token-of-some-length";
const ORDERS: usize = 600;
const PATIENCE: Duration = Duration::from_secs(120);
const PARTITIONS: f64 = 4.0;
/// How long a standby may take to look at all that it follows, a few times.
const LOOKS: Duration = Duration::from_secs(4);

fn configuration(broker: &str, billing: &Path) -> String {
    format!(
        r#"
[log]
kind = "kafka"
[log.kafka]
brokers = ["{broker}"]
session_timeout = "3s"
transaction_timeout = "5s"
[[http.tokens]]
name = "test"
token = "{TOKEN}"
[billing]
kind = "sqlite"
path = "{}"
[standby]
parts = ["entity.order", "sla"]
"#,
        billing.display()
    )
}

fn metric(hub: &Hub, name: &str) -> f64 {
    sum(&hub.get("/metrics"), name, &[]).unwrap_or_default()
}

/// How many tasks a hub follows, and whether it is at the end of all of them.
fn follows(hub: &Hub) -> (usize, bool) {
    let page = hub.get("/metrics");
    let lags = page.lines().filter(|line| line.starts_with("hub_standby_lag_records{"));
    let lags: Vec<f64> = lags.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).collect();
    let followed: Vec<f64> = lags.into_iter().filter(|lag| !lag.is_nan()).collect();
    (followed.len(), followed.iter().all(|lag| *lag == 0.0))
}

#[test]
fn a_hub_that_followed_takes_over_with_the_tail_alone() {
    let broker = Broker::start();
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let shared = tempfile::tempdir().expect("a folder");
    let text = configuration(&broker.address(), &shared.path().join("billing.db"));
    let one = Hub::configured(first.path(), &text, TOKEN);
    let two = Hub::configured(second.path(), &text, TOKEN);
    let lines: Vec<String> = (0..ORDERS)
        .flat_map(|number| {
            let id = format!("o{number}");
            [order_created(&id).to_string(), order_state(&id, "inProgress").to_string()]
        })
        .collect();
    for chunk in lines.chunks(500) {
        until("the batch is taken in", PATIENCE, || post_lines(&one, chunk).then_some(()));
    }
    let billing = Billing::open(shared.path());
    billing.wait_for(ORDERS as u64, "entity_kind = 'order'");
    one.settle(PATIENCE);
    two.settle(PATIENCE);
    // Each has half of the two parts' tasks, and follows the other half. It looks once a second: what was told before
    // the last order says nothing of it.
    let mut since = None::<Instant>;
    until("each follows what the other has", PATIENCE, || {
        let (one, two) = (follows(&one), follows(&two));
        if !(one.1 && two.1 && (one.0 + two.0) as f64 == 2.0 * PARTITIONS) {
            since = None;
            return None;
        }
        (since.get_or_insert_with(Instant::now).elapsed() > LOOKS).then_some(())
    });

    let before = metric(&two, "hub_replayed_records");
    one.kill();
    let killed = Instant::now();
    until("the other one has everything", PATIENCE, || {
        // What its workers hold nobody follows; it is ready once they have restored it.
        (follows(&two).0 == 0 && metric(&two, "hub_ready") == 1.0).then_some(())
    });
    let replayed = metric(&two, "hub_replayed_records") - before;
    println!("taken over {:.1} s after kill -9; {replayed} changelog records replayed", killed.elapsed().as_secs_f64());
    assert!(replayed < ORDERS as f64 / 2.0, "{replayed} records were replayed: the standby was of no use");

    // What it took over goes on: every order of either half.
    let ends: Vec<String> =
        (0..ORDERS).map(|number| order_state(&format!("o{number}"), "completed").to_string()).collect();
    for chunk in ends.chunks(500) {
        until("the batch is taken in", PATIENCE, || post_lines(&two, chunk).then_some(()));
    }
    billing.wait_for(ORDERS as u64, "entity_kind = 'order' and state = 'completed'");
    assert_eq!(billing.entities().len(), ORDERS, "nothing is lost, and nothing there twice");
    two.settle(PATIENCE);
    assert!(two.imbalance() < 0.5, "imbalance {}", two.imbalance());
    assert_eq!(two.stop(), Some(0));
}
