//! The transactional producer: encodes on `send`, hands over on `commit`.

use std::cell::OnceCell;
use std::sync::{Arc, mpsc};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use topology::{
    Commit, LogError, Offset, OutgoingRecord, Position, Producer, TopicName, TopicPartition, partition_for_key,
};

use super::batch::{BatchBuffer, encoded_length};
use super::manifest::Moved;
use super::shared::{Shared, TopicPlace};
use super::syncer::{Command, Part, Reply, Transaction};

/// How large a note with a position may be, as in Kafka.
const METADATA_BYTES: usize = 4096;

/// How a transaction given to [`EmbeddedProducer::commit_then`] ended.
#[derive(Debug)]
pub struct Receipt {
    /// Whether it is committed.
    pub commit: Commit,
    /// Where each record went, in the order of `send`; empty unless committed.
    pub positions: Vec<(TopicPartition, Offset)>,
}

/// A topic written to, and where its next record without a key goes.
struct Target {
    place: TopicPlace,
    turn: u32,
}

/// Where one sent record is: the number of its part, and its number within that part.
#[derive(Clone, Copy)]
struct Sent {
    part: u32,
    record: u32,
}

/// A finished transaction, kept for [`Producer::last_positions`].
#[derive(Default)]
struct Finished {
    sent: Vec<Sent>,
    /// The partition and the first offset of each part.
    parts: Vec<(TopicPartition, i64)>,
    /// Made when asked for: most callers never ask.
    positions: OnceCell<Vec<(TopicPartition, Offset)>>,
}

/// A producer of the embedded log.
pub struct EmbeddedProducer {
    shared: Arc<Shared>,
    id: Arc<str>,
    epoch: u64,
    targets: Vec<Target>,
    by_name: HashMap<TopicName, usize, RandomState>,
    last_target: usize,
    /// For each partition of the log: the part of the open transaction that writes to it.
    part_of: Vec<Option<u32>>,
    parts: Vec<Part>,
    places: Vec<TopicPartition>,
    sent: Vec<Sent>,
    spare: Vec<BatchBuffer>,
    finished: Finished,
}

impl EmbeddedProducer {
    pub(super) fn new(shared: Arc<Shared>, transactional_id: &str) -> Result<Self, LogError> {
        let id: Arc<str> = transactional_id.into();
        let epoch = shared.ask(|reply| Command::Fence { id: id.clone(), reply })?;
        Ok(Self {
            shared,
            id,
            epoch,
            targets: Vec::new(),
            by_name: HashMap::default(),
            last_target: 0,
            part_of: Vec::new(),
            parts: Vec::new(),
            places: Vec::new(),
            sent: Vec::new(),
            spare: Vec::new(),
            finished: Finished::default(),
        })
    }

    /// As [`Producer::commit`], but returns at once; `done` is called when the transaction ended,
    /// on the writing thread: it should only pass the outcome on. Transactions of one producer
    /// end in the order in which they were given. How many may be under way is the caller's to bound.
    ///
    /// # Errors
    /// As [`Producer::commit`]; `done` is not called then.
    pub fn commit_then(
        &mut self,
        group: &str,
        positions: &[(TopicPartition, Position)],
        done: impl FnOnce(Result<Receipt, LogError>) + Send + 'static,
    ) -> Result<(), LogError> {
        let (sent, places) = (std::mem::take(&mut self.sent), std::mem::take(&mut self.places));
        let reply = Box::new(move |result: Result<(Commit, Vec<Part>), LogError>| {
            done(result.map(|(commit, parts)| {
                let parts: Vec<_> = places.into_iter().zip(parts.iter().map(|part| part.base)).collect();
                let positions = if commit == Commit::Committed { positions_of(&sent, &parts) } else { Vec::new() };
                Receipt { commit, positions }
            }));
        });
        self.submit(group, positions, reply)
    }

    fn submit(&mut self, group: &str, positions: &[(TopicPartition, Position)], reply: Reply) -> Result<(), LogError> {
        let positions = self.moved(group, positions);
        let mut parts = std::mem::take(&mut self.parts);
        self.part_of.clear();
        let positions = positions?;
        for part in &mut parts {
            part.buffer.seal();
        }
        if self.shared.poison.get().is_some() {
            return Err(self.shared.poisoned());
        }
        let (id, epoch) = (self.id.clone(), self.epoch);
        self.shared.command(Command::Commit(Transaction { id, epoch, parts, positions, reply }))
    }

