//! A transactional producer, used by one thread.
//!
//! ```text
//!            send                    commit                       deliveries, positions, end
//!  [idle] ----------> [open] ------------------> [committing] ------------------------------> [idle]
//!                        |                             | refused: abort                          ^
//!                        +--- abort -------------------+-------------------------- Aborted ------+
//!                                                      | no answer: a new client ends what the old
//!                                                      | one left, and the positions tell how -----+
//! ```

mod aside;
mod deliveries;
mod ending;
mod hand_over;
mod positions;
mod targets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use topology::{Commit, LogError, Membership, Offset, OutgoingRecord, Position, Producer, TopicPartition};

use super::client::Context;
use super::consumer::Member;
use super::error::{self, Asked};
use super::native::{Group, TopicHandle, Transactions};
use super::settings::Sasl;
use super::shared::Shared;
use super::signal::Signal;
use super::{config, frames, not_made};
use aside::Aside;
use deliveries::{Deliveries, Failed, Round};
use targets::Targets;

/// After so many records the client's reports are taken in.
const SERVE_EVERY: usize = 256;
/// How long to wait at a time for the client to tell something.
const STEP: Duration = Duration::from_millis(100);
/// So many times the patience of a request the first client of a producer has for its coordinator: brokers make and
/// load it when it is asked for first, which takes its time where much else begins.
const FIRST_PATIENCE: u32 = 3;
/// How long a new client is given to connect, before its older ones are fenced; with none connected that is tried as well.
const MEETING: Duration = Duration::from_secs(1);

/// The client, what rings when it has something to tell, and the topics it writes to. In this order: the client
/// goes last.
struct Client {
    signal: Signal,
    /// By the number of the target; made when they are needed.
    topics: Vec<Option<TopicHandle>>,
    aside: Aside,
    /// Shared with the call that is made aside, which may outlive this.
    producer: Arc<BaseProducer<Deliveries>>,
}

/// See the module.
pub(super) struct KafkaProducer {
    shared: Arc<Shared>,
    /// By the broker's name.
    id: String,
    /// `None` after a failure that only a new one gets over.
    client: Option<Client>,
    targets: Targets,
    is_open: bool,
    round: Round,
    /// Where the records of the open transaction go, in the order of `send`.
    sent: Vec<TopicPartition>,
    /// A record of the open transaction was refused: nothing of it can be committed.
    refused: Option<Failed>,
    last: Vec<(TopicPartition, Offset)>,
    /// What was committed last, to see a difference when an outcome is unknown.
    known: HashMap<(String, TopicPartition), Position>,
}

impl KafkaProducer {
    pub(super) fn new(shared: Arc<Shared>, transactional_id: &str) -> Result<Self, LogError> {
        let id = shared.wire_name(&format!("{}-{transactional_id}", shared.settings.instance));
        let mut producer = Self {
            shared,
            id,
            client: None,
            targets: Targets::default(),
            is_open: false,
            round: Round::default(),
            sent: Vec::new(),
            refused: None,
            last: Vec::new(),
            known: HashMap::new(),
        };
        let patience = producer.shared.settings.request_timeout * FIRST_PATIENCE;
        producer.connect_within(patience)?;
        Ok(producer)
    }

    /// Makes a client, which fences older ones of the same id and ends what they left.
    fn connect(&mut self) -> Result<(), LogError> {
        self.connect_within(self.shared.settings.request_timeout)
    }

