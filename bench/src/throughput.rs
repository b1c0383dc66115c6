//! How fast a topic that is full already is worked through, and what that costs.

use std::time::{Duration, Instant};

use topology::Offset;

use crate::cluster::Cluster;
use crate::measure::{median, peak_megabytes, processor_seconds};
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

impl Throughput {
    /// Of each figure the median.
    fn median_of(found: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(found.iter().map(figure)).unwrap_or_default();
        Self {
            per_second: of(|found| found.per_second),
            processor_per_million: of(|found| found.processor_per_million),
            megabytes: of(|found| found.megabytes),
        }
    }
}

/// Measures the programs in turn, so often, and returns the medians of each. `what` is counted.
pub fn in_turn(
    programs: &[Program],
    rounds: u32,
    what: &str,
    mut measure: impl FnMut(Program) -> anyhow::Result<Throughput>,
) -> anyhow::Result<Vec<(Program, Throughput)>> {
    let mut all = vec![Vec::new(); programs.len()];
    for round in 1..=rounds {
        for (&program, all) in programs.iter().zip(&mut all) {
            let found = measure(program)?;
            println!(
                "round {round}, {}: {:.0} {what}/s, {:.2} CPU s per million, {:.0} MB",
                program.name(),
                found.per_second,
                found.processor_per_million,
                found.megabytes
            );
            all.push(found);
        }
    }
    Ok(programs.iter().copied().zip(all.iter().map(|found| Throughput::median_of(found))).collect())
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
