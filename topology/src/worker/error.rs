//! Why a worker cannot go on.

use thiserror::Error;

use crate::task::TaskError;
use crate::{Fault, LogError, TopologyError};

/// Why a worker ends. Nothing that was committed is harmed: a new worker goes on from there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The topology does not fit.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A processor said stop.
    #[error("{place}: {fault}")]
    Stop {
        /// The task, and where in its sources.
        place: String,
        /// What it said.
        fault: Fault,
    },
    /// The runtime's own books do not agree.
    #[error("{0}")]
    Invariant(String),
}

impl From<TaskError> for WorkerError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Log(error) => Self::Log(error),
            TaskError::Stop { place, fault } => Self::Stop { place, fault },
            TaskError::Invariant(text) => Self::Invariant(text),
            // A checkpoint that fails is handled where it does: it never ends a worker.
            other @ (TaskError::Books { .. } | TaskError::Checkpoint(_)) => Self::Invariant(other.to_string()),
        }
    }
}
