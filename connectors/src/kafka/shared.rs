//! What all parts of a log share: the administrative client, names, and who is watched.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use topology::{LogError, Offset, Position, TopicName, TopicPartition};

use super::ends::{self, Spec};
use super::error::{self, Asked};
use super::health::Health;
use super::native::Admin;
use super::reader::Readers;
use super::serving::{Asking, Serving};
use super::settings::KafkaSettings;
use super::watchdog::{OnStuck, Watchdog, Watched};
use crate::registry::SchemaIds;
use crate::unread::Told;

/// Partition counts by topic, without the prefix.
type Counts = HashMap<TopicName, u32>;

/// How long to wait for the brokers' view before it is looked whether they refuse to give it.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Shared {
    pub(super) settings: KafkaSettings,
    pub(super) health: Arc<Health>,
    clients: Serving,
    counts: Mutex<Arc<Counts>>,
    /// The counts by which keys were given partitions, or partitions taken, since the start.
    used: Mutex<Counts>,
    /// Of a schema registry, where there is one.
    pub(super) schema_ids: OnceLock<Arc<SchemaIds>>,
    /// What groups were told to be missing.
    pub(super) unread: Told,
    /// Watches over the end of the clients, which can hang: they go before it.
    closing: Option<Watched>,
    pub(super) watchdog: Watchdog,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.closing = Some(self.watchdog.begin("closing clients"));
    }
}

impl Shared {
    pub(super) fn open(settings: KafkaSettings, on_stuck: OnStuck) -> Result<Arc<Self>, LogError> {
        let health = Arc::new(Health::default());
        let thread = |source| LogError::Io { context: "starting a thread of the log".to_owned(), source };
        let watchdog = Watchdog::start(settings.stuck_after, on_stuck).map_err(thread)?;
        let clients = Serving::start(&settings, &health)?;
        Ok(Arc::new(Self {
            settings,
            health,
            clients,
            counts: Mutex::default(),
            used: Mutex::default(),
            schema_ids: OnceLock::new(),
            unread: Told::default(),
            closing: None,
            watchdog,
        }))
    }

    /// The name that the broker knows.
    pub(super) fn wire_name(&self, name: &str) -> String {
        format!("{}{name}", self.settings.prefix)
    }

