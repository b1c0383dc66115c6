//! One transaction of a sink: outcomes and dead letters, with the positions they stand for.

use std::time::Duration;

use thiserror::Error;
use topology::{Commit, Log, LogError, Membership, OutgoingRecord, Position, Producer, TopicPartition};

/// Aborted or refused transactions in a row before a sink stops.
const TRIES: u32 = 20;
/// The wait before a transaction is tried again; each one is a little longer.
const PAUSE: Duration = Duration::from_millis(25);

/// Why a sink stopped. Nothing is lost by it: what did not end is delivered after a restart.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The log failed.
    #[error("{part}: {source}")]
    Log {
        /// The sink.
        part: String,
        /// The cause.
        source: LogError,
    },
    /// Another process runs the same sink.
    #[error("{0}: another process has taken this sink over")]
    Fenced(String),
    /// The log aborts every transaction.
    #[error("{0}: the log aborted {TRIES} transactions in a row")]
    Aborted(String),
    /// A committed position carries a note that is not this sink's.
    #[error("{part}: the note beside the position of {partition} cannot be read: {detail}")]
    BadNote {
        /// The sink.
        part: String,
        /// The partition.
        partition: TopicPartition,
        /// What is wrong with it.
        detail: String,
    },
    /// The database will not come to work by waiting.
    #[error("{part}: {detail}")]
    Database {
        /// The sink.
        part: String,
        /// The cause.
        detail: String,
    },
    /// A thread or future of the sink ended by a defect.
    #[error("{0}: a delivery ended by a defect of the hub")]
    Defect(String),
}

/// What is committed together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<OutgoingRecord>,
    pub(super) positions: Vec<(TopicPartition, Position)>,
}

/// Whether a transaction came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Yes,
    /// Nothing of it is visible. The deliveries behind it have happened, so their endings are to be
    /// committed again, unless their partitions are another's by now.
    Aborted,
    /// As for aborted ones; the log could not be reached, which is nobody's fault and may last.
    Unreachable,
}

/// Commits a batch. Blocks.
pub(super) fn commit(
    log: &dyn Log,
    producer: &mut dyn Producer,
    member: &Membership,
    batch: &Batch,
) -> Result<Committed, SinkError> {
    let part = member.group();
    let failed = |source| SinkError::Log { part: part.to_owned(), source };
    match attempt(producer, member, batch) {
        Ok(Commit::Committed) => Ok(Committed::Yes),
        Ok(Commit::Fenced) => Err(SinkError::Fenced(part.to_owned())),
        Ok(Commit::Aborted) => Ok(Committed::Aborted),
        Err(LogError::Retriable(reason)) => {
            // The commit may have happened and only its answer be lost. The positions tell: their
            // notes count what has ended, so no two batches have the same ones.
            if is_committed(log, part, batch).map_err(failed)? {
                return Ok(Committed::Yes);
            }
            tracing::warn!(part, reason, "the log could not commit outcomes yet");
            producer.abort();
            Ok(Committed::Unreachable)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Counts aborted transactions in a row.
#[derive(Debug, Default)]
pub(super) struct Aborts(u32);

impl Aborts {
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    /// How long to wait after one more; an error when there were too many.
    pub(super) fn another(&mut self, part: &str) -> Result<Duration, SinkError> {
        self.0 += 1;
        if self.0 > TRIES { Err(SinkError::Aborted(part.to_owned())) } else { Ok(PAUSE * self.0) }
    }

    /// How long to wait for a log that cannot be reached.
    pub(super) const fn rest() -> Duration {
        PAUSE.saturating_mul(TRIES)
    }
}

fn attempt(producer: &mut dyn Producer, member: &Membership, batch: &Batch) -> Result<Commit, LogError> {
    for record in &batch.records {
        producer.send(record.clone())?;
    }
    producer.commit_as(member, &batch.positions)
}

fn is_committed(log: &dyn Log, part: &str, batch: &Batch) -> Result<bool, LogError> {
    for (partition, position) in &batch.positions {
        match log.committed(part, partition) {
            Ok(committed) if committed.as_ref() == Some(position) => {}
            Ok(_) | Err(LogError::Retriable(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
