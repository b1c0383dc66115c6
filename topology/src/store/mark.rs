//! What is kept beside a resident entry, in the four bytes that its slot would pad: whether a checkpoint
//! has it, whether it says that the key is gone, whether it was read lately.

/// The number of a checkpoint's batch, from 1; 0 stands for what a checkpoint had before.
///
/// At ten batches a second the numbers last for more than three years of one task's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u32);

impl Epoch {
    /// What was loaded from a checkpoint.
    pub(crate) const LOADED: Self = Self(0);
    /// Not committed, so in no batch yet: later than every batch.
    pub(crate) const OPEN: Self = Self((1 << 30) - 1);

    /// The batch after this one.
    pub(crate) fn next(self) -> Self {
        assert!(self.0 + 1 < Self::OPEN.0, "a task writes fewer than 2^30 checkpoints");
        Self(self.0 + 1)
    }

    /// The batch before this one.
    pub(crate) fn before(self) -> Self {
        Self(self.0 - 1)
    }
}

/// The mark of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u32);

impl Mark {
    const DELETED: u32 = 1 << 31;
    const USED: u32 = 1 << 30;

    /// A value that goes into this batch.
    pub(crate) fn value(epoch: Epoch) -> Self {
        Self(epoch.0 | Self::USED)
    }

    /// A deletion that goes into this batch.
    pub(crate) fn deleted(epoch: Epoch) -> Self {
        Self(epoch.0 | Self::DELETED)
    }

    /// The same in another batch.
    pub(crate) fn at(self, epoch: Epoch) -> Self {
        Self(self.0 & (Self::DELETED | Self::USED) | epoch.0)
    }

    /// Whether it says that the key is gone.
    pub(crate) fn is_deleted(self) -> bool {
        self.0 & Self::DELETED != 0
    }

    /// Whether it was read or written since [`unused`](Self::unused).
    pub(crate) fn is_used(self) -> bool {
        self.0 & Self::USED != 0
    }

    /// The same, read just now.
    pub(crate) fn used(self) -> Self {
        Self(self.0 | Self::USED)
    }

    /// The same, not read for a while.
    pub(crate) fn unused(self) -> Self {
        Self(self.0 & !Self::USED)
    }

    /// Whether it goes into this batch.
    pub(crate) fn is_at(self, epoch: Epoch) -> bool {
        self.0 & Epoch::OPEN.0 == epoch.0
    }

    /// Whether a checkpoint that holds all batches up to `finished` holds it.
    pub(crate) fn is_in(self, finished: Epoch) -> bool {
        self.0 & Epoch::OPEN.0 <= finished.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_keeps_epoch_deletion_and_use_apart() {
        let first = Epoch::LOADED.next();
        let value = Mark::value(Epoch::OPEN);
        assert!(!value.is_in(first) && value.is_used() && !value.is_deleted());
        let committed = value.at(first);
        assert!(committed.is_in(first) && !committed.is_in(first.before()) && committed.is_used());
        assert!(!committed.unused().is_used() && committed.unused().used() == committed);
        let deleted = Mark::deleted(Epoch::OPEN).at(first.next());
        assert!(deleted.is_deleted() && !deleted.is_used() && !deleted.is_in(first) && deleted.is_in(first.next()));
    }
}
