//! Entries in the order of their keys.

use std::borrow::Borrow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::{ALLOCATION_OVERHEAD, Entry, Epoch, Evicted, Found, Mark, Pieces};

/// Values in order, apart from what says that a key is gone: many timers fire between two checkpoints,
/// and none of them lies between those that wait and whoever looks for the next one.
pub(crate) struct Ordered {
    values: BTreeSet<Marked>,
    gone: BTreeSet<Marked>,
    /// Where the values are all there are.
    pub(super) pieces: Pieces,
}

struct Marked {
    entry: Entry,
    mark: Cell<Mark>,
}

impl Marked {
    fn into_parts(self) -> (Entry, Mark) {
        (self.entry, self.mark.get())
    }

    /// Something that sorts as `key` does.
    fn at(key: &[u8]) -> Self {
        Self { entry: Entry::new(key, &[]), mark: Cell::new(Mark::value(Epoch::LOADED)) }
    }
}

impl Borrow<[u8]> for Marked {
    fn borrow(&self) -> &[u8] {
        self.entry.key()
    }
}

impl PartialEq for Marked {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
    }
}

impl Eq for Marked {}

impl PartialOrd for Marked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Marked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.entry.cmp(&other.entry)
    }
}

impl Ordered {
    /// Empty, with everything known.
    pub(crate) fn new() -> Self {
        Self { values: BTreeSet::new(), gone: BTreeSet::new(), pieces: Pieces::all() }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// What its slots take beside their entries, about.
    pub(crate) fn overhead(&self) -> usize {
        let slot = size_of::<Marked>() - size_of::<Entry>() + ALLOCATION_OVERHEAD;
        (self.values.len() + self.gone.len()) * slot
    }

    pub(crate) fn find(&self, key: &[u8]) -> Found<'_> {
        match self.values.get(key) {
            Some(slot) => Found::Value(slot.entry.value()),
            None if self.gone.contains(key) => Found::Deleted,
            None => Found::Nothing,
        }
    }

    /// What is resident under `key`, be it that it is gone, with its mark.
    pub(crate) fn marked(&self, key: &[u8]) -> Option<(&Cell<Mark>, &Entry)> {
        let slot = self.values.get(key).or_else(|| self.gone.get(key))?;
        Some((&slot.mark, &slot.entry))
    }

    pub(crate) fn put(&mut self, entry: Entry, mark: Mark) -> Option<(Entry, Mark)> {
        let slot = Marked { entry, mark: Cell::new(mark) };
        let (to, other) =
            if mark.is_deleted() { (&mut self.gone, &mut self.values) } else { (&mut self.values, &mut self.gone) };
        let moved = if other.is_empty() { None } else { other.take(slot.entry.key()) };
        to.replace(slot).or(moved).map(Marked::into_parts)
    }

    pub(crate) fn take(&mut self, key: &[u8]) -> Option<(Entry, Mark)> {
        self.values.take(key).or_else(|| self.gone.take(key)).map(Marked::into_parts)
    }

    /// Takes out that a key is gone, where a checkpoint with all batches up to `finished` says so.
    pub(crate) fn forget_deleted(&mut self, key: &[u8], finished: Epoch) -> Option<Entry> {
        self.gone.get(key).filter(|slot| slot.mark.get().is_in(finished))?;
        self.gone.take(key).map(|slot| slot.entry)
    }

    /// Forgets what is gone; the bytes that this frees.
    pub(crate) fn forget_all_deleted(&mut self) -> usize {
        std::mem::take(&mut self.gone).iter().map(|slot| slot.entry.bytes()).sum()
    }

