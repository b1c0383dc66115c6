//! `make bench-kafka`: one broker, one kind of work, several programs that do it, in one run.
//!
//! The work: records of 300 bytes over 4 partitions; for each, a state of 64 bytes is read and
//! written (with a changelog), and one record is sent; outputs, changelog and positions are
//! committed together every 100 ms. Every program is a process of its own with one processing thread,
//! and is watched from outside: by the positions that it commits, and by `/proc`.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod bare;
mod chart;
mod cluster;
mod latency;
mod machine;
mod measure;
mod pipeline;
mod program;
mod report;
mod restart;
mod runtime;
mod throughput;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use program::Program;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the runtime on Apache Kafka against Kafka Streams and a bare client loop.
#[derive(Debug, Parser)]
#[command(name = "bench-kafka")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How many records each program works through, for throughput, latency and restart; 0 leaves them out.
    #[arg(long, default_value_t = 2_000_000, value_parser = records)]
    records: u64,
    /// How many keys they have.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// How often throughput and restarts are measured; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// For how many seconds latency is measured at each rate; 0 leaves it out.
    #[arg(long, default_value_t = 20)]
    latency: u32,
    /// How many keys of state a restart has; 0 leaves it out.
    #[arg(long, default_value_t = 1_000_000)]
    restart_keys: u64,
    /// How many orders pass the whole order pipeline, from JSON to SLA states; 0 leaves it out.
    #[arg(long, default_value_t = 60_000)]
    pipeline: u64,
    /// Which programs are measured, in this order; ratios are of the first one to the others.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "runtime,streams,streams-tuned,bare,bare-plain")]
    programs: Vec<Program>,
    /// Where the broker's and Kafka Streams' jars are kept, fetched if missing.
    #[arg(long, default_value = "target/bench-kafka")]
    jars: PathBuf,
    /// Where the tables and the chart are written as well; the chart goes beside it.
    #[arg(long)]
    results: Option<PathBuf>,
}

/// The programs under test.
#[derive(Debug, Subcommand)]
enum Part {
    /// The runtime.
    #[command(hide = true)]
    Runtime(program::Work),
    /// The runtime with the hub's order pipeline.
    #[command(hide = true)]
    Pipeline(program::PipelineWork),
    /// The order pipeline on a log in memory: what the hub's own parts cost.
    Alone {
        /// How many orders pass it.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
        orders: u64,
    },
    /// The client alone, doing the same writes.
    #[command(hide = true)]
    Bare {
        #[command(flatten)]
        work: program::Work,
        /// Whether it writes the changelog as well.
        #[arg(long)]
        changelog: bool,
    },
}

/// None, or so many that a warm-up and a measurement are made of them.
fn records(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number @ (0 | 100_000..)) => Ok(number),
        _ => Err("0, or 100000 and more".to_owned()),
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Runtime(work)) => runtime::run(work),
        Some(Part::Pipeline(work)) => pipeline::run(work),
        Some(Part::Alone { orders }) => pipeline::alone(*orders),
        Some(Part::Bare { work, changelog }) => bare::run(work, *changelog),
        None => report::run(&arguments),
    }
}
