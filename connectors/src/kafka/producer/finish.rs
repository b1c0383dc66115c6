//! A transaction on its way to its end, and how it fared.

use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use topology::LogError;

use super::client::Client;
use super::deliveries::Failed;
use crate::kafka::error::{self, Asked};
use crate::kafka::native::{Group, TransactionError, Transactions};

/// How a transaction fared on the way.
pub(super) enum Fate {
    Committed,
    Aborted,
    Fenced,
    /// The end was asked for and never confirmed.
    Unknown(String),
    /// Its client does not come back from a call, before the end was asked for.
    Stuck,
}

/// What goes with a transaction beside its records.
pub(super) struct Going {
    /// Whose positions go along; `None` where none do.
    pub(super) group: Option<Group>,
    pub(super) offsets: TopicPartitionList,
    /// The record that was refused, if one was.
    pub(super) refused: Option<Failed>,
}

impl Client {
    /// Carries the open transaction to its end.
    pub(super) fn finish(&self, going: Going) -> Result<Fate, LogError> {
        let deadline = Instant::now() + self.shared.settings.transaction_timeout;
        if !self.drain(deadline) {
            return Ok(Fate::Aborted);
        }
        let refused = going.refused.or_else(|| self.producer.context().take_failure());
        if let Some(failed) = refused {
            return self.judge_delivery(&failed);
        }
        if let Some(group) = going.group {
            match self.send_positions(deadline, group, going.offsets) {
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

    /// Before the end was asked for nothing can have become visible.
    fn judge(&self, error: &TransactionError) -> Result<Fate, LogError> {
        if self.is_fenced(error.code) {
            return Ok(Fate::Fenced);
        }
        if let denied @ LogError::Denied(_) = error::of_code(error.code, Asked::TransactionalId(&self.id)) {
            return Err(denied);
        }
        tracing::info!(id = &*self.id, why = error.text, is_fatal = error.is_fatal, "a transaction is aborted");
        Ok(Fate::Aborted)
    }

    fn judge_delivery(&self, failed: &Failed) -> Result<Fate, LogError> {
        if self.is_fenced(failed.code) {
            return Ok(Fate::Fenced);
        }
        match (error::of_code(failed.code, Asked::Topic(&failed.topic)), failed.code) {
            (denied @ LogError::Denied(_), _) => Err(denied),
            (_, RDKafkaErrorCode::MessageSizeTooLarge) => {
                Err(LogError::TooLargeForTopic { topic: failed.topic.as_str().into(), bytes: failed.bytes })
            }
            (_, RDKafkaErrorCode::InvalidTimestamp) => Err(LogError::Corrupt(format!(
                "topic {} refuses the time of a record, which is near this machine's clock: compare it with the broker's, \
                 and the topic's message.timestamp.after.max.ms and message.timestamp.before.max.ms",
                failed.topic
            ))),
            (why, _) => {
                tracing::info!(id = &*self.id, %why, "a transaction is aborted");
                Ok(Fate::Aborted)
            }
        }
    }
}
