//! `hub sla`: the SLA clocks of a running hub.

mod entity;

use clap::Subcommand;

use super::exit::Exit;

/// `hub sla`.
#[derive(Debug, clap::Args)]
pub(crate) struct Sla {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the clocks of an entity: how much time is used, how much is left.
    Show(entity::Ask),
    /// Shows how each clock of an entity came to what it is: every start, pause, night and holiday.
    Explain(entity::Ask),
}

impl Sla {
    pub(super) fn run(self) -> Exit {
        match self.command {
            Command::Show(ask) => ask.run(false),
            Command::Explain(ask) => ask.run(true),
        }
    }
}