    /// Values with keys in `[from, to)`, in order; `from` is before `to`.
    pub(crate) fn range<'a>(&'a self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let upper = to.map_or(Bound::Unbounded, Bound::Excluded);
        self.values.range::<[u8], _>((Bound::Included(from), upper)).map(|slot| &slot.entry)
    }

    /// Gives values back that a checkpoint with all batches up to `finished` has, until `bytes` are free: the last
    /// ones before `below` first, and at most `slots` are looked at. With what went comes where to go on, if
    /// there is more.
    pub(crate) fn evict(
        &mut self,
        finished: Epoch,
        bytes: usize,
        below: Option<&[u8]>,
        slots: usize,
    ) -> (Evicted, Option<Vec<u8>>) {
        let upper = below.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut free, mut first) = (0, None);
        let mut last_ones = self.values.range::<[u8], _>((Bound::Unbounded, upper)).rev();
        for slot in last_ones.by_ref().take(slots) {
            first = Some(slot.entry.key());
            if slot.mark.get().is_in(finished) {
                free += slot.entry.bytes() + ALLOCATION_OVERHEAD;
            }
            if free >= bytes {
                break;
            }
        }
        let has_more = last_ones.next().is_some();
        let Some(first) = first.map(<[u8]>::to_vec) else { return (Evicted::default(), None) };
        let upper = below.map_or(Bound::Unbounded, |below| Bound::Excluded(Marked::at(below)));
        let range = (Bound::Included(Marked::at(&first)), upper);
        let mut evicted = Evicted::default();
        for slot in self.values.extract_if(range, |slot| slot.mark.get().is_in(finished)) {
            if evicted.entries == 0 {
                self.pieces.cut(slot.entry.key(), below);
            }
            evicted.entries += 1;
            evicted.bytes += slot.entry.bytes() + ALLOCATION_OVERHEAD;
        }
        (evicted, has_more.then_some(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reach;

    #[test]
    fn the_last_ones_go_first_and_what_no_checkpoint_has_stays() {
        let mut ordered = Ordered::new();
        for key in b"abcdefgh" {
            let epoch = if *key == b'g' { Epoch::OPEN } else { Epoch::LOADED };
            ordered.put(Entry::new(&[*key], b""), Mark::value(epoch));
        }
        let keys = |ordered: &Ordered| ordered.range(b"", None).map(|entry| entry.key()[0]).collect::<Vec<_>>();
        let (evicted, next) = ordered.evict(Epoch::LOADED, 1, None, 10);
        assert_eq!((evicted.entries, next.as_deref()), (1, Some(&b"h"[..])));
        assert_eq!(ordered.pieces.reach(b"a"), Reach::To(b"h"));
        // Two are looked at, and one of them must stay.
        let (evicted, next) = ordered.evict(Epoch::LOADED, usize::MAX, next.as_deref(), 2);
        assert_eq!((evicted.entries, next.as_deref()), (1, Some(&b"f"[..])));
        assert_eq!(keys(&ordered), b"abcdeg");
        assert_eq!(ordered.pieces.reach(b"a"), Reach::To(b"f"));
        let (evicted, next) = ordered.evict(Epoch::LOADED, usize::MAX, next.as_deref(), usize::MAX);
        assert_eq!((evicted.entries, next), (5, None));
        assert_eq!((keys(&ordered), ordered.pieces.reach(b"")), (b"g".to_vec(), Reach::To(b"a")));
    }

    #[test]
    fn a_key_is_there_or_gone_but_never_both() {
        let mut ordered = Ordered::new();
        let first = Epoch::LOADED.next();
        ordered.put(Entry::new(b"a", b"1"), Mark::value(first));
        let (old, mark) = ordered.put(Entry::new(b"a", b""), Mark::deleted(Epoch::OPEN)).unwrap();
        assert_eq!((old.value(), mark), (&b"1"[..], Mark::value(first)));
        assert_eq!((ordered.find(b"a"), ordered.len()), (Found::Deleted, 0));
        assert!(ordered.forget_deleted(b"a", first).is_none(), "no checkpoint says so yet");
        ordered.marked(b"a").unwrap().0.set(Mark::deleted(first));
        assert!(ordered.put(Entry::new(b"a", b"2"), Mark::value(first)).unwrap().1.is_deleted());
        assert!(ordered.forget_deleted(b"a", first).is_none(), "it is there again");
        assert_eq!(ordered.take(b"a").unwrap().0.value(), b"2");
        assert_eq!(ordered.find(b"a"), Found::Nothing);
    }
}
