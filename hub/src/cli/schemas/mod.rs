//! `hub schemas`: the Avro schemas of the hub's records, here and in a registry.

mod remote;

use ::schemas::registry::{SCHEMAS, SchemaEntry, schema_by_name};
use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::{self, Exit, fail_with_help};
use super::{Output, Terminal};

pub(super) use remote::text as plan_text;

/// `hub schemas`.
#[derive(Debug, clap::Args)]
pub(crate) struct Schemas {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists every schema with its id and version.
    List {
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Prints the newest schema of a record, such as OrderEvent.
    Show {
        /// The record's name.
        name: String,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Asks a registry what it lacks, and whether it would take it; registers nothing.
    Check {
        #[command(flatten)]
        registry: remote::Registry,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
        /// End with 4 when a schema is missing.
        #[arg(long)]
        exit_code: bool,
    },
    /// Shows what a registry lacks, asks, and registers it, each subject held to BACKWARD.
    Register {
        #[command(flatten)]
        registry: remote::Registry,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
        /// Do not ask. Needed without a terminal.
        #[arg(short, long)]
        yes: bool,
    },
}

impl Schemas {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        match self.command {
            Command::Check { registry, output, exit_code } => registry.check(terminal, output, exit_code),
            Command::Register { registry, output, yes } => registry.register(terminal, output, yes),
            Command::List { output } => exit::print(&list(output)),
            Command::Show { name, output } => match schema_by_name(&name) {
                Some(entry) => exit::print(&show(entry, output)),
                None => fail_with_help(
                    Exit::Failed,
                    format_args!("no record is named {name:?}"),
                    "hub schemas list names them all",
                ),
            },
        }
    }
}

fn list(output: Output) -> String {
    match output {
        Output::Text => {
            let lines = SCHEMAS.iter().map(|entry| format!("{:>4}  {:<18} v{}\n", entry.id, entry.name, entry.version));
            format!("  ID  {:<18} VERSION\n{}", "NAME", lines.collect::<String>())
        }
        Output::Json => {
            let entries: Vec<_> = SCHEMAS.iter().map(described).collect();
            json!({ "schema_version": 1, "schemas": entries }).to_string()
        }
    }
}

fn show(entry: &SchemaEntry, output: Output) -> String {
    match output {
        Output::Text => entry.avsc.to_owned(),
        Output::Json => {
            let mut shown = described(entry);
            shown["schema_version"] = 1.into();
            shown["schema"] = serde_json::from_str(entry.avsc).expect("the schema files are JSON: a test parses each");
            shown.to_string()
        }
    }
}

fn described(entry: &SchemaEntry) -> Value {
    json!({ "id": entry.id.to_string(), "name": entry.name, "version": entry.version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_listed() {
        let told: Value = serde_json::from_str(&list(Output::Json)).unwrap();
        assert_eq!(told["schemas"].as_array().unwrap().len(), SCHEMAS.len());
        assert_eq!(list(Output::Text).lines().count(), SCHEMAS.len() + 1);
    }

    #[test]
    fn the_newest_version_is_shown() {
        let told: Value = serde_json::from_str(&show(schema_by_name("SlaViolation").unwrap(), Output::Json)).unwrap();
        assert_eq!((&told["version"], &told["id"]), (&json!(3), &json!("17")));
        assert_eq!(told["schema"]["name"], "SlaViolation");
    }
}
