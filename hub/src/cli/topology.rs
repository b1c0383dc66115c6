//! `hub topology`.

use clap::ValueEnum;

use super::exit::{self, Exit, fail};
use super::{ConfigArgs, PartArgs, Terminal};
use crate::parts::Parts;
use crate::wiring;

/// `hub topology`.
#[derive(Debug, clap::Args)]
pub(crate) struct Print {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    parts: PartArgs,
    /// The form of the graph.
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Mermaid,
    Json,
}

impl Print {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        let mut config = match self.config.load(terminal) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        if let Err(exit) = self.parts.choose(&mut config) {
            return exit;
        }
        let graph =
            wiring::topology(&config).and_then(|whole| Ok(Parts::new(&config.only, &config, &whole)?.of(&whole)));
        match graph {
            Ok(topology) => exit::print(&match self.output {
                Form::Text => topology.describe(),
                Form::Mermaid => topology.to_mermaid(),
                Form::Json => {
                    let mut graph = topology.to_json();
                    graph["schema_version"] = 1.into();
                    format!("{graph:#}")
                }
            }),
            Err(error) => fail(Exit::Failed, format_args!("{error:#}")),
        }
    }
}