    fn moved(&self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Vec<Moved>, LogError> {
        let moved = positions.iter().map(|(partition, position)| {
            let (bytes, limit) = (position.metadata.len(), METADATA_BYTES);
            if bytes > limit {
                return Err(LogError::TooLarge { bytes, limit });
            }
            let partition = self.shared.number(partition)?;
            Ok(Moved { group: group.to_owned(), partition, position: position.clone() })
        });
        moved.collect()
    }

    fn target(&mut self, topic: &TopicName) -> Result<usize, LogError> {
        if let Some(last) = self.targets.get(self.last_target)
            && Arc::ptr_eq(&last.place.name, topic)
        {
            return Ok(self.last_target);
        }
        let found = if let Some(found) = self.by_name.get(topic) {
            *found
        } else {
            let mut place = self.shared.topic(topic)?;
            // The caller's own text, so that the next one is known by its address.
            place.name = topic.clone();
            self.targets.push(Target { place, turn: 0 });
            self.by_name.insert(topic.clone(), self.targets.len() - 1);
            self.targets.len() - 1
        };
        self.last_target = found;
        Ok(found)
    }

    fn part(&mut self, target: usize, partition: u32) -> u32 {
        let place = &self.targets[target].place;
        let number = place.first + partition;
        if self.part_of.len() <= number as usize {
            self.part_of.resize(number as usize + 1, None);
        }
        *self.part_of[number as usize].get_or_insert_with(|| {
            let buffer = self.spare.pop().unwrap_or_default();
            self.parts.push(Part { partition: number, buffer, base: 0 });
            self.places.push(TopicPartition { topic: place.name.clone(), partition });
            self.parts.len() as u32 - 1
        })
    }

    fn recycle(&mut self, parts: Vec<Part>) {
        for mut part in parts {
            part.buffer.clear();
            self.spare.push(part.buffer);
        }
    }
}

fn positions_of(sent: &[Sent], parts: &[(TopicPartition, i64)]) -> Vec<(TopicPartition, Offset)> {
    let of = |sent: &Sent| {
        let (partition, base) = &parts[sent.part as usize];
        (partition.clone(), Offset(base + i64::from(sent.record)))
    };
    sent.iter().map(of).collect()
}

impl Producer for EmbeddedProducer {
    fn send(&mut self, record: OutgoingRecord) -> Result<(), LogError> {
        let limit = self.shared.settings.max_record_bytes;
        let length = encoded_length(&record).ok_or(LogError::TooLarge { bytes: usize::MAX, limit })?;
        if length > limit {
            return Err(LogError::TooLarge { bytes: length, limit });
        }
        let at = self.target(&record.topic)?;
        let target = &mut self.targets[at];
        let partitions = target.place.partitions;
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) if partition >= partitions => {
                return Err(LogError::UnknownPartition(TopicPartition { topic: record.topic, partition }));
            }
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, partitions),
            (None, None) => {
                target.turn = (target.turn + 1) % partitions;
                target.turn
            }
        };
        let part = self.part(at, partition);
        let record = self.parts[part as usize].buffer.push(&record, length);
        self.sent.push(Sent { part, record });
        Ok(())
    }

    fn commit(&mut self, group: &str, positions: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        let (reply, answer) = mpsc::sync_channel(1);
        // The receiver waits below as long as the syncer lives.
        let submitted = self.submit(group, positions, Box::new(move |result| drop(reply.send(result))));
        let places = std::mem::take(&mut self.places);
        let mut sent = std::mem::take(&mut self.sent);
        let outcome = submitted.and_then(|()| answer.recv().map_err(|_| self.shared.poisoned())?);
        let (commit, parts) = outcome?;
        if commit == Commit::Committed {
            self.finished.positions.take();
            self.finished.parts.clear();
            self.finished.parts.extend(places.into_iter().zip(parts.iter().map(|part| part.base)));
            std::mem::swap(&mut self.finished.sent, &mut sent);
        }
        sent.clear();
        self.sent = sent;
        self.recycle(parts);
        Ok(commit)
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        self.finished.positions.get_or_init(|| positions_of(&self.finished.sent, &self.finished.parts))
    }

    fn abort(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        self.recycle(parts);
        self.part_of.clear();
        self.places.clear();
        self.sent.clear();
    }
}
