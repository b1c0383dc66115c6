//! `hub topics`: the topics that the hub needs, what a log lacks of them, and making it so.

mod file;
mod render;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use topology::{LogError, TopicPlan, TopicSpec};

use super::exit::{self, Exit, fail, fail_with_help};
use super::{ConfigArgs, Output, Terminal};
use crate::config::{Config, LogKind};
use crate::{runtime, wiring};

pub(super) use render::text as plan_text;

/// `hub topics`.
#[derive(Debug, clap::Args)]
pub(crate) struct Topics {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the topics that the hub needs; asks no log.
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Shows what would be created, changed or refused; changes nothing.
    Plan {
        #[command(flatten)]
        wanted: Wanted,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
        /// End with 4 when there is anything to do.
        #[arg(long)]
        exit_code: bool,
    },
    /// Shows the plan, asks, and does it. Nothing is deleted, and no partition count is changed.
    Apply {
        #[command(flatten)]
        wanted: Wanted,
        /// The form of the answer.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
        /// Do not ask. Needed without a terminal.
        #[arg(short, long)]
        yes: bool,
    },
}

/// Which topics are meant.
#[derive(Debug, clap::Args)]
struct Wanted {
    #[command(flatten)]
    config: ConfigArgs,
    /// The topics as this file says, instead of as the configuration does: `hub topics list -o toml` writes one.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The form of a list of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// What `--file` reads.
    Toml,
    /// KafkaTopic resources for the Strimzi operator.
    Strimzi,
}

impl Wanted {
    fn load(&self, terminal: Terminal) -> Result<(Config, Vec<TopicSpec>), Exit> {
        let config = self.config.load(terminal)?;
        let topology = wiring::topology(&config).map_err(|error| fail(Exit::Failed, format_args!("{error:#}")))?;
        let mut topics = wiring::topics(&config, &topology);
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        if let Some(path) = &self.file {
            topics = file::read(path, &topics).map_err(|faults| {
                for fault in &faults {
                    eprintln!("error: {fault}");
                }
                Exit::BadConfig
            })?;
        }
        Ok((config, topics))
    }
}

impl Topics {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        match self.command {
            Command::List { wanted, output } => match wanted.load(terminal) {
                Ok((config, topics)) => exit::print(&list(&config, &topics, output)),
                Err(exit) => exit,
            },
            Command::Plan { wanted, output, exit_code } => {
                let plan = wanted.load(terminal).and_then(|(config, topics)| Target::of(&config)?.plan(&topics));
                match plan {
                    Ok(plan) => end(exit::print(&shown(&plan, output)), &plan, exit_code),
                    Err(exit) => exit,
                }
            }
            Command::Apply { wanted, output, yes } => match wanted.load(terminal) {
                Ok((config, topics)) => apply(&config, &topics, output, yes).unwrap_or_else(|exit| exit),
                Err(exit) => exit,
            },
        }
    }
}

fn list(config: &Config, topics: &[TopicSpec], form: Form) -> String {
    match form {
        Form::Text => render::list(topics),
        Form::Json => render::list_json(topics).to_string(),
        Form::Toml => file::write(topics),
        Form::Strimzi => {
            let (prefix, replication) = match &config.log.kind {
                LogKind::Kafka(kafka) => (kafka.prefix.as_str(), kafka.replication),
                LogKind::Embedded => ("", None),
            };
            render::strimzi(topics, prefix, replication.unwrap_or(3))
        }
    }
}

fn shown(plan: &TopicPlan, output: Output) -> String {
    match output {
        Output::Text => render::text(plan),
        Output::Json => render::json(plan).to_string(),
    }
}

/// How a command ends that has shown a plan.
fn end(printed: Exit, plan: &TopicPlan, exit_code: bool) -> Exit {
    match printed {
        Exit::Done if plan.refused() > 0 => Exit::Failed,
        Exit::Done if exit_code && !plan.steps.is_empty() => Exit::Differs,
        printed => printed,
    }
}

/// A log that is asked and changed.
enum Target {
    Open(wiring::SharedLog),
    /// An embedded log that no hub has made yet.
    Nothing,
}

impl Target {
    fn of(config: &Config) -> Result<Self, Exit> {
        if matches!(config.log.kind, LogKind::Embedded) && !config.data.join("log").exists() {
            return Ok(Self::Nothing);
        }
        runtime::administered_log(config).map(Self::Open).map_err(|error| fail(Exit::Failed, format_args!("{error:#}")))
    }

    fn plan(&self, wanted: &[TopicSpec]) -> Result<TopicPlan, Exit> {
        match self {
            Self::Open(log) => TopicPlan::of(log.as_ref(), wanted).map_err(|error| unusable(&error)),
            Self::Nothing => Ok(TopicPlan::between(wanted, &[])),
        }
    }
}

fn unusable(error: &LogError) -> Exit {
    match error {
        LogError::Retriable(why) => fail_with_help(
            Exit::Unreachable,
            format_args!("the log does not answer: {why}"),
            "look at log.kafka.brokers",
        ),
        LogError::Denied(_) => fail(Exit::NotAllowed, error),
        _ => fail(Exit::Failed, error),
    }
}

fn apply(config: &Config, topics: &[TopicSpec], output: Output, yes: bool) -> Result<Exit, Exit> {
    let plan = Target::of(config)?.plan(topics)?;
    // What is printed last is the most important: the plan goes to where questions go.
    eprint!("{}", render::text(&plan));
    let to_do = plan.steps.len() - plan.refused();
    if to_do == 0 {
        return Ok(end(Exit::Done, &plan, false));
    }
    if !yes {
        let question = format_args!("Do this for {to_do} topics?");
        exit::confirm(question, format_args!("{to_do} topics would be changed"), "nothing was changed")?;
    }
    let log = runtime::administered_log(config).map_err(|error| fail(Exit::Failed, format_args!("{error:#}")))?;
    plan.apply(log.as_ref()).map_err(|error| unusable(&error))?;
    let done = match output {
        Output::Text => format!("done: {to_do} topics created or changed"),
        Output::Json => render::json(&plan).to_string(),
    };
    Ok(end(exit::print(&done), &plan, false))
}
