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
mod hand_over;
mod positions;
mod targets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use topology::{Commit, LogError, Membership, Offset, OutgoingRecord, Position, Producer, TopicPartition};

use super::client::Context;
use super::consumer::Member;
use super::error::{self, Asked};
use super::native::{Group, TopicHandle, TransactionError, Transactions};
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

/// How a transaction fared on the way.
enum Fate {
    Committed,
    Aborted,
    Fenced,
    /// The end was asked for and never confirmed.
    Unknown(String),
    /// Its client does not come back from a call, before the end was asked for.
    Stuck,
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

    /// Carries the open transaction to its end.
    fn finish(&mut self, group: Option<Group>, offsets: TopicPartitionList) -> Result<Fate, LogError> {
        let deadline = Instant::now() + self.shared.settings.transaction_timeout;
        if !self.drain(deadline) {
            return Ok(Fate::Aborted);
        }
        let refused = self.refused.take().or_else(|| self.client().producer.context().take_failure());
        if let Some(failed) = refused {
            return self.judge_delivery(&failed);
        }
        if let Some(group) = group {
            match self.send_positions(deadline, group, offsets) {
                None => return Ok(Fate::Stuck),
                Some(Err(error)) => return self.judge(&error),
                Some(Ok(())) => {}
            }
        }
        match self.again(deadline, "committing a transaction", Transactions::commit) {
            Ok(()) => Ok(Fate::Committed),
            Err(error) if error.must_abort => self.judge(&error),
            Err(error) if self.is_fenced(error.code) => Ok(Fate::Fenced),
            Err(error) => Ok(Fate::Unknown(error.text)),
        }
    }

    /// Makes a call until it comes through, is refused, or time is over.
    fn again(
        &self,
        deadline: Instant,
        what: &'static str,
        mut call: impl FnMut(&Transactions, Duration) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let left = left.min(self.shared.settings.request_timeout);
            match self.shared.watchdog.over(what, || call(&self.transactions(), left)) {
                Err(error) if error.is_retriable && !error.must_abort && Instant::now() < deadline => {
                    self.client().serve();
                    tracing::debug!(id = self.id, what, text = error.text, "asked again");
                    self.client().signal.wait(Duration::from_millis(10));
                }
                result => return result,
            }
        }
    }

    /// Before the end was asked for nothing can have become visible.
    fn judge(&self, error: &TransactionError) -> Result<Fate, LogError> {
        if self.is_fenced(error.code) {
            return Ok(Fate::Fenced);
        }
        if let denied @ LogError::Denied(_) = error::of_code(error.code, Asked::TransactionalId(&self.id)) {
            return Err(denied);
        }
        tracing::info!(id = self.id, why = error.text, is_fatal = error.is_fatal, "a transaction is aborted");
        Ok(Fate::Aborted)
    }

    fn judge_delivery(&self, failed: &Failed) -> Result<Fate, LogError> {
        if self.is_fenced(failed.code) {
            return Ok(Fate::Fenced);
        }
        match (error::of_code(failed.code, Asked::Topic(&failed.topic)), failed.code) {
            (denied @ LogError::Denied(_), _) => Err(denied),
            (_, RDKafkaErrorCode::MessageSizeTooLarge) => {
                Err(LogError::TooLarge { bytes: failed.bytes, limit: self.shared.settings.max_record_bytes })
            }
            (_, RDKafkaErrorCode::InvalidTimestamp) => Err(LogError::Corrupt(format!(
                "topic {} refuses the time of a record: set its message.timestamp.after.max.ms higher",
                failed.topic
            ))),
            (why, _) => {
                tracing::info!(id = self.id, %why, "a transaction is aborted");
                Ok(Fate::Aborted)
            }
        }
    }

    /// Finds out how a transaction ended whose end was asked for: a new client makes the broker end
    /// it one way or the other, and then the positions are those of after or of before.
    fn resolve(
        &mut self,
        why: &str,
        group: &str,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        tracing::warn!(id = self.id, why, "the end of a transaction was not confirmed: finding out");
        let mut last = self.places();
        self.disconnect();
        self.connect()?;
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let found = if partitions.is_empty() { Vec::new() } else { self.shared.positions(group, &partitions)? };
        let mut moved = false;
        for ((partition, found), (_, wanted)) in found.iter().zip(positions) {
            if found.as_ref() != Some(wanted) {
                return Ok(Commit::Aborted);
            }
            let before = self.known.get(&(group.to_owned(), partition.clone()));
            moved |= before.is_some_and(|before| before != wanted);
        }
        if moved {
            std::mem::swap(&mut self.last, &mut last);
            return Ok(Commit::Committed);
        }
        Err(LogError::Retriable(format!("the end of a transaction was not confirmed: {why}")))
    }

    /// Where the delivered records went.
    fn places(&mut self) -> Vec<(TopicPartition, Offset)> {
        let sent = std::mem::take(&mut self.sent);
        let Some(client) = &self.client else { return Vec::new() };
        client.producer.context().offsets(|offsets| {
            sent.into_iter().zip(offsets.iter().copied()).map(|(place, offset)| (place, Offset(offset))).collect()
        })
    }

    fn end(
        &mut self,
        group_name: &str,
        group: Result<Option<Group>, Commit>,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Commit, LogError> {
        if !self.is_open && positions.is_empty() {
            self.last.clear();
            return Ok(Commit::Committed);
        }
        let offsets = match self.offsets(positions) {
            Ok(offsets) => offsets,
            Err(error) => {
                self.throw_away();
                return Err(error);
            }
        };
        let group = match group {
            Ok(group) => group,
            Err(commit) => {
                self.throw_away();
                return Ok(commit);
            }
        };
        self.open()?;
        match self.finish(group, offsets) {
            Ok(Fate::Committed) => {
                self.last = self.places();
                self.remember(group_name, positions);
                self.forget();
                self.shared.health.well();
                Ok(Commit::Committed)
            }
            // Said as what it is, or this one would come back and fence its successor.
            Ok(Fate::Aborted) if self.throw_away() => Ok(Commit::Fenced),
            Ok(Fate::Aborted) => Ok(Commit::Aborted),
            Ok(Fate::Fenced) => {
                self.disconnect();
                Ok(Commit::Fenced)
            }
            Ok(Fate::Stuck) => {
                self.abandon();
                Ok(Commit::Aborted)
            }
            Ok(Fate::Unknown(why)) => {
                let resolved = self.resolve(&why, group_name, positions);
                if matches!(resolved, Ok(Commit::Committed)) {
                    self.remember(group_name, positions);
                }
                resolved
            }
            Err(error) => {
                self.throw_away();
                Err(error)
            }
        }
    }

    fn remember(&mut self, group: &str, positions: &[(TopicPartition, Position)]) {
        for (partition, position) in positions {
            self.known.insert((group.to_owned(), partition.clone()), position.clone());
        }
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
