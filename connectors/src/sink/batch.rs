//! One transaction of a sink: outcomes and dead letters, with the positions they stand for.

use std::time::Duration;

use thiserror::Error;
use topology::{Commit, Log, LogError, Membership, Position, Producer, TopicPartition};

use super::ending::{Ending, OutcomeTopics};
use super::ledger::Ledger;
use super::shutdown::Shutdown;
use crate::patience::until_answered;

/// After so many aborted transactions in a row it is told that something is wrong.
const TRIES: u32 = 20;
/// The wait before an aborted transaction is tried again; each one is a little longer, up to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

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

/// Asks the log until it answers, and tells the books why it does not; `None` when the sink is to stop meanwhile.
/// Blocks.
pub(super) fn patiently<T>(
    part: &str,
    ledger: &Ledger,
    shutdown: &Shutdown,
    ask: impl FnMut() -> Result<T, LogError>,
) -> Result<Option<T>, SinkError> {
    let answer = until_answered(ask, |why, pause| {
        tracing::warn!(part, why, "the log is waited for");
        ledger.waits(why.to_owned());
        !shutdown.wait(pause)
    });
    let answer = answer.map_err(|source| SinkError::Log { part: part.to_owned(), source })?;
    ledger.goes_on();
    Ok(answer)
}

/// What is committed together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) endings: Vec<Ending>,
    pub(super) positions: Vec<(TopicPartition, Position)>,
    /// It was given to the log before, and what became of it could not be found out.
    pub(super) is_in_doubt: bool,
}

/// Whether a transaction came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Yes,
    /// Nothing of it is visible. The deliveries behind it have happened, so their endings are to be
    /// committed again, unless their partitions are another's by now.
    Aborted,
    /// As for aborted ones; the log could not be reached, for this reason, which is nobody's fault and may last.
    Unreachable(String),
    /// The log gave no answer, and did not say either what is committed, for this reason. The batch is in doubt: before
    /// that is found out neither it nor anything after it may be committed.
    Unknown(String),
}

/// Commits a batch; one in doubt only where it is not committed yet. Blocks.
pub(super) fn commit(
    log: &dyn Log,
    producer: &mut dyn Producer,
    member: &Membership,
    topics: &OutcomeTopics,
    batch: &Batch,
) -> Result<Committed, SinkError> {
    let part = member.group();
    let failed = |source| SinkError::Log { part: part.to_owned(), source };
    if batch.is_in_doubt {
        match is_committed(log, part, batch) {
            Ok(true) => return Ok(Committed::Yes),
            Ok(false) => {}
            Err(LogError::Retriable(reason)) => return Ok(Committed::Unknown(reason)),
            Err(error) => return Err(failed(error)),
        }
    }
    match attempt(producer, member, topics, batch) {
        Ok(Commit::Committed) => Ok(Committed::Yes),
        Ok(Commit::Fenced) => Err(SinkError::Fenced(part.to_owned())),
        Ok(Commit::Aborted) => Ok(Committed::Aborted),
        Err(LogError::Retriable(reason)) => {
            // The commit may have happened and only its answer be lost. The positions tell: their
            // notes count what has ended, so no two batches have the same ones.
            let committed = match is_committed(log, part, batch) {
                Ok(true) => return Ok(Committed::Yes),
                Ok(false) => Committed::Unreachable(reason),
                Err(LogError::Retriable(_)) => Committed::Unknown(reason),
                Err(error) => return Err(failed(error)),
            };
            tracing::warn!(part, ?committed, "the log could not commit outcomes yet");
            producer.abort();
            Ok(committed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Counts aborted transactions in a row, and tells whoever looks at the books what is wrong.
#[derive(Debug, Default)]
pub(super) struct Aborts(u32);

impl Aborts {
    /// How long to wait before the next transaction. An aborted or unreachable one is tried again without limit:
    /// what is in it was delivered, and to end for it would help nobody.
    pub(super) fn pause_after(&mut self, committed: &Committed, part: &str, ledger: &Ledger) -> Duration {
        match committed {
            Committed::Yes => {
                self.0 = 0;
                ledger.goes_on();
                Duration::ZERO
            }
            Committed::Aborted => {
                self.0 = self.0.saturating_add(1);
                if self.0.is_multiple_of(TRIES) {
                    tracing::warn!(part, times = self.0, "the log aborts transaction after transaction");
                    ledger.waits(format!("the log has aborted {} transactions in a row", self.0));
                }
                PAUSE.0.saturating_mul(self.0).min(PAUSE.1)
            }
            Committed::Unreachable(why) | Committed::Unknown(why) => {
                ledger.waits(why.clone());
                PAUSE.1
            }
        }
    }
}

fn attempt(
    producer: &mut dyn Producer,
    member: &Membership,
    topics: &OutcomeTopics,
    batch: &Batch,
) -> Result<Commit, LogError> {
    let mut records = Vec::with_capacity(batch.endings.len());
    for ending in &batch.endings {
        topics.write(ending, &mut records);
    }
    for record in records {
        producer.send(record)?;
    }
    producer.commit_as(member, &batch.positions)
}

fn is_committed(log: &dyn Log, part: &str, batch: &Batch) -> Result<bool, LogError> {
    for (partition, position) in &batch.positions {
        if log.committed(part, partition)?.as_ref() != Some(position) {
            return Ok(false);
        }
    }
    Ok(true)
}
