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
        let measured = match run::runtime() {
            Ok(runtime) => runtime.block_on(bench::run(&settings)),
            Err(error) => return fail(Exit::Failed, error),
        };
        match measured {
            Ok(report) => match self.output {
                Output::Text => exit::print(&report.to_string()),
                Output::Json => match serde_json::to_string(&report) {
                    Ok(text) => exit::print(&text),
                    Err(error) => fail(Exit::Failed, error),
                },
            },
            Err(error) => fail(Exit::Failed, format_args!("{error:#}")),
        }
    }
}
