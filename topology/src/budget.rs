//! The memory that all tasks of an instance share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much memory stores, tables and queues of all workers may take together. It is a target: what must
/// be in memory stays there, so it may be passed for a while, and without checkpoints for good.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Whatever is needed.
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX)
    }

    /// The bytes that may be used.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that are used, as the workers told last.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one worker uses of a budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct BudgetShare {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl BudgetShare {
    pub(crate) fn new(budget: Arc<MemoryBudget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// The share is so large now.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.budget.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// How many bytes the worker should give back: its part of what is used beyond the limit, and an
    /// eighth of the limit more, so that it need not be asked again at once.
    pub(crate) fn excess(&self) -> usize {
        let (used, limit) = (self.budget.used(), self.budget.limit);
        if used <= limit {
            return 0;
        }
        let target = limit - limit / 8;
        let excess = self.bytes as u128 * (used - target) as u128 / used.max(1) as u128;
        excess as usize
    }

    /// Whether there is room to bring back what was given away, well below where giving away begins.
    pub(crate) fn has_room(&self) -> bool {
        self.budget.used() < self.budget.limit / 4 * 3
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gives_back_its_part_of_the_excess() {
        let budget = MemoryBudget::new(800);
        let (mut large, mut small) = (BudgetShare::new(budget.clone()), BudgetShare::new(budget.clone()));
        large.set(600);
        assert_eq!((large.excess(), large.has_room()), (0, false));
        small.set(200);
        assert_eq!(large.excess(), 0, "the limit itself may be used");
        large.set(800);
        assert_eq!((large.excess(), small.excess()), (240, 60));
        large.set(100);
        assert_eq!((budget.used(), large.has_room()), (300, true));
        drop(small);
        assert_eq!(budget.used(), 100);
    }

    #[test]
    fn without_a_limit_nothing_is_given_back() {
        let mut share = BudgetShare::new(MemoryBudget::unlimited());
        share.set(usize::MAX / 2);
        assert_eq!((share.excess(), share.has_room()), (0, true));
    }
}
