//! What a task's processors do before anything else.

use schemas::Timestamp;

use super::run::{Call, context, run_forwards};
use super::{Task, TaskError};
use crate::store::GlobalTable;
use crate::{Fate, Offset, Producer};

/// Whether the processors were opened, and whether what they did then is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    is_done: bool,
    is_durable: bool,
}

impl Opened {
    pub(super) fn is_done(self) -> bool {
        self.is_done
    }

    pub(super) fn committed(&mut self) {
        self.is_durable = self.is_done;
    }

    /// What they did is undone, unless a transaction before this one holds it.
    pub(super) fn rolled_back(&mut self) {
        self.is_done = self.is_durable;
    }
}

impl Task {
    /// Opens the processors, once they have their stores; true where one of them did something.
    pub(crate) fn open(
        &mut self,
        now: Timestamp,
        tables: &[GlobalTable],
        producer: &mut dyn Producer,
        retry_after_millis: i64,
    ) -> Result<bool, TaskError> {
        if self.opened.is_done || !self.is_running() {
            return Ok(false);
        }
        let before = self.core.stores.savepoint();
        let topic = self.no_topic.clone();
        let call = Call { topic: &topic, partition: self.core.id.partition, offset: Offset(-1), now, tables };
        let mut ended = Ok(());
        for node in 0..self.nodes.len() {
            ended = self.nodes[node].open(&mut context(&mut self.core, node, now, call));
            ended = ended.and_then(|()| run_forwards(&mut self.nodes, &mut self.core, call).map(drop));
            if ended.is_err() {
                break;
            }
        }
        self.check_reads()?;
        if let Err(fault) = ended {
            self.core.undo_call(before);
            if fault.fate == Fate::Retry {
                self.suspend_until(now.plus_millis(retry_after_millis));
                return Ok(false);
            }
            return Err(TaskError::Stop { place: format!("{}, as it opened", self.core.id), fault });
        }
        self.opened.is_done = true;
        self.core.book_call(None);
        let did = self.core.stores.savepoint() > before || !self.core.outgoing.is_empty();
        if did {
            self.finish_call(producer)?;
        }
        Ok(did)
    }
}
