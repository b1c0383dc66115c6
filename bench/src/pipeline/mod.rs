//! The order pipeline, from TMF JSON to SLA states: what `make bench-kafka ARGS="--records 0"` measures.
//!
//! ```text
//! tmf.order -> ingest -> hub.order -> entity, routes -> hub.lifecycle -> SLA clocks -> hub.sla.state
//!                                         |-> out.billing out.floworx out.partner out.notification
//! ```
//!
//! Programs with one processing thread do the same work: before any is measured, each works a few thousand orders
//! through, and every record that it wrote is compared with what the first one wrote. Then each one in turn works
//! itself warm, stands still while the events to be measured are written, and goes on.

mod alone;
mod events;
mod hub;
mod report;
mod same;
mod stage;

use std::process::Command;
use std::time::{Duration, Instant};

use connectors::delivery::http::wall_clock;

use crate::cluster::Cluster;
use crate::measure::{peak_megabytes, processor_seconds};
use crate::program::{PipelineWork, Process, Program};
use crate::throughput::Throughput;
use events::Event;
use same::Written;
use stage::Stage;

pub use alone::run as alone;
pub use hub::run;
pub use report::run as report;
pub use stage::APPLICATION;

/// Orders whose records are compared.
const COMPARED: u64 = 2_000;
/// Orders that a program works through before it is measured.
const WARM_UP: u64 = 20_000;
/// How long a program that has nothing to do is left alone, so that no transaction of it is open.
const REST: Duration = Duration::from_secs(1);

/// What every program is given: made once, for that takes longer than writing it.
struct Told {
    compared: Vec<Event>,
    warm_up: Vec<Event>,
    measured: Vec<Event>,
}

impl Told {
    fn of(orders: u64) -> Self {
        let events = |run: &str, orders| events::events(run, orders, wall_clock()).collect();
        let (compared, warm_up) = (events("compared", COMPARED), events("warm", WARM_UP));
        Self { compared, warm_up, measured: events("measured", orders) }
    }
}

/// Makes sure that the programs do the same work; returns how many records of each topic it makes.
fn compare(cluster: &mut Cluster, programs: &[Program], told: &Told) -> anyhow::Result<Vec<(&'static str, usize)>> {
    let mut first: Option<Written> = None;
    for &program in programs {
        let (mut stage, mut process) = begin(cluster, program)?;
        stage.fill(&told.compared)?;
        stage.wait_done(&mut process)?;
        let written = Written::by(&stage)?;
        let Some(own) = &first else {
            first = Some(written);
            continue;
        };
        let differences = own.differences(&written);
        anyhow::ensure!(
            differences.is_empty(),
            "{} does other work than {}:\n{}",
            program.name(),
            programs[0].name(),
            differences.join("\n")
        );
    }
    Ok(first.map(|written| written.counts().collect()).unwrap_or_default())
}

/// Lets a program work the events through.
fn measure(cluster: &mut Cluster, program: Program, told: &Told) -> anyhow::Result<Throughput> {
    let (mut stage, mut process) = begin(cluster, program)?;
    stage.fill(&told.warm_up)?;
    stage.wait_done(&mut process)?;
    std::thread::sleep(REST);
    signal(&process, "STOP")?;
    stage.fill(&told.measured)?;
    let events = told.measured.len() as f64;
    let (began, before) = (Instant::now(), processor_seconds(process.pid())?);
    signal(&process, "CONT")?;
    let done = stage.wait_done(&mut process)?;
    let (seconds, used) = (done.at.duration_since(began).as_secs_f64(), done.processor_seconds - before);
    Ok(Throughput {
        per_second: events / seconds,
        processor_per_million: used / events * 1e6,
        megabytes: peak_megabytes(process.pid())?,
    })
}

fn begin(cluster: &mut Cluster, program: Program) -> anyhow::Result<(Stage, Process)> {
    let (name, data) = cluster.next(program);
    let prefix = format!("{name}.");
    let stage = Stage::set(&cluster.address(), &prefix)?;
    let work = PipelineWork { brokers: cluster.address(), prefix, data };
    let process = program.start_pipeline(&work, cluster.classes())?;
    Ok((stage, process))
}

fn signal(process: &Process, signal: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.pid().to_string()).status()?;
    anyhow::ensure!(sent.success(), "no signal could be sent to a program");
    Ok(())
}
