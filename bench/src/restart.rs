//! How long a program takes after kill -9 until it commits again, with a large state.

use std::time::{Duration, Instant};

use topology::Offset;

use crate::cluster::{Cluster, Started};
use crate::measure::processor_seconds;
use crate::program::Program;

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

/// Builds a state of so many keys, changes some of them, kills the program, appends records, and starts it again.
pub fn measure(cluster: &mut Cluster, program: Program, keys: u64) -> anyhow::Result<Restart> {
    let input = format!("restart-{}", program.key());
    let ends = cluster.fill(&input, keys, keys)?;
    let mut started = cluster.program(program, &input)?;
    work_through(cluster, program, &mut started, &ends)?;
    std::thread::sleep(REST);
    let ends = cluster.fill(&input, TAIL, keys)?;
    work_through(cluster, program, &mut started, &ends)?;
    let work = started.work.clone();
    drop(started);
    cluster.fill(&input, 100, keys)?;
    let before = cluster.progress(&work)?;
    let start = Instant::now();
    let mut process = cluster.again(program, &work)?;
    while cluster.progress(&work)? <= before {
        process.check()?;
        anyhow::ensure!(start.elapsed() < PATIENCE, "{} does not come back", program.name());
        std::thread::sleep(LOOK);
    }
    Ok(Restart { seconds: start.elapsed().as_secs_f64(), processor: processor_seconds(process.pid())? })
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
