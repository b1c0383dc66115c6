//! Opening the log that the configuration names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connectors::embedded::{EmbeddedLog, Settings};
use connectors::kafka::{KafkaLog, KafkaSettings};
use topology::{LogError, TopicName, TopicPlan, TopicSpec};

use super::instance::Instance;
use crate::config::{Config, LogKind};
use crate::wiring::SharedLog;

/// The first pause before brokers that did not answer are asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The exit code of a process that ends because a call to the log never came back.
const STUCK: i32 = 70;

/// An open log.
pub(super) enum OpenLog {
    Embedded(Arc<EmbeddedLog>),
    /// The name is held for as long as the log is used.
    Kafka {
        log: Arc<KafkaLog>,
        instance: Instance,
    },
}

impl OpenLog {
    /// Opens it. Brokers are not asked for anything yet.
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        match &config.log.kind {
            LogKind::Embedded => embedded(&config.data.join("log")),
            LogKind::Kafka(settings) => kafka(&config.data, settings.as_ref().clone()),
        }
    }

    pub(super) fn shared(&self) -> SharedLog {
        match self {
            Self::Embedded(log) => log.clone(),
            Self::Kafka { log, .. } => log.clone(),
        }
    }

    /// The name of this process among those that share the log, where it can be shared.
    pub(super) fn instance(&self) -> Option<&str> {
        match self {
            Self::Embedded(_) => None,
            Self::Kafka { instance, .. } => Some(instance.name()),
        }
    }

    /// Why it cannot be used at the moment, if so.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::Embedded(log) => log.poison().map(str::to_owned),
            Self::Kafka { log, .. } => log.trouble(),
        }
    }

    /// Makes the topics, unless that is left to others: then the answer is what they have to do. Keeps trying while
    /// the brokers do not answer; `waiting` is told why.
    pub(super) fn ensure_topics(
        &self,
        topics: &[TopicSpec],
        create: bool,
        waiting: impl Fn(&str),
    ) -> Result<Option<TopicPlan>, LogError> {
        let log = self.shared();
        let ensure = || {
            if create {
                return log.ensure_topics(topics).map(|()| None);
            }
            let plan = TopicPlan::of(log.as_ref(), topics)?;
            Ok((!plan.is_usable()).then_some(plan))
        };
        until_answered(ensure, waiting)
    }

    /// How many partitions each topic has. Keeps trying while the brokers do not answer.
    pub(super) fn partitions(&self, waiting: impl Fn(&str)) -> Result<BTreeMap<TopicName, u32>, LogError> {
        let log = self.shared();
        Ok(until_answered(|| log.topics(), waiting)?.into_iter().collect())
    }

    /// That the hub may use the topics. Keeps trying while the brokers do not answer.
    pub(super) fn check_rights(&self, topics: &[TopicSpec], waiting: impl Fn(&str)) -> Result<(), LogError> {
        let Self::Kafka { log, .. } = self else { return Ok(()) };
        let names: Vec<_> = topics.iter().map(|topic| topic.name.clone()).collect();
        until_answered(|| log.check_rights(&names), waiting)
    }
}

/// Asks the log until it answers; `waiting` is told why it does not.
fn until_answered<T>(ask: impl Fn() -> Result<T, LogError>, waiting: impl Fn(&str)) -> Result<T, LogError> {
    let mut pause = PAUSE;
    loop {
        match ask() {
            Err(LogError::Retriable(why)) => {
                tracing::warn!(why, "the log is waited for");
                waiting(&why);
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
            ended => return ended,
        }
    }
}

/// The log to be asked and changed by a command, beside the hubs that use it where it allows that.
///
/// # Errors
/// When it cannot be opened: an embedded log belongs to one process at a time.
pub fn administered_log(config: &Config) -> anyhow::Result<SharedLog> {
    match &config.log.kind {
        LogKind::Embedded => Ok(embedded(&config.data.join("log"))?.shared()),
        LogKind::Kafka(settings) => {
            let settings = KafkaSettings { instance: "cli".to_owned(), ..settings.as_ref().clone() };
            let on_stuck = Arc::new(|what: &str| {
                eprintln!("error: {what} never came back");
                std::process::exit(STUCK);
            });
            Ok(KafkaLog::open(settings, on_stuck).context("cannot use [log.kafka]")?)
        }
    }
}

fn embedded(directory: &Path) -> anyhow::Result<OpenLog> {
    let (log, report) = EmbeddedLog::open(directory, Settings::default()).context("cannot open the log")?;
    tracing::info!(
        partitions = report.partitions,
        torn_bytes = report.torn_bytes,
        elapsed_ms = report.elapsed.as_millis() as u64,
        "the log is open"
    );
    Ok(OpenLog::Embedded(log))
}

fn kafka(data: &Path, mut settings: KafkaSettings) -> anyhow::Result<OpenLog> {
    let instance = Instance::hold(data, &settings.instance)?;
    instance.name().clone_into(&mut settings.instance);
    tracing::info!(brokers = settings.brokers, instance = settings.instance, "the log is on Kafka");
    let on_stuck = Arc::new(|what: &str| {
        // Its thread cannot be helped. What was committed is safe, and the next start goes on from there.
        tracing::error!(what, "a call to the log never came back: the process ends");
        std::process::exit(STUCK);
    });
    let log = KafkaLog::open(settings, on_stuck).context("cannot use [log.kafka]")?;
    Ok(OpenLog::Kafka { log, instance })
}
