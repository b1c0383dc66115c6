//! `hub sla`: the SLA clocks of a running hub.

mod ask;
mod entity;
mod list;
mod partner;
mod rules;
mod watch;

use clap::Subcommand;

use super::Terminal;
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
    /// Lists the clocks that have not ended, the first to breach first.
    List(list::List),
    /// Lists violations, the newest first.
    Breaches(list::Breaches),
    /// Lists open clocks by how likely they breach.
    Predict(list::Predict),
    /// Shows how well partners did in a period, and what each score is made of.
    Partner(partner::Partner),
    /// Follows clocks as they happen: warnings, likely breaches, breaches, and those that are taken back.
    Watch(watch::Watch),
    /// Prints the SLOs of a configuration as Prometheus recording and alerting rules.
    Rules(rules::Rules),
}

impl Sla {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        match self.command {
            Command::Show(ask) => ask.run(false),
            Command::Explain(ask) => ask.run(true),
            Command::List(list) => list.run(),
            Command::Breaches(breaches) => breaches.run(),
            Command::Predict(predict) => predict.run(),
            Command::Partner(partner) => partner.run(),
            Command::Watch(watch) => watch.run(terminal),
            Command::Rules(rules) => rules.run(terminal),
        }
    }
}
