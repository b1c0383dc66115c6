//! `hub run`.

use std::path::PathBuf;
use std::time::Duration;

use connectors::kafka::Sasl;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::{Exit, fail, fail_with_code};
use super::{ConfigArgs, PartArgs, Terminal, logging, schemas, token, topics, variables};
use crate::config::{Config, ConfigCode, Credential, LogKind, Role, Secret, duration};
use crate::runtime::{Hub, Note, StartError};

/// `hub run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    parts: PartArgs,
    /// How long the hub may take to finish what it has when it is told to stop.
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration::parse)]
    drain_timeout: Duration,
}

impl ConfigArgs {
    /// The configuration: the file, or `./hub.toml` where there is one, or the defaults; then flags.
    pub(super) fn load(&self, terminal: Terminal) -> Result<Config, Exit> {
        let local = PathBuf::from("hub.toml");
        let file = self.config.clone().or_else(|| local.is_file().then_some(local));
        let mut config = match file {
            None => Config::defaults(),
            Some(file) => Config::load(&file).map_err(|faulty| {
                eprintln!("{}", faulty.render(terminal.colour));
                Exit::BadConfig
            })?,
        };
        if let Some(data) = &self.data {
            config.move_data(data);
        }
        if let Some(listen) = self.listen {
            let has_credentials = !(config.http.tokens.is_empty() && config.http.users.is_empty());
            if !(listen.ip().is_loopback() || listen.ip() == config.http.listen.ip() && has_credentials) {
                let why = format!(
                    "--listen {listen} could be reached by others; write it as http.listen in a configuration, where \
                     credentials and dangerously_allow_plain_http are checked"
                );
                return Err(fail_with_code(Exit::BadConfig, ConfigCode::Unsafe, why));
            }
            config.http.listen = listen;
        }
        Ok(config)
    }
}

/// Adds the kept token where the configuration has no credential.
pub(super) fn ensure_credential(config: &mut Config) -> anyhow::Result<Option<token::Token>> {
    if !(config.http.tokens.is_empty() && config.http.users.is_empty()) {
        return Ok(None);
    }
    let token = token::load_or_create(&config.data)?;
    config.http.tokens.push(Credential {
        name: "generated".into(),
        token: Secret::new(token.text.clone()),
        roles: vec![Role::Publisher, Role::Viewer],
    });
    Ok(Some(token))
}

/// Says why a hub did not start, and what to do about it.
pub(super) fn explain_start(error: &StartError) -> Exit {
    match error {
        StartError::AddressInUse { .. } => fail_with_code(Exit::Failed, ConfigCode::AddressInUse, error),
        StartError::Data(_) => fail_with_code(Exit::Failed, ConfigCode::DataUnusable, error),
        StartError::Topics(plan) => {
            eprint!("{}", topics::plan_text(plan));
            fail_with_code(Exit::Failed, ConfigCode::TopicsMissing, error)
        }
        StartError::Schemas(plan) => {
            eprint!("{}", schemas::plan_text(plan));
            fail_with_code(Exit::Failed, ConfigCode::SchemasMissing, error)
        }
        StartError::Registry(_) => fail_with_code(Exit::Failed, ConfigCode::SchemasMissing, error),
        StartError::Other(_) => failed_of_log(error.log_code(), error),
    }
}

/// Says why a hub ends: by the code where only someone outside can mend it in the log.
fn failed_of_log(code: Option<ConfigCode>, why: impl std::fmt::Display) -> Exit {
    match code {
        Some(code @ ConfigCode::LogDenied) => fail_with_code(Exit::NotAllowed, code, why),
        Some(code) => fail_with_code(Exit::Failed, code, why),
        None => fail(Exit::Failed, why),
    }
}

/// A runtime for the listener and the HTTP sinks; what is heavy has threads of its own.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Who told the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A supervisor, with SIGTERM: to stop in good order is to succeed.
    Terminate,
    /// A person, with Ctrl-C (SIGINT).
    Interrupt,
}

impl Told {
    /// How a command ends that stopped in good order.
    fn exit(self) -> Exit {
        match self {
            Self::Terminate => Exit::Done,
            Self::Interrupt => Exit::Interrupted,
        }
    }
}

/// Ends when the process is told to stop.
pub(super) async fn told_to_stop() -> std::io::Result<Told> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => Told::Terminate,
        _ = interrupt.recv() => Told::Interrupt,
    })
}

impl Run {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        let mut config = match self.config.load(terminal) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        if let Err(exit) = self.parts.choose(&mut config) {
            return exit;
        }
        logging::start(terminal, false);
        variables::warn_of_unknown(&config);
        let token = match ensure_credential(&mut config) {
            Ok(token) => token,
            Err(error) => return fail_with_code(Exit::Failed, ConfigCode::DataUnusable, format_args!("{error:#}")),
        };
        match runtime() {
            Ok(runtime) => {
                let exit = runtime.block_on(serve(config, token, self.drain_timeout));
                // A start that was given up may still wait for brokers, on a thread that cannot be interrupted.
                runtime.shutdown_background();
                exit
            }
            Err(error) => fail(Exit::Failed, error),
        }
    }
}

async fn serve(config: Config, token: Option<token::Token>, drain: Duration) -> Exit {
    let started = async {
        let listener = Hub::bind(config.http.listen).await?;
        Hub::start(&config, listener).await
    };
    let started = tokio::select! {
        started = started => started,
        stop = told_to_stop() => return match stop {
            Ok(told) => {
                eprintln!("stopped before it had started: nothing was taken in");
                told.exit()
            }
            Err(error) => fail(Exit::Failed, error),
        },
    };
    let hub = match started {
        Ok(hub) => hub,
        Err(error) => {
            let exit = explain_start(&error);
            tell_principal(&config, error.log_code());
            return exit;
        }
    };
    if let Some(token) = token {
        let path = token.path.display();
        if token.is_new {
            eprintln!("token: {} (kept in {path}, shown only now)", token.text);
        } else {
            eprintln!("token: the one kept in {path}");
        }
    }
    eprintln!("hub is listening on http://{}, data in {}", hub.address(), config.data.display());
    let ended = tokio::select! {
        why = hub.failed() => Ended::Failed(why),
        stop = told_to_stop() => stop.map_or_else(Ended::Deaf, Ended::Told),
    };
    if matches!(ended, Ended::Told(_)) {
        eprintln!("stopping: finishing what was taken in");
    }
    // A second signal does not wait.
    let stopped = tokio::select! {
        stopped = hub.stop(drain) => stopped,
        _ = told_to_stop() => return Exit::Interrupted,
    };
    match (ended, stopped.1) {
        (Ended::Told(told), None) => {
            eprintln!("stopped: {} taken in, imbalance {}", stopped.0.taken_in(), stopped.0.imbalance());
            told.exit()
        }
        (Ended::Failed(why), _) | (Ended::Told(_), Some(why)) => {
            let exit = failed_of_log(why.code, &why);
            tell_principal(&config, why.code);
            exit
        }
        (Ended::Deaf(error), _) => fail(Exit::Failed, error),
    }
}

/// Why a hub ends.
enum Ended {
    Told(Told),
    Failed(Note),
    /// It cannot hear signals.
    Deaf(std::io::Error),
}

/// Says whom the brokers have to let do what they refused.
fn tell_principal(config: &Config, code: Option<ConfigCode>) {
    let (LogKind::Kafka(settings), Some(ConfigCode::LogDenied)) = (&config.log.kind, code) else { return };
    if let Some(user) = settings.sasl.as_ref().and_then(Sasl::user) {
        eprintln!("note: the brokers know the hub as User:{user}");
    }
}
