//! Checkpoints of task stores on LMDB, so that a start replays the tail of the changelogs only.
//!
//! ```text
//! <directory>/<sub-topology>/<partition>/data.mdb     a table per store, and one of positions
//! ```
//!
//! One environment per task; entries and positions are written in one synced transaction by one thread
//! for all tasks. LMDB copies on write, so a crash at any moment leaves the last transaction whole.
//!
//! ```
//! use std::sync::Arc;
//!
//! use connectors::state::LmdbCheckpoints;
//! use topology::{CheckpointSettings, WorkerSettings};
//!
//! # let directory = tempfile::tempdir()?;
//! let place = Arc::new(LmdbCheckpoints::open(directory.path())?);
//! let checkpoints = CheckpointSettings { place: Some(place), ..CheckpointSettings::default() };
//! let settings = WorkerSettings { checkpoints, ..WorkerSettings::new("app") };
//! # drop(settings);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod environment;
mod key;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use topology::{Checkpoint, CheckpointError, Checkpoints, TaskId};

use checkpoint::LmdbCheckpoint;
use environment::Environment;
use writer::Writer;

/// Checkpoints below one directory. It belongs to one process, as the data directory it lies in.
pub struct LmdbCheckpoints {
    directory: PathBuf,
    /// Open ones; LMDB wants one handle per file and process.
    environments: Mutex<HashMap<TaskId, Arc<Environment>>>,
    writer: Writer,
}

impl LmdbCheckpoints {
    /// Checkpoints below `directory`, which is made when a task needs it.
    ///
    /// # Errors
    /// When the writing thread cannot be started.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        Ok(Self { directory: directory.to_owned(), environments: Mutex::default(), writer: Writer::start()? })
    }

    fn path(&self, task: &TaskId) -> PathBuf {
        self.directory.join(key::file_name(&task.sub_topology)).join(task.partition.to_string())
    }
}

impl Checkpoints for LmdbCheckpoints {
    fn open(&self, task: &TaskId, stores: &[String]) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        // A former holder's batch may still be under way.
        self.writer.settle()?;
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let environment = match environments.get(task) {
            Some(known) if known.has(stores) => known.clone(),
            _ => {
                environments.remove(task);
                let opened = Arc::new(Environment::open(&self.path(task), stores)?);
                environments.insert(task.clone(), opened.clone());
                opened
            }
        };
        let holder = environment.hand_over();
        // What a former holder gives from now on is refused; what came in between is waited for.
        self.writer.settle()?;
        Ok(Box::new(LmdbCheckpoint::new(environment, holder, self.writer.clone())?))
    }
}
