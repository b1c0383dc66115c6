//! The runner for billing: a thread that applies batches to a database which stores the position
//! itself, then writes the outcomes.
//!
//! ```text
//! read a batch --> apply it, with the position, in one transaction --> commit outcomes and position
//!                  of the database                                     to the log
//! ```
//!
//! Between the two commits the database is ahead of the log. Records there are applied again, which
//! the database takes for nothing new, and the origin it stored with each row tells whose it is: the
//! record's own (delivered) or another record's with the same delivery id (duplicate). A database
//! that is *behind* the log, a restored or an empty one, is brought up from its own position, and
//! records that have their outcome get no second one.

use std::{
    collections::HashMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use schemas::{BillingRecord, Code, DeliveryResult, decode};
use topology::{
    Consumer, ConsumerConfig, Log, LogError, Offset, Poll, Position, Producer, Record, TopicName, TopicPartition,
};

use super::{
    batch::{self, Aborts, SinkError},
    ending::{Ending, GivenUp, Origin, OutcomeTopics, UNKNOWN_TARGET},
    ledger::Ledger,
    metrics::{self, TargetMetrics},
    progress::Progress,
    settings::SinkSettings,
    shutdown::Shutdown,
    target::Subject,
    uncommitted::Uncommitted,
};
use crate::{
    billing::{BillingDatabase, BillingPosition, DatabaseError, Entry},
    delivery::{BreakerState, RetryPolicy, http::wall_clock},
};

/// The target's name.
const TARGET: &str = "billing";
/// How long a poll waits: the time until shutdown is seen when nothing comes.
const POLL: Duration = Duration::from_millis(50);

/// Runs the billing sink on this thread until shutdown is asked for.
///
/// A database or a log that cannot be reached is waited for without limit: no record is at fault, and none
/// may be given up for it. A record that the database refuses is given up alone.
///
/// # Errors
/// When the log fails for good, another process takes over, or the database needs someone to act.
pub fn run(
    log: &Arc<dyn Log>,
    topic: TopicName,
    database: Box<dyn BillingDatabase>,
    settings: SinkSettings,
    ledger: Ledger,
    shutdown: Shutdown,
) -> Result<(), SinkError> {
    metrics::describe();
    ledger.waits("connecting to the log".to_owned());
    let part = format!("sink.{TARGET}");
    let id = format!("{part}-0");
    let Some(producer) = batch::patiently(&part, &ledger, &shutdown, || log.producer(&id))? else { return Ok(()) };
    let config = ConsumerConfig { group: part.clone(), member: 0, members: 1, topics: vec![topic.clone()] };
    let consumer = batch::patiently(&part, &ledger, &shutdown, || log.consumer(config.clone()))?;
    let Some(consumer) = consumer else { return Ok(()) };
    let runner = Runner {
        part,
        topic,
        log: log.clone(),
        consumer,
        producer,
        database,
        partitions: HashMap::new(),
        uncommitted: Uncommitted::default(),
        aborts: Aborts::default(),
        topics: OutcomeTopics::new(),
        metrics: TargetMetrics::new(TARGET),
        unknown: TargetMetrics::new(UNKNOWN_TARGET),
        settings,
        ledger,
        shutdown,
    };
    runner.run()
}

/// One partition.
struct Partition {
    progress: Progress,
    /// Records from here on have no outcome yet.
    outcomes_from: Offset,
}

/// Shutdown was asked for while the database was waited for.
struct Stopped;

/// How one record fared.
#[derive(Clone, Debug)]
enum Fared {
    New,
    Known,
    Refused(String),
}

/// What a batch came to: how its records fared, and how many attempts the last of them took.
struct Applied {
    fared: Vec<Fared>,
    attempts: u32,
}

struct Runner {
    part: String,
    topic: TopicName,
    log: Arc<dyn Log>,
    consumer: Box<dyn Consumer>,
    producer: Box<dyn Producer>,
    database: Box<dyn BillingDatabase>,
    partitions: HashMap<u32, Partition>,
    uncommitted: Uncommitted,
    aborts: Aborts,
    topics: OutcomeTopics,
    metrics: TargetMetrics,
    unknown: TargetMetrics,
    settings: SinkSettings,
    ledger: Ledger,
    shutdown: Shutdown,
}

impl Runner {
    fn run(mut self) -> Result<(), SinkError> {
        let mut records = Vec::new();
        while !self.shutdown.is_triggered() {
            records.clear();
            match self.consumer.poll(POLL, self.settings.poll_bytes, &mut records) {
                Ok(Poll::Records) => {
                    if self.take(&records)?.is_err() {
                        break;
                    }
                }
                Ok(Poll::Idle) => {}
                Ok(Poll::Assigned(partitions)) => {
                    if self.assign(partitions)?.is_err() {
                        break;
                    }
                }
                Ok(Poll::Revoked(partitions)) => {
                    self.commit()?;
                    self.release(&partitions);
                }
                Ok(Poll::Lost(partitions)) => self.release(&partitions),
                Err(LogError::Retriable(reason)) => {
                    tracing::warn!(part = self.part, reason, "the log could not be read yet");
                    self.shutdown.wait(POLL);
                }
                Err(source) => return Err(SinkError::Log { part: self.part.clone(), source }),
            }
            self.commit()?;
            self.ledger.update(self.partitions.values().map(|partition| &partition.progress));
        }
        self.leave()
    }

    /// Commits what has ended. What the log does not take within the drain time gets its outcome after the next start:
    /// the database knows it.
    fn leave(&mut self) -> Result<(), SinkError> {
        let until = Instant::now() + self.settings.drain();
        while !self.uncommitted.is_empty() {
            let pause = self.commit_once()?;
            if Instant::now() + pause > until {
                tracing::info!(part = self.part, left = self.uncommitted.len(), "left for the next start");
                break;
            }
            thread::sleep(pause);
        }
        self.ledger.update(self.partitions.values().map(|partition| &partition.progress));
        Ok(())
    }

    /// Starts partitions where the database is, when that is before the log's position.
    fn assign(&mut self, partitions: Vec<(TopicPartition, Position)>) -> Result<Result<(), Stopped>, SinkError> {
        let (part, topic) = (self.part.clone(), self.topic.clone());
        let Ok(stored) = self.patiently(|database| database.positions(&part, &topic))?.0 else {
            return Ok(Err(Stopped));
        };
        for (name, position) in partitions {
            let progress = Progress::from_position(&position).map_err(|detail| SinkError::BadNote {
                part: part.clone(),
                partition: name.clone(),
                detail,
            })?;
            let bounds = batch::patiently(&part, &self.ledger, &self.shutdown, || self.log.bounds(&name))?;
            let Some((first, _)) = bounds else { return Ok(Err(Stopped)) };
            let in_database = stored.get(&name.partition).copied().unwrap_or(0).max(first.0);
            if in_database < position.next_offset.0 {
                tracing::warn!(part, partition = %name, in_database, in_log = position.next_offset.0,
                    "the database is behind the log and is brought up");
                let Self { consumer, ledger, shutdown, .. } = self;
                let seek = || consumer.seek(&name, Offset(in_database));
                let Some(()) = batch::patiently(&part, ledger, shutdown, seek)? else { return Ok(Err(Stopped)) };
            }
            self.partitions.insert(name.partition, Partition { progress, outcomes_from: position.next_offset });
        }
        Ok(Ok(()))
    }

    /// Applies what a poll brought, in batches, then commits all outcomes at once.
    fn take(&mut self, records: &[Record]) -> Result<Result<(), Stopped>, SinkError> {
        let mut stopped = Ok(());
        for batch in records.chunks(self.settings.batch_records.max(1)) {
            stopped = self.apply(batch)?;
            if stopped.is_err() {
                break;
            }
        }
        self.commit()?;
        Ok(stopped)
    }

    /// Forgets partitions and what of them is not committed: the database has it, and their next
    /// owner finds it there.
    fn release(&mut self, partitions: &[TopicPartition]) {
        self.partitions.retain(|number, _| partitions.iter().all(|lost| lost.partition != *number));
        self.uncommitted.forget(partitions);
        if self.uncommitted.is_empty() {
            // Nothing of this sink waits for the log any more.
            self.ledger.goes_on();
        }
    }

    fn apply(&mut self, batch: &[Record]) -> Result<Result<(), Stopped>, SinkError> {
        let decoded: Vec<_> = batch.iter().map(|record| (record, read(record))).collect();
        let entries: Vec<_> = decoded
            .iter()
            .filter_map(|(raw, decoded)| {
                let record = decoded.as_ref().ok()?;
                Some(Entry { partition: raw.partition, offset: raw.offset.0, record })
            })
            .collect();
        let began = Instant::now();
        self.metrics.began(entries.len());
        let applied = self.apply_entries(&entries);
        self.metrics.left(entries.len());
        let Ok(mut applied) = applied? else { return Ok(Err(Stopped)) };
        self.metrics.took(began.elapsed(), entries.len());
        let Ok(()) = self.recognise(&entries, &mut applied)? else { return Ok(Err(Stopped)) };
        let mut fared = applied.fared.into_iter();
        for (raw, decoded) in &decoded {
            let ending = match decoded {
                Ok(record) => {
                    let fared = fared.next().expect("each entry fared somehow");
                    self.ending(Origin::of(raw, 0), record, fared, applied.attempts)
                }
                Err((code, detail)) => Origin::of(raw, 0).undecodable(&self.part, *code, detail.clone(), wall_clock()),
            };
            if let Some(ending) = self.note(ending) {
                self.uncommitted.push(ending);
            }
        }
        Ok(Ok(()))
    }

    /// Stores entries. When one of them is refused, halves are tried, down to the one at fault.
    fn apply_entries(&mut self, entries: &[Entry<'_>]) -> Result<Result<Applied, Stopped>, SinkError> {
        let (part, topic) = (self.part.clone(), self.topic.clone());
        let positions = positions(&part, &topic, entries);
        let (result, attempts) =
            self.patiently(|database| match database.apply(entries, &positions, wall_clock()) {
                Ok(new) => Ok(Ok(new)),
                Err(DatabaseError::Refused(detail)) => Ok(Err(detail)),
                Err(other) => Err(other),
            })?;
        let Ok(result) = result else { return Ok(Err(Stopped)) };
        match result {
            Ok(new) => {
                let fared = new.into_iter().map(|new| if new { Fared::New } else { Fared::Known }).collect();
                Ok(Ok(Applied { fared, attempts }))
            }
            Err(detail) if entries.len() <= 1 => {
                Ok(Ok(Applied { fared: vec![Fared::Refused(detail); entries.len()], attempts }))
            }
            Err(_) => {
                let (left, right) = entries.split_at(entries.len() / 2);
                let Ok(mut applied) = self.apply_entries(left)? else { return Ok(Err(Stopped)) };
                let Ok(rest) = self.apply_entries(right)? else { return Ok(Err(Stopped)) };
                applied.fared.extend(rest.fared);
                applied.attempts = applied.attempts.max(rest.attempts);
                Ok(Ok(applied))
            }
        }
    }

    /// Of the records whose delivery id was known, those that the stored row stems from are new
    /// after all: the database had them, the log did not.
    fn recognise(&mut self, entries: &[Entry<'_>], applied: &mut Applied) -> Result<Result<(), Stopped>, SinkError> {
        let known: Vec<_> = (0..entries.len()).filter(|at| matches!(applied.fared[*at], Fared::Known)).collect();
        if known.is_empty() {
            return Ok(Ok(()));
        }
        let ids: Vec<_> = known.iter().map(|at| entries[*at].record.delivery_id.as_str()).collect();
        let Ok(origins) = self.patiently(|database| database.origins(&ids))?.0 else { return Ok(Err(Stopped)) };
        for at in known {
            let entry = &entries[at];
            if origins.get(&entry.record.delivery_id) == Some(&(entry.partition, entry.offset)) {
                applied.fared[at] = Fared::New;
            }
        }
        Ok(Ok(()))
    }

    /// Asks the database until it answers; returns the answer and the number of attempts.
    fn patiently<R>(
        &mut self,
        mut ask: impl FnMut(&mut dyn BillingDatabase) -> Result<R, DatabaseError>,
    ) -> Result<(Result<R, Stopped>, u32), SinkError> {
        let policy = RetryPolicy { max_attempts: u32::MAX, max_elapsed_ms: u64::MAX, ..RetryPolicy::default() };
        let mut attempts = policy.attempts(u64::from(crc32fast::hash(self.part.as_bytes())));
        loop {
            let attempt = attempts.begin();
            let reason = match ask(self.database.as_mut()) {
                Ok(answer) => {
                    if attempt > 1 {
                        tracing::info!(part = self.part, attempt, "the database is back");
                        self.metrics.breaker(BreakerState::Closed { failures: 0 });
                    }
                    return Ok((Ok(answer), attempt));
                }
                Err(DatabaseError::Retry(reason)) => reason,
                Err(DatabaseError::Refused(detail) | DatabaseError::Stop(detail)) => {
                    return Err(SinkError::Database { part: self.part.clone(), detail });
                }
            };
            tracing::warn!(part = self.part, attempt, reason, "the database is waited for");
            self.metrics.retried();
            let now = Instant::now();
            self.metrics.breaker(BreakerState::Open { until: now, rest: Duration::ZERO });
            let wait = match attempts.failed(Duration::ZERO, None) {
                crate::delivery::Next::Wait(wait) => wait,
                crate::delivery::Next::GiveUp(_) => Duration::from_millis(policy.cap_ms),
            };
            if self.shutdown.wait(wait) {
                return Ok((Err(Stopped), attempt));
            }
        }
    }

    fn ending(&self, origin: Origin, record: &BillingRecord, fared: Fared, attempts: u32) -> Ending {
        let at = wall_clock();
        let (result, refused) = match fared {
            Fared::New => (DeliveryResult::Delivered, None),
            Fared::Known => (DeliveryResult::Duplicate, None),
            Fared::Refused(detail) => (DeliveryResult::DeadLettered, Some(detail)),
        };
        let mut outcome = subject(record).outcome(TARGET, result, attempts, at);
        let dead_letter = refused.map(|detail| {
            outcome.error_code = Some(Code::DeliveryRefused.number().to_owned());
            origin.dead_letter(&self.part, &GivenUp { code: Code::DeliveryRefused, detail, attempts, at })
        });
        if dead_letter.is_none() && attempts > 1 {
            outcome.error_code = Some(Code::DeliveryUnavailable.number().to_owned());
        }
        Ending { origin, counted_as: TARGET.to_owned(), result, outcome: Some(outcome), dead_letter }
    }

    /// Enters an ending in the books; `None` for a record that had its outcome before.
    fn note(&mut self, ending: Ending) -> Option<Ending> {
        let partition = self.partitions.get_mut(&ending.origin.partition.partition)?;
        if ending.origin.offset < partition.outcomes_from || !partition.progress.take_in(ending.origin.offset) {
            return None;
        }
        partition.progress.end(ending.origin.offset, &ending.counted_as, ending.result);
        let metrics = if ending.outcome.is_some() { &self.metrics } else { &self.unknown };
        metrics.ended(ending.result, 1);
        Some(ending)
    }

    /// Commits what has ended; after an abort it stays for the next time.
    fn commit(&mut self) -> Result<(), SinkError> {
        let pause = self.commit_once()?;
        if pause > Duration::ZERO {
            self.shutdown.wait(pause);
        }
        Ok(())
    }

    /// Commits what has ended, and returns how long to wait if the log does not take it.
    fn commit_once(&mut self) -> Result<Duration, SinkError> {
        if self.uncommitted.is_empty() {
            return Ok(Duration::ZERO);
        }
        let batch = self.uncommitted.take(|| {
            let name = |number: &u32| TopicPartition { topic: self.topic.clone(), partition: *number };
            self.partitions.iter_mut().map(|(number, state)| (name(number), state.progress.position())).collect()
        });
        let member = self.consumer.membership();
        let committed = batch::commit(self.log.as_ref(), self.producer.as_mut(), &member, &self.topics, &batch)?;
        self.uncommitted.ended(batch, &committed);
        Ok(self.aborts.pause_after(&committed, &self.part, &self.ledger))
    }
}

fn read(record: &Record) -> Result<BillingRecord, (Code, String)> {
    match record.value.as_ref() {
        Some(value) => decode(value).map_err(|error| (error.code(), error.to_string())),
        None => Err((Code::BadAvro, "the record has no value".to_owned())),
    }
}

fn subject(record: &BillingRecord) -> Subject<'_> {
    Subject {
        delivery_id: &record.delivery_id,
        route: &record.route,
        family: record.family,
        entity_kind: &record.entity_kind,
        entity_id: &record.entity_id,
        occurred_at: record.occurred_at,
        ingested_at: record.ingested_at,
    }
}

/// The positions after these entries, which come in offset order for each partition.
fn positions<'a>(sink: &'a str, topic: &'a str, entries: &[Entry<'_>]) -> Vec<BillingPosition<'a>> {
    let mut next: HashMap<u32, i64> = HashMap::new();
    for entry in entries {
        next.insert(entry.partition, entry.offset + 1);
    }
    next.into_iter().map(|(partition, next_offset)| BillingPosition { sink, topic, partition, next_offset }).collect()
}
