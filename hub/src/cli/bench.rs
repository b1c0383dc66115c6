//! `hub bench`.

use std::path::PathBuf;
use std::time::Duration;

use super::exit::{self, Exit, fail};
use super::{Output, run};
use crate::bench::{self, BenchSettings};
use crate::config::duration;

/// `hub bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Events at full speed.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Events per second of the steady part.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// How long the steady part lasts.
    #[arg(long, default_value = "20s", value_parser = duration::parse)]
    steady: Duration,
    /// Measure so many open SLA clocks instead: memory, time, restart.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["events", "rate", "steady", "seed"])]
    clocks: Option<u64>,
    /// The generator's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the files go, in a directory of their own that is removed afterwards.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The form of the figures.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Bench {
    pub(super) fn run(self) -> Exit {
        let parent = self.data.unwrap_or_else(std::env::temp_dir);
        let settings = BenchSettings {
            events: self.events,
            rate: self.rate,
            steady: self.steady,
            seed: self.seed,
            directory: parent.join(format!("hub-bench-{}", std::process::id())),
        };
        let runtime = match run::runtime() {
            Ok(runtime) => runtime,
            Err(error) => return fail(Exit::Failed, error),
        };
        match self.clocks {
            Some(clocks) => show(runtime.block_on(bench::run_clocks(&settings.directory, clocks)), self.output),
            None => show(runtime.block_on(bench::run(&settings)), self.output),
        }
    }
}

fn show(measured: anyhow::Result<impl std::fmt::Display + serde::Serialize>, output: Output) -> Exit {
    match measured {
        Ok(report) => match output {
            Output::Text => exit::print(&report.to_string()),
            Output::Json => match serde_json::to_string(&report) {
                Ok(text) => exit::print(&text),
                Err(error) => fail(Exit::Failed, error),
            },
        },
        Err(error) => fail(Exit::Failed, format_args!("{error:#}")),
    }
}
