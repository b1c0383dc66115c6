//! How long a program takes after kill -9 until it commits again, with a large state.

use std::time::{Duration, Instant};

use topology::Offset;

use crate::cluster::Cluster;
use crate::measure::processor_seconds;
use crate::program::Program;

const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the program rests before it is killed: longer than the interval of checkpoints.
const REST: Duration = Duration::from_secs(15);

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// Seconds from the start of the process to its first commit of a new record.
    pub seconds: f64,
    /// Processor seconds that it used meanwhile.
    pub processor: f64,
}

/// Builds a state of so many keys, kills the program, appends a record, and starts it again.
pub fn measure(cluster: &mut Cluster, program: Program, keys: u64) -> anyhow::Result<Restart> {
    let input = format!("restart-{}", program.key());
    let ends = cluster.fill(&input, keys, keys)?;
    let mut started = cluster.program(program, &input)?;
    let total: i64 = ends.iter().map(|end: &Offset| end.0).sum();
    let deadline = Instant::now() + PATIENCE;
    while cluster.progress(&started.work)? < total {
        started.process.check()?;
        anyhow::ensure!(Instant::now() < deadline, "{} does not get to the end", program.name());
        std::thread::sleep(LOOK);
    }
    std::thread::sleep(REST);
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
