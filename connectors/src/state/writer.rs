//! The one thread that writes checkpoints: tasks do not compete for the disk, and nobody waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use topology::{CheckpointBatch, CheckpointError};

use super::environment::{Environment, Holder};

type Done = Sender<Result<(), CheckpointError>>;

enum Job {
    Write {
        environment: Arc<Environment>,
        holder: Holder,
        batch: CheckpointBatch,
        done: Done,
    },
    /// Answered when all before it is done.
    Settle {
        done: Done,
    },
}

/// Gives batches to the thread. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: Sender<Job>,
}

fn ended() -> CheckpointError {
    CheckpointError("the thread that writes checkpoints has ended".to_owned())
}

impl Writer {
    pub(super) fn start() -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        std::thread::Builder::new().name("state-writer".to_owned()).spawn(move || run(&queue))?;
        Ok(Self { jobs })
    }

    /// Begins to write; the answer comes when the batch is on disk.
    pub(super) fn write(
        &self,
        environment: Arc<Environment>,
        holder: Holder,
        batch: CheckpointBatch,
    ) -> Result<Receiver<Result<(), CheckpointError>>, CheckpointError> {
        let (done, answer) = channel();
        self.jobs.send(Job::Write { environment, holder, batch, done }).map_err(|_| ended())?;
        Ok(answer)
    }

    /// Waits until all that was given is written.
    pub(super) fn settle(&self) -> Result<(), CheckpointError> {
        let (done, answer) = channel();
        self.jobs.send(Job::Settle { done }).map_err(|_| ended())?;
        answer.recv().unwrap_or_else(|_| Err(ended()))
    }
}

fn run(queue: &Receiver<Job>) {
    for job in queue {
        // Whoever asked may be gone: a task that was closed does not wait for its last batch.
        match job {
            Job::Write { environment, holder, batch, done } => drop(done.send(environment.write(holder, batch))),
            Job::Settle { done } => drop(done.send(Ok(()))),
        }
    }
}
