//! The long form: load at a steady rate for minutes, while a process is killed, leaves or is frozen every few
//! seconds. What it was is printed, and the seed with it.

use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Feed, PARTITIONS, Processes, is_long_form, make_topics, verify};
use crate::support::Broker;

const PROCESSES: usize = 3;
const KEYS: u64 = 20_000;
/// The state is restored from all that was written to its changelog, and more than once.
const PATIENCE: Duration = Duration::from_secs(300);

/// A number from the environment.
pub(super) fn told<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is not a number of its kind")))
}

/// What was done to the processes.
#[derive(Default)]
struct Done {
    kills: u64,
    leaves: u64,
    freezes: u64,
}

/// Kills, replaces in good order and freezes processes, at most one of them frozen at a time.
struct Trouble {
    dice: ChaCha8Rng,
    next: Instant,
    frozen: Option<(usize, Instant)>,
    done: Done,
}

impl Trouble {
    fn new(seed: u64) -> Self {
        let next = Instant::now() + Duration::from_secs(5);
        Self { dice: ChaCha8Rng::seed_from_u64(seed), next, frozen: None, done: Done::default() }
    }

    /// Does what is due.
    fn make(&mut self, processes: &mut Processes) {
        let now = Instant::now();
        if let Some((victim, _)) = self.frozen.take_if(|(_, until)| *until <= now) {
            processes.signal(victim, "-CONT");
        }
        if now < self.next {
            return;
        }
        self.next = now + Duration::from_millis(self.dice.random_range(3_000..8_000));
        let victim = self.dice.random_range(0..PROCESSES);
        if self.frozen.is_none() && self.dice.random_bool(0.35) {
            // From shorter than its session to longer than its transaction may be open.
            let until = now + Duration::from_millis(self.dice.random_range(500..9_000));
            processes.signal(victim, "-STOP");
            self.frozen = Some((victim, until));
            self.done.freezes += 1;
        } else {
            // The new process runs, whether the old one was frozen or not; a frozen one cannot leave.
            let was_frozen = self.frozen.take_if(|(frozen, _)| *frozen == victim).is_some();
            if !was_frozen && self.dice.random_bool(0.4) {
                processes.leave(victim);
                processes.join(victim);
                self.done.leaves += 1;
            } else {
                processes.replace(victim);
                self.done.kills += 1;
            }
        }
    }

    fn end(&mut self, processes: &Processes) {
        if let Some((victim, _)) = self.frozen.take() {
            processes.signal(victim, "-CONT");
        }
    }
}

#[test]
fn every_input_counts_once_for_minutes_of_kills_and_freezes() {
    if !is_long_form() {
        return;
    }
    let minutes: f64 = told("KAFKA_EOS_MINUTES").unwrap_or(15.0);
    let records: u64 = told("KAFKA_EOS_RECORDS").unwrap_or(2_000_000);
    let seed: u64 = told("SEED").unwrap_or_else(rand::random);
    println!("exactly once, the long form: SEED={seed} KAFKA_EOS_MINUTES={minutes} KAFKA_EOS_RECORDS={records}");
    let time = Duration::from_secs_f64(minutes * 60.0);
    let broker = Broker::start();
    let log = broker.log("long.", "test");
    make_topics(&*log).expect("topics are made");
    let mut processes = Processes::start(broker.address(), "long.", "classic", PROCESSES);
    let mut feed = Feed::new(&*log, KEYS, seed);
    let mut trouble = Trouble::new(seed);
    let (begun, mut minute) = (Instant::now(), 0);
    while begun.elapsed() < time || feed.written < records {
        trouble.make(&mut processes);
        let due = begun.elapsed().as_secs_f64() / time.as_secs_f64() * records as f64;
        if (feed.written as f64) < due {
            let most = (records.saturating_sub(feed.written)).clamp(2, 1_000) as usize;
            feed.write(trouble.dice.random_range(1..most));
        } else {
            // Ahead of the rate.
            std::thread::sleep(Duration::from_millis(5));
        }
        if begun.elapsed().as_secs() / 60 > minute {
            minute += 1;
            let Done { kills, leaves, freezes } = trouble.done;
            println!("minute {minute}: {} records, {kills} kills, {leaves} leaves, {freezes} freezes", feed.written);
        }
    }
    trouble.end(&processes);
    let fed = begun.elapsed();
    let outputs = verify(&*log, &mut processes, &feed, PATIENCE);
    let taken = begun.elapsed();
    let (thrown_away, anew, rebalances) =
        (processes.thrown_away(), processes.begun_anew(), broker.rebalances("long.app"));
    let restored = processes.restored();
    let Done { kills, leaves, freezes } = trouble.done;
    println!(
        "{PROCESSES} processes, {PARTITIONS} partitions, {} keys\n{} records, {outputs} outputs, each as recomputed\n\
         {kills} kills, {leaves} leaves, {freezes} freezes, {rebalances} rebalances; {thrown_away} times what a \
         process had done was thrown away, {anew} of them by beginning anew\n\
         {} tasks taken up, for which {} records of changelogs were replayed that their checkpoints did not have\n\
         {:.0} s of load, {:.0} s until all was verified, {:.0} records/s\nSEED={seed}",
        feed.next.len(),
        feed.written,
        restored.tasks,
        restored.replayed,
        fed.as_secs_f64(),
        taken.as_secs_f64(),
        feed.written as f64 / fed.as_secs_f64(),
    );
    assert_eq!(outputs, feed.written);
    assert!(thrown_away as u64 >= freezes / 8, "who was frozen went on as if nothing had been");
    restored.must_be_of_checkpoints();
}
