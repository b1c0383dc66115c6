//! `hub check`.

use std::path::PathBuf;

use schemas::Timestamp;

use super::Terminal;
use super::exit::{self, Exit};
use crate::config::Config;
use crate::wiring;

/// `hub check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Configuration files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        let mut faults = 0;
        for file in &self.files {
            match Config::load(file) {
                Ok(config) => {
                    if let Err(error) = wiring::topology(&config) {
                        faults += 1;
                        eprintln!("error: {}: {error:#}", file.display());
                        continue;
                    }
                    for (warning, line) in config.sla.warnings(Timestamp(jiff::Timestamp::now().as_millisecond())) {
                        let line = line.map_or_else(String::new, |line| format!(":{line}"));
                        eprintln!("warning[{}]: {warning}\n --> {}{line}", warning.code, file.display());
                        warning.help.iter().for_each(|help| eprintln!("help: {help}"));
                    }
                    let (routes, objectives) = (config.routes.len(), config.sla.objectives.len());
                    exit::print(&format!("{}: ok, {routes} routes, {objectives} objectives", file.display()));
                }
                Err(faulty) => {
                    faults += faulty.faults.len();
                    eprintln!("{}", faulty.render(terminal.colour));
                }
            }
        }
        if faults == 0 { Exit::Done } else { Exit::Failed }
    }
}
