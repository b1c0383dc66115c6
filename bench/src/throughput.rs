//! How fast a topic that is full already is worked through, and what that costs.

use std::time::{Duration, Instant};

use topology::Offset;

use crate::cluster::Cluster;
use crate::measure::{peak_megabytes, processor_seconds};
use crate::program::Program;

/// How often positions are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a program may take for the whole topic.
const PATIENCE: Duration = Duration::from_secs(600);

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Records per second, from the first tenth to the last record.
    pub per_second: f64,
    /// Processor seconds of the program per million records, over the same records.
    pub processor_per_million: f64,
    /// The peak of its memory.
    pub megabytes: f64,
}

/// Lets a program work through a topic once. The first tenth is not measured: joining the group, and a
/// virtual machine that warms up, are another matter.
pub fn measure(cluster: &mut Cluster, program: Program, input: &str, ends: &[Offset]) -> anyhow::Result<Throughput> {
    let total: i64 = ends.iter().map(|end| end.0).sum();
    let mut started = cluster.program(program, input)?;
    let pid = started.process.pid();
    let deadline = Instant::now() + PATIENCE;
    let mut first: Option<(i64, Instant, f64)> = None;
    loop {
        std::thread::sleep(LOOK);
        started.process.check()?;
        anyhow::ensure!(Instant::now() < deadline, "{} does not get to the end", program.name());
        let done = cluster.progress(&started.work)?;
        let (now, used) = (Instant::now(), processor_seconds(pid)?);
        if done < total / 10 {
            continue;
        }
        let (from, at, before) = *first.get_or_insert((done, now, used));
        if done >= total {
            let records = (done - from) as f64;
            return Ok(Throughput {
                per_second: records / now.duration_since(at).as_secs_f64(),
                processor_per_million: (used - before) / records * 1e6,
                megabytes: peak_megabytes(pid)?,
            });
        }
    }
}
