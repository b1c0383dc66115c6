//! A transactional producer, used by one thread. Its client is too, but that may be another one: see [`committing`].
//!
//! ```text
//!            send                    commit                       deliveries, positions, end
//!  [idle] ----------> [open] ------------------> [committing] ------------------------------> [idle]
//!                        |                             | refused: abort                          ^
//!                        +--- abort -------------------+-------------------------- Aborted ------+
//!                                                      | no answer: a new client ends what the old
//!                                                      | one left, and the positions tell how -----+
//! ```
//!
//! [committing] is either waited for, or carried on by a thread of its own while records for the next transaction
//! are held back.

mod aside;
mod client;
mod committing;
mod deliveries;
mod ending;
mod finish;
mod hand_over;
mod positions;
mod targets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::producer::Producer as _;
use topology::{Commit, LogError, Membership, Offset, OutgoingRecord, Position, Producer, TopicPartition};

use super::consumer::Member;
use super::error::Asked;
use super::frames;
use super::native::Group;
use super::shared::Shared;
use aside::Aside;
use client::Client;
use committing::Committing;
use deliveries::{Failed, Round};
use targets::Targets;

/// After so many records the client's reports are taken in.
const SERVE_EVERY: usize = 256;
/// How long to wait at a time for the client to tell something.
const STEP: Duration = Duration::from_millis(100);
/// So many times the patience of a request the first client of a producer has for its coordinator: brokers make and
/// load it when it is asked for first, which takes its time where much else begins.
const FIRST_PATIENCE: u32 = 3;

/// See the module.
pub(super) struct KafkaProducer {
    shared: Arc<Shared>,
    /// By the broker's name.
    id: Arc<str>,
    /// `None` after a failure that only a new one gets over, and while the committer has it.
    client: Option<Client>,
    /// Carries commits to their ends.
    committer: Aside,
    /// The commit under way.
    committing: Option<Committing>,
    /// How the last one ended, where that was found before its owner asked.
    committed_meanwhile: Option<Commit>,
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
        let id: Arc<str> = shared.wire_name(&format!("{}-{transactional_id}", shared.settings.instance)).into();
        let committer = Aside::start("kafka-commit")?;
        let client = Client::connect(&shared, &id, shared.settings.request_timeout * FIRST_PATIENCE)?;
        Ok(Self {
            shared,
            id,
            client: Some(client),
            committer,
            committing: None,
            committed_meanwhile: None,
            targets: Targets::default(),
            is_open: false,
            round: Round::default(),
            sent: Vec::new(),
            refused: None,
            last: Vec::new(),
            known: HashMap::new(),
        })
    }

    /// Makes a client, which fences older ones of the same id and ends what they left.
    fn connect(&mut self) -> Result<(), LogError> {
        if self.client.is_none() {
            self.client = Some(Client::connect(&self.shared, &self.id, self.shared.settings.request_timeout)?);
        }
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
        match self.client().transactions().begin() {
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

    /// The place in its group that goes with positions: of a member, or of the group as a whole.
    fn place(&self, member: &Membership, positions: &[(TopicPartition, Position)]) -> Result<Option<Group>, Commit> {
        match member.handle::<Member>() {
            None => Ok(self.place_of_group(member.group(), positions)),
            Some(_) if positions.is_empty() => Ok(None),
            // Thrown out of the group: another may read these partitions already.
            Some(handle) => handle.place().map(Some).ok_or(Commit::Aborted),
        }
    }

    fn place_of_group(&self, group: &str, positions: &[(TopicPartition, Position)]) -> Option<Group> {
        if positions.is_empty() { None } else { Group::named(&self.shared.wire_name(group)) }
    }

    /// Aborts what is open, for good; true when a newer producer had done so.
    fn throw_away(&mut self) -> bool {
        if !self.is_open || self.client.is_none() {
            self.forget();
            return false;
        }
        match self.client().abort(Instant::now() + self.shared.settings.request_timeout) {
            Ok(()) => {
                self.forget();
                false
            }
            Err(error) => {
                tracing::debug!(
                    id = &*self.id,
                    text = error.text,
                    "a transaction could not be aborted by its producer"
                );
                let fenced = self.client().is_fenced(error.code);
                // The broker aborts it when the next client of this id comes.
                self.disconnect();
                fenced
            }
        }
    }
}

impl Producer for KafkaProducer {
    fn send(&mut self, mut record: OutgoingRecord) -> Result<(), LogError> {
        let bytes = bytes_of(&record);
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
        match self.hold(record, target, partition)? {
            Some(record) => self.pass_on(record, target, partition),
            None => Ok(()),
        }
    }

    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let place = self.place_of_group(group, positions);
        self.end(group, Ok(place), positions)
    }

    fn commit_as(&mut self, member: &Membership, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let place = self.place(member, positions);
        self.end(member.group(), place, positions)
    }

    fn begin_commit(
        &mut self,
        member: &Membership,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Option<Commit>, LogError> {
        let place = self.place(member, positions);
        match self.prepare(place, positions)? {
            Ok(going) => {
                self.begin(going, member.group(), positions);
                Ok(None)
            }
            Err(commit) => Ok(Some(commit)),
        }
    }

    fn has_commit_ended(&mut self) -> bool {
        self.has_ended()
    }

    fn end_commit(&mut self) -> Result<Commit, LogError> {
        self.wait_for_end()
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        &self.last
    }

    fn abort(&mut self) {
        self.give_up();
        self.throw_away();
    }
}

/// What a record counts against the limit.
fn bytes_of(record: &OutgoingRecord) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.as_ref().map_or(0, Bytes::len) + record.value.as_ref().map_or(0, Bytes::len) + headers
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.give_up();
        self.throw_away();
        let client = self.client.take();
        self.shared.watchdog.over("closing a producer", || drop(client));
    }
}
