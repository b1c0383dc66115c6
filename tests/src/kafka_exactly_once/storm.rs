//! A storm of rebalances: processes join, leave and die faster than their group comes to rest.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Feed, KEYS, Processes, is_long_form, make_topics, verify};
use crate::support::Broker;

const PROCESSES: usize = 4;
/// So long after the storm everything is taken in: the session of who died last, a rebalance or two, and the restore.
const SETTLED: Duration = Duration::from_secs(30);

fn storm(time: Duration, seed: u64) {
    let broker = Broker::start();
    let prefix = "storm.";
    let log = broker.log(prefix, "test");
    make_topics(&*log).expect("topics are made");
    let mut processes = Processes::start(broker.address(), prefix, "classic", PROCESSES);
    let mut feed = Feed::new(&*log, KEYS, seed);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let (mut joins, mut leaves, mut kills) = (PROCESSES, 0, 0);
    let end = Instant::now() + time;
    let mut next = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        feed.write(dice.random_range(1..200));
        if Instant::now() < next {
            continue;
        }
        next = Instant::now() + Duration::from_millis(dice.random_range(300..1_200));
        processes.must_all_run();
        let number = dice.random_range(0..PROCESSES);
        if !processes.is_running(number) {
            processes.join(number);
            joins += 1;
        } else if processes.running() > 1 && leaves <= kills {
            processes.leave(number);
            leaves += 1;
        } else if processes.running() > 1 {
            processes.kill(number);
            kills += 1;
        }
    }
    let calm = Instant::now();
    let outputs = verify(&*log, &mut processes, &feed, SETTLED);
    let rebalances = broker.rebalances(&format!("{prefix}app"));
    println!(
        "storm of {:.0} s, SEED={seed}: {joins} joins, {leaves} leaves, {kills} kills, {rebalances} rebalances; \
         {outputs} outputs as recomputed, {:.1} s after it; {} times a process began anew",
        time.as_secs_f64(),
        calm.elapsed().as_secs_f64(),
        processes.begun_anew(),
    );
    assert!(leaves > 0 && kills > 0 && rebalances >= 3, "that was no storm");
}

#[test]
fn nothing_is_lost_or_doubled_in_a_storm_of_rebalances() {
    storm(Duration::from_secs(8), 5);
}

#[test]
fn so_it_is_in_a_storm_of_minutes() {
    if !is_long_form() {
        return;
    }
    let seed = super::long::told("SEED").unwrap_or_else(rand::random);
    storm(Duration::from_secs(180), seed);
}
