//! Three brokers, of which one dies and comes back, three times: the leader of a changelog, then the one that keeps the
//! transactions of a process, then the coordinator of the group.

use std::time::{Duration, Instant};

use super::{Feed, KEYS, Processes, is_long_form, make_topics, verify};
use crate::support::{Cluster, until};

const PREFIX: &str = "three.";
/// How many partitions each of the brokers' own topics has: see the settings of local brokers.
const INTERNAL: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(180);
const LOAD: Duration = Duration::from_secs(5);

/// The partition of a broker's own topic that keeps what is about this name.
fn place_of(name: &str) -> u32 {
    // `String.hashCode` of Java, and Kafka's way to make it positive.
    let hash = name.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    hash.checked_abs().unwrap_or(0).cast_unsigned() % INTERNAL
}

#[test]
fn names_are_placed_as_kafka_places_them() {
    // As the broker's log tells of them: the group `hub` is in partition 1 of 4, `sink.billing` in 0.
    assert_eq!((place_of("hub"), place_of("sink.billing")), (1, 0));
}

fn write_for(feed: &mut Feed, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        feed.write(100);
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_one_of_three_brokers_dies() {
    if !is_long_form() {
        return;
    }
    let mut cluster = Cluster::start();
    let log = cluster.log(PREFIX, "test");
    // The controller knows all brokers only a moment after they answer.
    until("three brokers are there", PATIENCE, || make_topics(&*log).ok());
    let mut processes = Processes::start(cluster.addresses(), PREFIX, "classic", 3);
    let mut feed = Feed::new(&*log, KEYS, 3);
    write_for(&mut feed, LOAD);
    let victims = [
        ("the leader of a changelog", format!("{PREFIX}app.counts.changelog"), 0),
        ("who keeps a process's transactions", "__transaction_state".to_owned(), place_of("three.process-0-app-0")),
        ("the group's coordinator", "__consumer_offsets".to_owned(), place_of("three.app")),
    ];
    for (who, topic, partition) in victims {
        let victim = until("the partition has a leader", PATIENCE, || cluster.leader(&topic, partition));
        let (before, dead) = (feed.written, Instant::now());
        cluster.crash(victim);
        feed.write(100);
        let first = dead.elapsed();
        write_for(&mut feed, 2 * LOAD);
        let without = feed.written - before;
        cluster.restart(victim);
        write_for(&mut feed, LOAD);
        until("all copies are in step", PATIENCE, || cluster.is_whole().then_some(()));
        println!(
            "broker {victim} killed, {who} ({topic}/{partition}): written to again after {:.1} s, {without} inputs \
             without it",
            first.as_secs_f64()
        );
        processes.must_all_run();
    }
    let calm = Instant::now();
    let outputs = verify(&*log, &mut processes, &feed, PATIENCE);
    println!(
        "three brokers, three killed: {outputs} outputs as recomputed, {:.1} s after the load; {} rebalances, {} times a \
         process began anew",
        calm.elapsed().as_secs_f64(),
        cluster.rebalances(&format!("{PREFIX}app")),
        processes.begun_anew(),
    );
}