    /// The name that the hub knows; `None` for what is not the hub's.
    pub(super) fn own_name<'n>(&self, wire_name: &'n str) -> Option<&'n str> {
        wire_name.strip_prefix(self.settings.prefix.as_str())
    }

    pub(super) fn admin(&self) -> Admin {
        Admin { client: self.client(), timeout: self.settings.request_timeout }
    }

    fn client(&self) -> Asking {
        self.clients.admin()
    }

    pub(super) fn readers(&self) -> &Readers {
        self.clients.readers()
    }

    /// The brokers' view of all topics: asking for one that is missing may make it.
    fn metadata(&self) -> KafkaResult<Metadata> {
        let deadline = Instant::now() + self.settings.request_timeout;
        let (client, mut patience) = (self.client(), FIRST_PATIENCE);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let asked = self.watchdog.over("asking for the topics", || {
                client.fetch_metadata(None, patience.min(left).max(Duration::from_millis(1)))
            });
            // The client goes on trying where it is refused: there is no use in waiting along.
            if asked.is_ok() || patience >= left || self.health.refusal().is_some() {
                return asked;
            }
            patience *= 2;
        }
    }

    /// Asks for all topics anew.
    pub(super) fn refresh(&self) -> Result<Arc<Counts>, LogError> {
        let metadata = match self.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                // Why it did not answer was told to the context, by a client that is served meanwhile.
                return Err(match error::of(&error, Asked::Cluster) {
                    LogError::Retriable(why) => {
                        self.explain(why, |trouble| format!("{trouble} ({})", self.settings.brokers))
                    }
                    error => error,
                });
            }
        };
        self.health.well();
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let counts = topics.filter_map(|topic| {
            let name = self.own_name(topic.name()).filter(|name| !name.starts_with("__"))?;
            Some((name.into(), topic.partitions().len() as u32))
        });
        let counts: Arc<Counts> = Arc::new(counts.collect());
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts.clone();
        Ok(counts)
    }

    /// The error for a question that was not answered, by what the clients were told meanwhile.
    pub(super) fn explain(&self, why: String, told: impl Fn(String) -> String) -> LogError {
        match (self.health.refusal(), self.health.trouble()) {
            (Some(refusal), _) => LogError::Denied(told(refusal)),
            (None, Some(trouble)) => LogError::Retriable(told(trouble)),
            (None, None) => LogError::Retriable(why),
        }
    }

    /// How many partitions a topic has, under the name that the hub gives it. One that has another count than it
    /// was used with before is of no use any more: its keys have moved.
    pub(super) fn partitions(&self, topic: &str) -> Result<(TopicName, u32), LogError> {
        let (name, actual) = self.counted(topic)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = *used.entry(name.clone()).or_insert(actual);
        if wanted == actual {
            Ok((name, actual))
        } else {
            Err(LogError::PartitionCount { topic: name, actual, wanted })
        }
    }

    fn counted(&self, topic: &str) -> Result<(TopicName, u32), LogError> {
        let known = |counts: &Counts| counts.get_key_value(topic).map(|(name, count)| (name.clone(), *count));
        let cached = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known(&cached) {
            Some(found) => Ok(found),
            None => known(&*self.refresh()?).ok_or_else(|| LogError::UnknownTopic(topic.into())),
        }
    }

    /// That a partition exists.
    pub(super) fn check(&self, partition: &TopicPartition) -> Result<(), LogError> {
        let (_, count) = self.partitions(&partition.topic)?;
        if partition.partition < count { Ok(()) } else { Err(LogError::UnknownPartition(partition.clone())) }
    }

    pub(super) fn place(&self, partition: &TopicPartition) -> (String, i32) {
        (self.wire_name(&partition.topic), partition.partition as i32)
    }

    /// An offset of a partition.
    pub(super) fn offset(&self, partition: &TopicPartition, spec: Spec) -> Result<Offset, LogError> {
        self.check(partition)?;
        Ok(self.offsets(std::slice::from_ref(partition), spec)?.first().map_or(Offset(0), |(_, offset)| *offset))
    }

    /// Offsets of partitions that exist. Of none nobody is asked: the client waits for the answer until its time is over.
    pub(super) fn offsets(
        &self,
        partitions: &[TopicPartition],
        spec: Spec,
    ) -> Result<Vec<(TopicPartition, Offset)>, LogError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = partitions.iter().map(|partition| self.place(partition)).collect();
        let (once, timeout) = (once_each(&places), self.settings.request_timeout);
        let asked = if let [one] = partitions { Asked::Partition(one) } else { Asked::Cluster };
        self.until_answered(|| {
            let client = match spec {
                Spec::First | Spec::Stable => self.client(),
                Spec::Written => self.clients.unstable().get(&self.settings, &self.health)?,
            };
            let answers = self.watchdog.over("asking for offsets", || ends::ask(&client, &once, spec, timeout));
            let answers = answers.map_err(|error| error::of(&error, asked))?;
            let found = partitions.iter().zip(&places).map(|(partition, place)| {
                let offset = answers
                    .get(place)
                    .ok_or_else(|| LogError::Retriable(format!("the broker told no offset of {partition}")))?;
                let offset = offset.as_ref().map_err(|code| error::of_code(*code, Asked::Partition(partition)))?;
                Ok((partition.clone(), Offset(*offset)))
            });
            found.collect()
        })
    }

    /// Committed positions of a group, none of which a transaction may still change.
    pub(super) fn positions(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Option<Position>)>, LogError> {
        self.positions_of(group, partitions, true)
    }

    /// Committed positions of a group; those that are not to be `stable` may be moved by a transaction under way.
    pub(super) fn positions_of(
        &self,
        group: &str,
        partitions: &[TopicPartition],
        stable: bool,
    ) -> Result<Vec<(TopicPartition, Option<Position>)>, LogError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = partitions.iter().map(|partition| self.place(partition)).collect();
        let (once, wire_group) = (once_each(&places), self.wire_name(group));
        self.until_answered(|| {
            let admin = self.admin();
            let asked = self.watchdog.over("asking for positions", || admin.positions(&wire_group, &once, stable));
            let answers = match asked {
                Ok(answers) => answers,
                Err(failure) if failure.code == RDKafkaErrorCode::OperationTimedOut => {
                    self.clients.replace(&admin.client, &self.settings, &self.health)?;
                    return Err(failure.of(Asked::Group(&wire_group)));
                }
                // A group that nobody has committed for.
                Err(failure) if failure.code == RDKafkaErrorCode::GroupIdNotFound => Vec::new(),
                Err(failure) => return Err(failure.of(Asked::Group(&wire_group))),
            };
            let answers: HashMap<_, _> = answers.into_iter().collect();
            let found = partitions.iter().zip(&places).map(|(partition, place)| {
                let position = match answers.get(place) {
                    None => None,
                    // That a transaction has not ended is one of these; the error is to be asked again.
                    Some(Err(code)) => return Err(error::of_code(*code, Asked::Partition(partition))),
                    Some(Ok(position)) => position.clone(),
                };
                let position = position.map(|(next, metadata)| Position { next_offset: Offset(next), metadata });
                Ok((partition.clone(), position))
            });
            found.collect()
        })
    }

    /// Asks again while the answer is that it may be otherwise soon: leaders move, coordinators load,
    /// transactions end.
    fn until_answered<T>(&self, ask: impl Fn() -> Result<T, LogError>) -> Result<T, LogError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            match ask() {
                Err(LogError::Retriable(why)) if Instant::now() < deadline => {
                    tracing::debug!(why, "asked again");
                    std::thread::sleep(PAUSE);
                    // The client asks the leaders that it knows of, and does not always learn from
                    // their refusal that it knows the wrong ones.
                    drop(self.refresh());
                }
                Err(LogError::Retriable(why)) => {
                    return Err(self.explain(why, |trouble| trouble));
                }
                answer => {
                    if answer.is_ok() {
                        self.health.well();
                    }
                    return answer;
                }
            }
        }
    }
}

/// The places, each once: librdkafka refuses a question that names one twice.
fn once_each(places: &[(String, i32)]) -> Vec<(String, i32)> {
    let places: BTreeSet<_> = places.iter().cloned().collect();
    places.into_iter().collect()
}

/// How long to leave a broker alone that could not answer yet.
const PAUSE: Duration = Duration::from_millis(20);
