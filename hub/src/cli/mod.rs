//! The command line: what may be typed, and which command does it.

mod bench;
mod check;
mod demo;
mod exit;
mod explain;
mod export;
mod generate;
mod ingest;
mod logging;
mod remote;
mod run;
mod schemas;
mod sla;
mod token;
mod topics;
mod topology;
mod variables;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigCode};
use crate::parts::Parts;
use crate::wiring;

/// The JCMS event hub: telecom events in, ordered facts, routed deliveries and live SLA figures out.
#[derive(Debug, Parser)]
#[command(name = "hub", version, max_term_width = 100)]
struct Cli {
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, env = "HUB_COLOR")]
    color: Colour,
    /// Say more on stderr; twice for even more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// The form of what goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the hub until SIGTERM or Ctrl-C, then drains.
    Run(run::Run),
    /// Runs the hub with a sandbox of outside systems and a telecom day at speed.
    Demo(demo::Demo),
    /// Sends a file of JSON lines to a hub.
    Ingest(ingest::Ingest),
    /// Writes the demo's events to a file, or to stdout: `hub generate | hub ingest -` posts them.
    Generate(generate::Generate),
    /// Measures the whole pipeline on this machine.
    Bench(bench::Bench),
    /// Names every fault of configuration files; starts nothing.
    Check(check::Check),
    /// The Avro schemas of the records that the hub writes.
    Schemas(schemas::Schemas),
    /// The topics that the hub needs: what a log lacks of them, and making it so.
    Topics(topics::Topics),
    /// Prints the graph of sources, processors, stores and sinks.
    Topology(topology::Print),
    /// Says what a code such as HUB-2003 means and what to do.
    Explain(explain::Explain),
    /// Shows the SLA clocks of a running hub.
    Sla(sla::Sla),
    /// Grafana dashboards of what the hub measures.
    Dashboards(export::Dashboards),
    /// Prometheus alerts on the hub itself.
    Alerts(export::Alerts),
    /// Prints the version.
    Version {
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

/// Where the configuration is and what of it is overridden.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file; without one, defaults on this machine only.
    #[arg(short, long, env = "HUB_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the hub keeps its data.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where it listens, such as 127.0.0.1:8080; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Which parts of the hub are meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PartArgs {
    /// Only these parts, such as ingest,entity.order,sla,sink.billing; without it, those of the file, or all.
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    only: Vec<String>,
}

impl PartArgs {
    /// Notes them in the configuration, instead of its own, once they are known to be parts of it.
    fn choose(self, config: &mut Config) -> Result<(), exit::Exit> {
        if self.only.is_empty() {
            return Ok(());
        }
        let topology =
            wiring::topology(config).map_err(|error| exit::fail(exit::Exit::Failed, format_args!("{error:#}")))?;
        Parts::new(&self.only, config, &topology).map_err(|fault| {
            exit::fail_with_code(exit::Exit::BadConfig, ConfigCode::BadChoice, format_args!("--only: {fault}"))
        })?;
        config.only = self.only;
        Ok(())
    }
}

/// What every command is told besides its own arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether messages on stderr may have colour.
    pub(crate) colour: bool,
    /// How much to say.
    pub(crate) verbose: u8,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal { colour: colour(cli.color), verbose: cli.verbose };
    let exit = match cli.command {
        Command::Run(command) => command.run(terminal),
        Command::Demo(command) => command.run(terminal),
        Command::Ingest(command) => command.run(terminal),
        Command::Generate(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Check(command) => command.run(terminal),
        Command::Schemas(command) => command.run(terminal),
        Command::Topics(command) => command.run(terminal),
        Command::Topology(command) => command.run(terminal),
        Command::Explain(command) => command.run(),
        Command::Sla(command) => command.run(terminal),
        Command::Dashboards(dashboards) => dashboards.run(),
        Command::Alerts(alerts) => alerts.run(),
        Command::Version { output } => {
            let version = env!("CARGO_PKG_VERSION");
            exit::print(&match output {
                Output::Text => format!("hub {version}"),
                Output::Json => serde_json::json!({ "schema_version": 1, "version": version }).to_string(),
            })
        }
    };
    exit.into()
}

/// `--color`, then `CLICOLOR_FORCE`, `NO_COLOR`, then whether stderr is a terminal.
fn colour(wanted: Colour) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    match wanted {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if is_set("CLICOLOR_FORCE") => true,
        Colour::Auto if is_set("NO_COLOR") => false,
        Colour::Auto => std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
