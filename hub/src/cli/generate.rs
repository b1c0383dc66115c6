//! `hub generate`.

use std::path::PathBuf;

use super::exit::{Exit, fail};
use crate::generate::{Settings, write_path};

/// `hub generate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// How many events.
    #[arg(long, default_value_t = 10_000)]
    events: u64,
    /// The same seed gives the same events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only events that a hub takes, with most flows begun also ended: for measuring.
    #[arg(long)]
    benchmark: bool,
    /// Where to write; - is stdout.
    #[arg(default_value = "-", value_name = "FILE|-")]
    file: PathBuf,
}

impl Generate {
    pub(super) fn run(self) -> Exit {
        let settings = if self.benchmark {
            Settings::benchmark(self.events, self.seed)
        } else {
            Settings { seed: self.seed, ..Settings::default() }
        };
        match write_path(settings, self.events, &self.file) {
            Ok(written) => {
                if self.file.as_os_str() != "-" {
                    eprintln!("{} events, {} bytes in {}", written.events, written.bytes, self.file.display());
                }
                Exit::Done
            }
            Err(error) => fail(Exit::Failed, format_args!("cannot write {}: {error}", self.file.display())),
        }
    }
}
