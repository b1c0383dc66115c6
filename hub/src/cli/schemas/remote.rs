//! The part of `hub schemas` that asks a registry: what it lacks, and registering it.

use std::time::Duration;

use clap::Args;
use connectors::registry::{RegistryClient, RegistryError, RegistrySettings, SubjectPlan, SubjectStep, subject_of};
use serde_json::{Value, json};

use crate::cli::exit::{self, Exit, fail, fail_with_help};
use crate::cli::{ConfigArgs, Output, Terminal};
use crate::config::{AddressFault, http_address};
use crate::wiring;

/// Which registry, and whose topics.
#[derive(Debug, Args)]
pub(super) struct Registry {
    #[command(flatten)]
    config: ConfigArgs,
    /// The registry's address, instead of the configuration's schemas.registry.
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
}

/// An address from the command line is printed with errors, so it must hold nothing secret.
fn check_address(url: &str) -> Result<(), Exit> {
    let (message, help) = match http_address(url) {
        Ok(_) => return Ok(()),
        Err(AddressFault::Credentials) => (
            "the address of --registry carries a user or a password",
            "leave them out of it, and write user and password in [schemas] of the configuration",
        ),
        Err(AddressFault::NotHttp) => {
            ("--registry is not an address that begins with https:// or http://", "write https://HOST:PORT")
        }
    };
    Err(fail_with_help(Exit::Usage, message, help))
}

fn failed(error: &RegistryError) -> Exit {
    match error {
        RegistryError::Unreachable { .. } => fail(Exit::Unreachable, error),
        RegistryError::Denied { .. } => fail(Exit::NotAllowed, error),
        _ => fail(Exit::Failed, error),
    }
}

impl Registry {
    fn plan(&self, terminal: Terminal) -> Result<(RegistryClient, Vec<SubjectPlan>), Exit> {
        let config = self.config.load(terminal)?;
        let configured = config.schemas.as_ref().map(|schemas| schemas.registry.clone());
        self.registry.as_deref().map_or(Ok(()), check_address)?;
        let settings = match (&self.registry, configured) {
            (Some(url), Some(configured)) if *url == configured.url => configured,
            (Some(url), _) => RegistrySettings { url: url.clone(), credential: None, timeout: Duration::from_secs(10) },
            (None, Some(configured)) => configured,
            (None, None) => {
                let help = "name one with --registry URL, or write registry = \"https://…\" in [schemas]";
                return Err(fail_with_help(Exit::BadConfig, "there is no schema registry to ask", help));
            }
        };
        let client = RegistryClient::new(settings).map_err(|error| failed(&error))?;
        let plan = SubjectPlan::of(&client, &wiring::framed_topics(&config)).map_err(|error| failed(&error))?;
        Ok((client, plan))
    }

    /// `hub schemas check`: 0 where the registry holds all or would take it, 1 where it would not, 4 where `exact`
    /// and anything is missing.
    pub(super) fn check(&self, terminal: Terminal, output: Output, exact: bool) -> Exit {
        let plan = match self.plan(terminal) {
            Ok((_, plan)) => plan,
            Err(exit) => return exit,
        };
        let printed = exit::print(&match output {
            Output::Text => text(&plan),
            Output::Json => described(&plan).to_string(),
        });
        let (missing, refused) = counts(&plan);
        match printed {
            Exit::Done if refused > 0 => Exit::Failed,
            Exit::Done if exact && missing > 0 => Exit::Differs,
            printed => printed,
        }
    }

    /// `hub schemas register`: shows the plan, asks, and does it.
    pub(super) fn register(&self, terminal: Terminal, output: Output, yes: bool) -> Exit {
        self.try_register(terminal, output, yes).unwrap_or_else(|exit| exit)
    }

    fn try_register(&self, terminal: Terminal, output: Output, yes: bool) -> Result<Exit, Exit> {
        let (client, plan) = self.plan(terminal)?;
        eprint!("{}", text(&plan));
        let (missing, refused) = counts(&plan);
        if refused > 0 {
            return Err(fail(
                Exit::Failed,
                format_args!("{refused} schemas are not compatible: nothing was registered"),
            ));
        }
        if missing > 0 && !yes {
            let question = format_args!("Register {missing} schemas at {}?", client.url());
            exit::confirm(question, format_args!("{missing} schemas would be registered"), "nothing was registered")?;
        }
        for step in &plan {
            step.apply(&client).map_err(|error| failed(&error))?;
        }
        Ok(exit::print(&match output {
            Output::Text => format!("done: {missing} schemas registered, {} were there", plan.len() - missing),
            Output::Json => described(&plan).to_string(),
        }))
    }
}

/// How many are missing, and how many would be refused.
fn counts(plan: &[SubjectPlan]) -> (usize, usize) {
    let of = |wanted: fn(&SubjectStep) -> bool| plan.iter().filter(|plan| wanted(&plan.step)).count();
    (of(|step| matches!(step, SubjectStep::Register)), of(|step| matches!(step, SubjectStep::Incompatible { .. })))
}

/// A plan for people.
pub(in crate::cli) fn text(plan: &[SubjectPlan]) -> String {
    let width = plan.iter().map(|plan| plan.topic.len() + 6).max().unwrap_or_default();
    let mut out = String::new();
    for plan in plan {
        let (subject, name, version) = (subject_of(&plan.topic), plan.entry.name, plan.entry.version);
        out += &match &plan.step {
            SubjectStep::Held { id, version: held } => {
                format!("  {subject:width$}  {name} v{version}: held as version {held}, id {id}\n")
            }
            SubjectStep::Register => format!("+ {subject:width$}  {name} v{version}\n"),
            SubjectStep::Incompatible { messages } => {
                let why = messages.join("; ");
                format!("! {subject:width$}  {name} v{version}: not compatible: {why}\n")
            }
        };
    }
    let (missing, refused) = counts(plan);
    out + &format!("plan: {missing} to register, {refused} refused, {} held\n", plan.len() - missing - refused)
}

fn described(plan: &[SubjectPlan]) -> Value {
    let step = |plan: &SubjectPlan| {
        let mut told = json!({
            "subject": subject_of(&plan.topic),
            "record": plan.entry.name,
            "record_version": plan.entry.version,
        });
        match &plan.step {
            SubjectStep::Held { id, version } => {
                told["action"] = "none".into();
                told["id"] = id.to_string().into();
                told["version"] = (*version).into();
            }
            SubjectStep::Register => told["action"] = "register".into(),
            SubjectStep::Incompatible { messages } => {
                told["action"] = "refuse".into();
                told["messages"] = json!(messages);
            }
        }
        told
    };
    json!({ "schema_version": 1, "subjects": plan.iter().map(step).collect::<Vec<_>>() })
}
