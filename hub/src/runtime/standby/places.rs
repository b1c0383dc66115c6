//! The checkpoints of this process, each with whoever holds it: a worker, or a standby that it is lent to.
//!
//! ```text
//!                  worker opens it
//!  [lent] ------------------------------> [held by workers]
//!    ^       taken back at once, also           |
//!    |       while the standby reads            | the last one drops it
//!    +------------- [free] <--------------------+
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemas::Timestamp;
use topology::{Checkpoint, CheckpointBatch, CheckpointError, CheckpointReader, Checkpoints, Offset, TaskId};

/// See the module. Clones share it.
#[derive(Clone)]
pub(in crate::runtime) struct Places {
    inner: Arc<dyn Checkpoints>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    /// How many holders the checkpoint of a task has among the workers.
    by_workers: HashMap<TaskId, usize>,
    lent: HashMap<TaskId, Cell>,
}

/// A checkpoint that is lent, until it is taken back. It is locked for one call at a time, and no call waits for a
/// log: a worker that takes it back waits for the disk at most.
type Cell = Arc<Mutex<Option<Box<dyn Checkpoint>>>>;

fn lock(cell: &Cell) -> MutexGuard<'_, Option<Box<dyn Checkpoint>>> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a lent checkpoint back: what was written to it is waited for.
fn take_back(cell: &Cell, task: &TaskId) {
    let checkpoint = lock(cell).take();
    if let Some(Err(error)) = checkpoint.map(|mut checkpoint| checkpoint.finish()) {
        // What was written before is whole all the same.
        tracing::debug!(%error, %task, "a standby's last batch was not written");
    }
}

impl Places {
    pub(in crate::runtime) fn new(inner: Arc<dyn Checkpoints>) -> Self {
        Self { inner, held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a standby of this task to open its checkpoint in; nothing while a worker has the task.
    pub(super) fn lend(&self, task: &TaskId) -> Option<Loan> {
        let mut held = self.held();
        if held.by_workers.contains_key(task) {
            return None;
        }
        let cell = Cell::default();
        held.lent.insert(task.clone(), cell.clone());
        Some(Loan { places: self.clone(), task: task.clone(), cell })
    }
}

impl Checkpoints for Places {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let lent = {
            let mut held = self.held();
            *held.by_workers.entry(task.clone()).or_default() += 1;
            held.lent.remove(task)
        };
        // From here on it counts as held: who drops this gives it back, whatever comes.
        let mut opened = OfWorker { inner: None, task: task.clone(), places: self.clone() };
        if let Some(cell) = lent {
            take_back(&cell, task);
        }
        opened.inner = Some(self.inner.open(task, stores)?);
        Ok(Box::new(opened))
    }
}

/// What a standby has of a task's checkpoint. Dropped, it gives it back.
pub(super) struct Loan {
    places: Places,
    task: TaskId,
    cell: Cell,
}

impl Loan {
    /// Whether no worker has taken it back.
    pub(super) fn is_held(&self) -> bool {
        self.places.held().lent.get(&self.task).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        take_back(&self.cell, &self.task);
        let mut held = self.places.held();
        if held.lent.get(&self.task).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell)) {
            held.lent.remove(&self.task);
        }
    }
}

impl Checkpoints for Loan {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let mut cell = lock(&self.cell);
        // A worker may have come in between: its checkpoint is not to be opened beside it.
        if !self.is_held() {
            return Err(taken());
        }
        *cell = Some(self.places.inner.open(task, stores)?);
        Ok(Box::new(Lent(self.cell.clone())))
    }
}

fn taken() -> CheckpointError {
    CheckpointError("a worker has taken the task up".to_owned())
}

/// A lent checkpoint, which fails from the moment on in which it is taken back.
struct Lent(Cell);

impl Lent {
    fn with<T>(
        &self,
        call: impl FnOnce(&mut dyn Checkpoint) -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        call(lock(&self.0).as_deref_mut().ok_or_else(taken)?)
    }
}

impl Checkpoint for Lent {
    fn position(&self, store: usize) -> Option<Offset> {
        lock(&self.0).as_deref()?.position(store)
    }

    fn committed_at(&self) -> Option<Timestamp> {
        lock(&self.0).as_deref()?.committed_at()
    }

    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError> {
        self.with(|checkpoint| checkpoint.reader())
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.with(|checkpoint| checkpoint.write(batch))
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        self.with(|checkpoint| checkpoint.is_busy())
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        self.with(|checkpoint| checkpoint.finish())
    }

    fn clear(&mut self) -> Result<(), CheckpointError> {
        self.with(|checkpoint| checkpoint.clear())
    }
}

/// A checkpoint that a worker holds.
struct OfWorker {
    /// There until it is dropped.
    inner: Option<Box<dyn Checkpoint>>,
    task: TaskId,
    places: Places,
}

impl OfWorker {
    fn inner(&self) -> &dyn Checkpoint {
        self.inner.as_deref().expect("it is taken out by the drop only")
    }

    fn inner_mut(&mut self) -> &mut dyn Checkpoint {
        self.inner.as_deref_mut().expect("it is taken out by the drop only")
    }
}

impl Drop for OfWorker {
    fn drop(&mut self) {
        let mut held = self.places.held();
        self.inner = None;
        if let Some(holders) = held.by_workers.get_mut(&self.task) {
            *holders -= 1;
            if *holders == 0 {
                held.by_workers.remove(&self.task);
            }
        }
    }
}

impl Checkpoint for OfWorker {
    fn position(&self, store: usize) -> Option<Offset> {
        self.inner().position(store)
    }

    fn committed_at(&self) -> Option<Timestamp> {
        self.inner().committed_at()
    }

    fn reader(&self) -> Result<Box<dyn CheckpointReader>, CheckpointError> {
        self.inner().reader()
    }

    fn write(&mut self, batch: CheckpointBatch) -> Result<(), CheckpointError> {
        self.inner_mut().write(batch)
    }

    fn is_busy(&mut self) -> Result<bool, CheckpointError> {
        self.inner_mut().is_busy()
    }

    fn finish(&mut self) -> Result<(), CheckpointError> {
        self.inner_mut().finish()
    }

    fn clear(&mut self) -> Result<(), CheckpointError> {
        self.inner_mut().clear()
    }
}
