//! How long a program takes after kill -9 until it commits again, with a large state.

use std::time::{Duration, Instant};

use topology::Offset;

use crate::cluster::{Cluster, Started};
use crate::measure::{median, processor_seconds};
use crate::program::{Program, Work};

const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the program rests with its state before it goes on: longer than the interval of checkpoints.
const REST: Duration = Duration::from_secs(15);
/// How many records it works through after that, until it is killed: what no checkpoint has.
pub const TAIL: u64 = 100_000;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// Seconds from the start of the process to its first commit of a new record.
    pub seconds: f64,
    /// Processor seconds that it used meanwhile.
    pub processor: f64,
}

impl Restart {
    /// Of each figure the median.
    fn median_of(found: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(found.iter().map(figure)).unwrap_or_default();
        Self { seconds: of(|found| found.seconds), processor: of(|found| found.processor) }
    }
}

/// Builds a state of so many keys; then, so many times, changes some of them, kills the program, appends records, and
/// starts it again. Returns the medians.
pub fn measure(cluster: &mut Cluster, program: Program, keys: u64, rounds: u32) -> anyhow::Result<Restart> {
    let input = format!("restart-{}", program.key());
    let ends = cluster.fill(&input, keys, keys)?;
    let mut started = cluster.program(program, &input)?;
    work_through(cluster, program, &mut started, &ends)?;
    let mut found = Vec::new();
    for _ in 0..rounds {
        std::thread::sleep(REST);
        let ends = cluster.fill(&input, TAIL, keys)?;
        work_through(cluster, program, &mut started, &ends)?;
        let work = started.work.clone();
        drop(started);
        cluster.fill(&input, 100, keys)?;
        let restart;
        (started, restart) = again(cluster, program, work)?;
        println!("{}: back after {:.2} s, {:.2} CPU s", program.name(), restart.seconds, restart.processor);
        found.push(restart);
    }
    Ok(Restart::median_of(&found))
}

/// Starts a program again, and waits until it has committed a new record.
fn again(cluster: &Cluster, program: Program, work: Work) -> anyhow::Result<(Started, Restart)> {
    let before = cluster.progress(&work)?;
    let start = Instant::now();
    let mut process = cluster.again(program, &work)?;
    while cluster.progress(&work)? <= before {
        process.check()?;
        anyhow::ensure!(start.elapsed() < PATIENCE, "{} does not come back", program.name());
        std::thread::sleep(LOOK);
    }
    let restart = Restart { seconds: start.elapsed().as_secs_f64(), processor: processor_seconds(process.pid())? };
    Ok((Started { process, work }, restart))
}

/// Waits until the program has committed all there is.
fn work_through(cluster: &Cluster, program: Program, started: &mut Started, ends: &[Offset]) -> anyhow::Result<()> {
    let total: i64 = ends.iter().map(|end| end.0).sum();
    let deadline = Instant::now() + PATIENCE;
    while cluster.progress(&started.work)? < total {
        started.process.check()?;
        anyhow::ensure!(Instant::now() < deadline, "{} does not get to the end", program.name());
        std::thread::sleep(LOOK);
    }
    Ok(())
}
