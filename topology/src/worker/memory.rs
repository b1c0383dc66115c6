//! The worker's part in the memory budget of the instance.

use super::{Worker, WorkerError};
use crate::store::GlobalTable;
use crate::task::Task;

/// Which part of what a step may restore an idle step brings back: the next record comes first.
const WARM_PART: usize = 128;

impl Worker {
    /// Tells the budget what is used, and gives memory back when that is too much.
    pub(super) fn keep_budget(&mut self) {
        for task in &mut self.tasks {
            self.counters.checkpoint_reads += task.core.stores.take_checkpoint_reads();
            if !task.is_open() {
                task.trim_timers();
            }
        }
        let by_task: usize = self.tasks.iter().map(Task::resident_bytes).sum();
        let own = by_task + self.tables.iter().map(GlobalTable::bytes).sum::<usize>();
        self.share.set(own);
        let excess = self.share.excess();
        if excess == 0 {
            return;
        }
        let mut evicted = 0;
        // What a transaction changed may have to come back as it was: it ends first.
        for task in self.tasks.iter_mut().filter(|task| !task.is_open()) {
            let part = excess as u128 * task.resident_bytes() as u128 / by_task.max(1) as u128;
            evicted += task.evict(part as usize).entries as u64;
        }
        if evicted > 0 {
            self.counters.evicted += evicted;
            let now = self.tasks.iter().map(Task::resident_bytes).sum::<usize>();
            self.share.set(own - by_task + now);
        }
    }

    /// Brings entries that only checkpoints have back into memory, while there is nothing else to do and
    /// room for them.
    pub(super) fn warm(&mut self) -> Result<(), WorkerError> {
        self.is_warming = false;
        if !self.share.has_room() || self.is_restoring() || self.has_runnable_records() {
            return Ok(());
        }
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            if task.is_open() || !task.is_running() {
                continue;
            }
            match task.warm_step(self.settings.restore_max_bytes / WARM_PART) {
                Ok(false) => {}
                Ok(true) => {
                    self.is_warming = true;
                    return Ok(());
                }
                Err(error) => return self.restart_whole(index, &error),
            }
        }
        Ok(())
    }
}
