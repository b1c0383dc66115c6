//! What has ended and is not committed yet.

use topology::{Position, TopicPartition};

use super::{
    batch::{Batch, Committed},
    ending::Ending,
};

/// Endings that wait for their transaction, and the batch that may have had its own.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    endings: Vec<Ending>,
    /// The log did not say what became of it. Until that is known nothing else is committed: its endings may be told
    /// already, and the positions after it count them.
    doubtful: Option<Batch>,
}

impl Uncommitted {
    pub(super) fn is_empty(&self) -> bool {
        self.endings.is_empty() && self.doubtful.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.endings.len() + self.doubtful.as_ref().map_or(0, |batch| batch.endings.len())
    }

    pub(super) fn push(&mut self, ending: Ending) {
        self.endings.push(ending);
    }

    /// What is to be committed next: everything, at these positions, unless a batch is in doubt.
    pub(super) fn take(&mut self, positions: impl FnOnce() -> Vec<(TopicPartition, Position)>) -> Batch {
        let endings = &mut self.endings;
        self.doubtful.take().unwrap_or_else(|| Batch {
            endings: std::mem::take(endings),
            positions: positions(),
            is_in_doubt: false,
        })
    }

    /// What became of a batch that was taken: its endings are told, due again, or in doubt.
    pub(super) fn ended(&mut self, mut batch: Batch, committed: &Committed) {
        match committed {
            Committed::Yes => {}
            Committed::Aborted | Committed::Unreachable(_) => {
                batch.endings.append(&mut self.endings);
                self.endings = batch.endings;
            }
            Committed::Unknown(_) => self.doubtful = Some(Batch { is_in_doubt: true, ..batch }),
        }
    }

    /// Forgets partitions that are another's by now: their next owner finds in the log what became of them.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        let is_kept = |ending: &Ending| !partitions.contains(&ending.origin.partition);
        self.endings.retain(is_kept);
        if let Some(batch) = &mut self.doubtful {
            batch.endings.retain(is_kept);
            // Positions of others would say nothing about this batch.
            batch.positions.retain(|(partition, _)| !partitions.contains(partition));
        }
        self.doubtful.take_if(|batch| batch.endings.is_empty());
    }
}
