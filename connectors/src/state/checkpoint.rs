//! The checkpoint of one task.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use schemas::Timestamp;
use topology::{Checkpoint, CheckpointBatch, CheckpointError, CheckpointReader, Offset};

use super::environment::{Environment, Holder};
use super::reader::LmdbReader;
use super::writer::Writer;

pub(super) struct LmdbCheckpoint {
    environment: Arc<Environment>,
    holder: Holder,
    writer: Writer,
    positions: Vec<Option<Offset>>,
    committed_at: Option<Timestamp>,
    writing: Option<Receiver<Result<(), CheckpointError>>>,
}

impl LmdbCheckpoint {
    /// `holder` is the only one whose batches count from now on.
    pub(super) fn new(environment: Arc<Environment>, holder: Holder, writer: Writer) -> Result<Self, CheckpointError> {
        let (positions, committed_at) = environment.positions()?;
        Ok(Self { environment, holder, writer, positions, committed_at, writing: None })
    }
}

fn interrupted() -> CheckpointError {
    CheckpointError("writing a checkpoint was interrupted".to_owned())
}

impl Checkpoint for LmdbCheckpoint {
    fn position(&self, store: usize) -> Option<Offset> {
        self.positions.get(store).copied().flatten()
    }

    fn committed_at(&self) -> Option<Timestamp> {
        self.committed_at
    }

    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError> {
        Ok(Box::new(LmdbReader::new(self.environment.clone())?))
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.writing = Some(self.writer.write(self.environment.clone(), self.holder, batch)?);
        Ok(())
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        let Some(answer) = &self.writing else { return Ok(false) };
        let ended = match answer.try_recv() {
            Err(TryRecvError::Empty) => return Ok(true),
            Err(TryRecvError::Disconnected) => Err(interrupted()),
            Ok(ended) => ended,
        };
        self.writing = None;
        ended.map(|()| false)
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        self.writing.take().map_or(Ok(()), |answer| answer.recv().unwrap_or_else(|_| Err(interrupted())))
    }

    fn clear(&mut self) -> Result<(), CheckpointError> {
        self.finish()?;
        self.environment.clear()?;
        (self.positions, self.committed_at) = self.environment.positions()?;
        Ok(())
    }
}
