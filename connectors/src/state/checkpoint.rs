//! The checkpoint of one task.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use schemas::Timestamp;
use topology::{Checkpoint, CheckpointBatch, CheckpointError, Offset};

use super::environment::{Environment, failed};
use super::key;
use super::writer::Writer;

pub(super) struct LmdbCheckpoint {
    environment: Arc<Environment>,
    writer: Writer,
    positions: Vec<Option<Offset>>,
    committed_at: Option<Timestamp>,
    writing: Option<Receiver<Result<(), CheckpointError>>>,
}

impl LmdbCheckpoint {
    pub(super) fn new(environment: Arc<Environment>, writer: Writer) -> Result<Self, CheckpointError> {
        let (positions, committed_at) = environment.positions()?;
        Ok(Self { environment, writer, positions, committed_at, writing: None })
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

    fn load(
        &self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, CheckpointError> {
        let txn = self.environment.read()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries =
            self.environment.table(store).range(&txn, &(from, Bound::Unbounded)).map_err(failed("reading"))?;
        let (mut bytes, mut last) = (0, None);
        for entry in entries {
            let (stored_key, stored_value) = entry.map_err(failed("reading"))?;
            let (key, value) = key::decode(stored_key, stored_value)
                .ok_or_else(|| CheckpointError("an entry of a checkpoint makes no sense".to_owned()))?;
            each(key, value);
            bytes += stored_key.len() + stored_value.len();
            if bytes >= max_bytes {
                last = Some(stored_key.to_vec());
                break;
            }
        }
        Ok(last)
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.writing = Some(self.writer.write(self.environment.clone(), batch)?);
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
