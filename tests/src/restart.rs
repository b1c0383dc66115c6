//! Killed at random points under load, again and again: nothing is lost, nothing is doubled.

use std::path::Path;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{Billing, Hub, differing, generated, is_of, out_of_order, post_lines, until};

const EVENTS: usize = 6_000;
const BATCH: usize = 200;
const KILLS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(120);

/// The generated day lies in the past, so by the passing of time alone every clock would be over at once:
/// which fact is still read before would be chance. With targets beyond reach all verdicts are made by facts.
const CONFIGURATION: &str = r#"
[[sla.objectives]]
name = "orders"
family = "order"
start = "created"
stop = ["completed", "partial", "failed"]
cancel = ["cancelled", "rejected"]
target = "3000d"

[[sla.objectives]]
name = "tickets"
family = "ticket"
start = "created"
stop = ["resolved", "closed"]
pause = ["pending"]
cancel = ["cancelled", "rejected"]
reopen = ["inProgress"]
target = "3000d"
"#;

/// Sends a batch and kills the hub meanwhile or just behind: some batches die unanswered, some
/// answered a moment ago. Says whether there was an answer.
fn post_and_kill(hub: Hub, lines: &[String], delay: Duration) -> bool {
    let pid = hub.pid().to_string();
    let killer = std::thread::spawn(move || {
        // The random moment is what is tested: nothing is waited for here.
        std::thread::sleep(delay);
        std::process::Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
    });
    let taken = post_lines(&hub, lines);
    killer.join().expect("the killer ends");
    hub.kill();
    taken
}

/// The clocks of each objective that were met and that are open.
fn clocks(hub: &Hub) -> Vec<(String, f64)> {
    let names = ["orders", "tickets"].iter().flat_map(|objective| ["met", "open"].map(|state| (objective, state)));
    names
        .map(|(objective, state)| {
            let count = hub.metric(&format!("hub_sla_{state}"), &[&format!("objective=\"{objective}\"")]);
            (format!("{objective} {state}"), count.unwrap_or_default())
        })
        .collect()
}

#[test]
fn kill_9_under_load_loses_nothing_and_doubles_nothing() {
    let lines = generated(EVENTS, 11);
    assert_eq!(lines.len(), EVENTS);
    // What an undisturbed hub makes of the events.
    let calm = tempfile::tempdir().expect("a folder");
    let configuration = calm.path().join("hub.toml");
    std::fs::write(&configuration, CONFIGURATION).expect("a writable folder");
    let start = |data: &Path| Hub::start(data, Some(&configuration));
    let hub = start(calm.path());
    for chunk in lines.chunks(BATCH) {
        assert!(post_lines(&hub, chunk), "an undisturbed hub takes every batch");
    }
    hub.settle(PATIENCE);
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    let calm_clocks = clocks(&hub);
    assert!(calm_clocks.iter().all(|(_, count)| *count > 10.0), "{calm_clocks:?}");
    assert_eq!(hub.stop(), Some(0), "SIGTERM drains and ends with 0");

    // The same events into a hub that is killed every few batches. A batch without an answer is
    // sent again, as any publisher would: repeats are the hub's to find.
    let torn = tempfile::tempdir().expect("a folder");
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let mut hub = start(torn.path());
    let (mut kills, mut unanswered, mut until_kill) = (0, 0, 3);
    for chunk in lines.chunks(BATCH) {
        loop {
            let taken = if until_kill == 0 && kills < KILLS {
                // At once until a batch died unanswered, which a random moment alone need not bring about.
                let delay = if unanswered == 0 { 0 } else { dice.random_range(0..150) };
                let taken = post_and_kill(hub, chunk, Duration::from_millis(delay));
                kills += 1;
                unanswered += u32::from(!taken);
                until_kill = dice.random_range(1..4);
                hub = start(torn.path());
                taken
            } else {
                until_kill = u32::saturating_sub(until_kill, 1);
                post_lines(&hub, chunk)
            };
            if taken {
                break;
            }
        }
    }
    assert_eq!(kills, KILLS, "fewer kills than there should be");
    assert!(unanswered > 0, "no kill came before an answer: the test tests nothing");
    hub.settle(PATIENCE);
    assert!(hub.imbalance() < 0.5, "imbalance {}", hub.imbalance());
    // The live view is a moment behind; what it comes to is the same.
    until("the same clocks", Duration::from_secs(10), || (clocks(&hub) == calm_clocks).then_some(()));
    assert_eq!(hub.stop(), Some(0));

    let late = out_of_order(&lines);
    let (calm, torn) = (Billing::open(calm.path()).entities(), Billing::open(torn.path()).entities());
    assert!(calm.len() > 300, "only {} entities reached billing", calm.len());
    let in_order = calm.keys().filter(|entity| !is_of(entity, &late)).count();
    assert!(in_order > 250, "only {in_order} entities came in order");
    let differing = differing(&calm, &torn, &late);
    assert!(differing.is_empty(), "{} of {}: (undisturbed, killed) {differing:?}", differing.len(), calm.len());
    assert_eq!(calm.len(), torn.len(), "entities that only the killed hub has");
}
