//! A start from checkpoints: the same state, less to replay, and no harm when one is damaged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Hub, generated, post_lines, until};

const PATIENCE: Duration = Duration::from_secs(120);

fn post(hub: &Hub, events: &[String]) {
    assert!(post_lines(hub, events), "the events are taken in");
    hub.settle(PATIENCE);
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
}

/// What the tasks started from; the hub is ready, so all of them run.
fn restored(hub: &Hub) -> f64 {
    until("the tasks to run", PATIENCE, || hub.metric("hub_restored_records", &[]).filter(|records| *records > 0.0))
}

fn applied(hub: &Hub) -> f64 {
    hub.metric("hub_records_total", &["topic=\"hub.order\"", "outcome=\"applied\""]).unwrap_or_default()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_killed_hub_starts_from_its_checkpoints_and_without_them_just_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = folder.path().join("hub.toml");
    std::fs::write(&configuration, "[log]\ncheckpoint_interval = \"1s\"\n").expect("a writable folder");
    let start = || Hub::start(folder.path(), Some(&configuration));
    let state = folder.path().join("state");

    let hub = start();
    let events = generated(3_000, 23);
    post(&hub, &events);
    let orders = applied(&hub);
    assert!(orders > 500.0, "only {orders} order events were applied");
    until("all to be in checkpoints", PATIENCE, || (hub.metric("hub_checkpoint_lag_bytes", &[])? < 0.5).then_some(()));
    hub.kill();

    // What was seen is still known: the same events again change nothing.
    let hub = start();
    let from_checkpoints = restored(&hub);
    assert!((applied(&hub) - orders).abs() < 0.5, "{} applied, {orders} before", applied(&hub));
    post(&hub, &events);
    assert!((applied(&hub) - orders).abs() < 0.5, "a repeat was applied");
    hub.kill();

    for file in files(&state).iter().filter(|file| file.extension().is_some_and(|name| name == "mdb")) {
        std::fs::write(file, b"damaged").expect("a writable file");
    }
    let hub = start();
    let from_changelogs = restored(&hub);
    assert!(hub.metric("hub_checkpoint_failures_total", &[]).unwrap_or_default() > 0.5, "nobody is told");
    assert!((applied(&hub) - orders).abs() < 0.5, "{} applied, {orders} before", applied(&hub));
    assert!(
        from_checkpoints < from_changelogs * 0.8,
        "{from_checkpoints} records from checkpoints, {from_changelogs} without"
    );
    // Each start says what it began with.
    let log = std::fs::read_to_string(folder.path().join("test-hub.log")).expect("a log");
    let said = log.lines().filter(|line| line.contains(r#""message":"restored""#));
    let began: Vec<serde_json::Value> = said.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let sum = |name: &str| began.iter().filter_map(|said| said[name].as_f64()).sum::<f64>();
    assert!(sum("records") >= from_checkpoints + from_changelogs, "{began:?}");
    assert!(sum("replayed") >= from_changelogs && sum("replayed") < sum("records"), "{began:?}");
    assert_eq!(hub.stop(), Some(0));
}