    /// As [`connect`](Self::connect), waiting so long for a coordinator of brokers that answer.
    fn connect_within(&mut self, patience: Duration) -> Result<(), LogError> {
        if self.client.is_some() {
            return Ok(());
        }
        let context = Deliveries::new(Context::new("producer", &self.shared.settings, &self.shared.health));
        let settings = config::producer(&self.shared.settings, &self.id);
        let producer = BaseProducer::from_config_and_context(&settings, context).map_err(|error| not_made(&error))?;
        let rk = producer.client().native_ptr();
        let thread = |source| LogError::Io { context: "starting a thread of a producer".to_owned(), source };
        let aside = Aside::start().map_err(thread)?;
        let client = Client { signal: Signal::new(rk), topics: Vec::new(), aside, producer: Arc::new(producer) };
        let timeout = self.shared.settings.request_timeout;
        let begun = Instant::now();
        let deadline = begun + timeout;
        let is_waited_for = || {
            let waited = begun.elapsed();
            waited < timeout || (waited < patience && self.shared.health.trouble().is_none())
        };
        // A token is asked for by an event, which nobody would hear in a long call.
        let longest = if matches!(self.shared.settings.sasl, Some(Sasl::OAuthBearer(_))) { STEP } else { timeout };
        if longest < timeout {
            client.signal.wait(STEP);
            client.serve();
        }
        self.shared.watchdog.over("connecting a producer", || Transactions(rk).meet(longest.min(MEETING)));
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(STEP).min(longest);
            let done = self.shared.watchdog.over("fencing older producers", || Transactions(rk).init(left));
            match done {
                Ok(()) => break,
                Err(error) if error.is_retriable && is_waited_for() => client.serve(),
                Err(error) => {
                    client.serve();
                    let asked = Asked::TransactionalId(&self.id);
                    return Err(match error::of_code(error.code, asked) {
                        LogError::Retriable(_) => {
                            let why = format!("{asked}: {}", error.text);
                            self.shared.explain(why, |trouble| format!("{asked}: {trouble}"))
                        }
                        error => error,
                    });
                }
            }
        }
        self.shared.health.well();
        self.client = Some(client);
        Ok(())
    }

    /// Throws the client away; its next one fences it.
    fn disconnect(&mut self) {
        let client = self.client.take();
        self.shared.watchdog.over("closing a producer", || drop(client));
        self.forget();
    }

    /// Starts anew, on this side.
    fn forget(&mut self) {
        self.is_open = false;
        self.refused = None;
        self.sent.clear();
        if let Some(client) = &self.client {
            self.round = client.producer.context().begin();
        }
    }

    fn open(&mut self) -> Result<(), LogError> {
        self.connect()?;
        if self.is_open {
            return Ok(());
        }
        self.forget();
        match self.transactions().begin() {
            Ok(()) => self.is_open = true,
            Err(error) => {
                // Whatever it is: a new client begins from a known state.
                self.disconnect();
                return Err(LogError::Retriable(format!("{}: {}", Asked::TransactionalId(&self.id), error.text)));
            }
        }
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("connected by whoever opened the transaction")
    }

    fn transactions(&self) -> Transactions {
        Transactions(self.client().producer.client().native_ptr())
    }

    /// Waits until every record was delivered or refused.
    fn drain(&self, deadline: Instant) -> bool {
        let client = self.client();
        client.serve();
        if client.producer.in_flight_count() > 0 {
            self.transactions().hurry();
        }
        loop {
            client.serve();
            if client.producer.in_flight_count() == 0 {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            client.signal.wait(STEP);
        }
    }

    /// Whether a newer producer has taken over, by this code or by what the client was told meanwhile.
    fn is_fenced(&self, code: RDKafkaErrorCode) -> bool {
        let fatal = || self.client.as_ref().and_then(|client| client.producer.client().fatal_error());
        error::is_fenced(code) || fatal().is_some_and(|(code, _)| error::is_fenced(code))
    }

    /// Aborts what is open, for good; true when a newer producer had done so.
    fn throw_away(&mut self) -> bool {
        if !self.is_open || self.client.is_none() {
            self.forget();
            return false;
        }
        let mut fenced = false;
        self.client().producer.purge(PurgeConfig::default().queue());
        let deadline = Instant::now() + self.shared.settings.request_timeout;
        let mut done = self.drain(deadline);
        while done {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match self.shared.watchdog.over("aborting a transaction", || self.transactions().abort(left)) {
                Ok(()) => break,
                Err(error) if error.is_retriable && Instant::now() < deadline => self.client().serve(),
                Err(error) => {
                    tracing::debug!(
                        id = self.id,
                        text = error.text,
                        "a transaction could not be aborted by its producer"
                    );
                    fenced = self.is_fenced(error.code);
                    done = false;
                }
            }
        }
        if done {
            self.client().serve();
            self.forget();
        } else {
            // The broker aborts it when the next client of this id comes.
            self.disconnect();
        }
        fenced
    }
}

impl Client {
    /// Takes in what the client has to tell.
    fn serve(&self) {
        while self.signal.waiting() > 0 {
            self.producer.poll(Duration::ZERO);
        }
    }
}

impl Producer for KafkaProducer {
    fn send(&mut self, mut record: OutgoingRecord) -> Result<(), LogError> {
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = record.key.as_ref().map_or(0, bytes::Bytes::len)
            + record.value.as_ref().map_or(0, bytes::Bytes::len)
            + headers;
        let limit = self.shared.settings.max_record_bytes;
        if bytes > limit {
            return Err(LogError::TooLarge { bytes, limit });
        }
        let target = self.targets.find(&self.shared, &record.topic)?;
        let partition = self.targets.partition(target, &record)?;
        if let (Some(ids), Some(value)) = (self.targets.schema_ids(target), &record.value)
            && let Some(frame) = frames::outgoing(ids, &record.topic, value)?
        {
            record.value = Some(frame);
        }
        self.open()?;
        if self.refused.is_none()
            && let Err(code) = self.hand_over(&record, target, partition)
        {
            // The transaction is beyond saving; its commit says so, where it can be acted upon.
            self.refused = Some(Failed { code, topic: record.topic.to_string(), bytes });
        }
        self.sent.push(TopicPartition { topic: record.topic, partition });
        if self.sent.len().is_multiple_of(SERVE_EVERY) {
            self.client().serve();
        }
        Ok(())
    }

    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let place = if positions.is_empty() { None } else { Group::named(&self.shared.wire_name(group)) };
        self.end(group, Ok(place), positions)
    }

    fn commit_as(&mut self, member: &Membership, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let Some(handle) = member.handle::<Member>() else { return self.commit(member.group(), positions) };
        let place = if positions.is_empty() {
            Ok(None)
        } else {
            // Thrown out of the group: another may read these partitions already.
            handle.place().map(Some).ok_or(Commit::Aborted)
        };
        self.end(member.group(), place, positions)
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        &self.last
    }

    fn abort(&mut self) {
        self.throw_away();
    }
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.throw_away();
        let client = self.client.take();
        self.shared.watchdog.over("closing a producer", || drop(client));
    }
}
