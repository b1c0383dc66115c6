//! The resident entries of one store: a hash table, an ordered set where ranges are asked for, or one for each
//! segment of windows.

use std::cell::Cell;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use schemas::Timestamp;

use super::{Entry, Epoch, Evicted, Found, Mark, Ordered, Pieces, Reach, Segments, Stamped, next_key};
use crate::StoreKind;

/// Entries in memory, with their number and size kept up to date.
///
/// They are the whole store, or a part of it over a checkpoint. In a part, what the checkpoint does not
/// have yet is always here: values, and deletions as slots of their own. So what is here is final, and
/// a key that is not here is as the checkpoint says. Windows are always whole.
pub(crate) struct Entries {
    shape: Shape,
    bytes: usize,
    /// How many slots say that their key is gone.
    deleted: usize,
    is_whole: bool,
    /// Where eviction goes on.
    hand: usize,
}

enum Shape {
    Hash(HashTable<Slot>),
    Ordered(Ordered),
    Windows(Segments),
}

struct Slot {
    hash: u32,
    mark: Cell<Mark>,
    entry: Entry,
}

/// What the allocator adds to an entry, about.
pub(super) const ALLOCATION_OVERHEAD: usize = 16;

/// The half of the hash that is kept beside the entry, so that growing need not read the keys.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Entries {
    /// Empty and whole, in the shape that `kind` needs.
    pub(crate) fn new(kind: &StoreKind) -> Self {
        let shape = match kind {
            StoreKind::KeyValue => Shape::Hash(HashTable::new()),
            StoreKind::OrderedKeyValue => Shape::Ordered(Ordered::new()),
            StoreKind::Window { .. } => Shape::Windows(Segments::new(kind.segment_millis())),
        };
        Self { shape, bytes: 0, deleted: 0, is_whole: true, hand: 0 }
    }

    /// Forgets all of them, and is whole again.
    pub(crate) fn clear(&mut self) {
        match &mut self.shape {
            Shape::Hash(table) => *table = HashTable::new(),
            Shape::Ordered(set) => *set = Ordered::new(),
            Shape::Windows(segments) => segments.clear(),
        }
        (self.bytes, self.deleted, self.is_whole, self.hand) = (0, 0, true, 0);
    }

    /// How many entries are resident.
    pub(crate) fn len(&self) -> usize {
        match &self.shape {
            Shape::Hash(table) => table.len() - self.deleted,
            Shape::Ordered(set) => set.len(),
            Shape::Windows(segments) => segments.len(),
        }
    }

    /// What they occupy.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What they occupy with the table around them and the allocator's part, about.
    pub(crate) fn resident_bytes(&self) -> usize {
        match &self.shape {
            // The pointers are counted with the entries already.
            Shape::Hash(table) => (self.bytes + table.allocation_size() + table.len() * ALLOCATION_OVERHEAD)
                .saturating_sub(table.len() * size_of::<Entry>()),
            Shape::Ordered(set) => self.bytes + set.overhead(),
            Shape::Windows(segments) => self.bytes + segments.resident() * ALLOCATION_OVERHEAD,
        }
    }

    /// Whether they are all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether they may be a part.
    pub(crate) fn may_be_part(&self) -> bool {
        !matches!(self.shape, Shape::Windows(_))
    }

    /// They are all there is, or a part from now on.
    pub(crate) fn set_whole(&mut self, is_whole: bool) {
        debug_assert!(is_whole || self.may_be_part());
        self.is_whole = is_whole;
        if let Shape::Ordered(set) = &mut self.shape {
            set.pieces = if is_whole { Pieces::all() } else { Pieces::none() };
            if is_whole {
                // There is no checkpoint any more that could bring them back.
                self.bytes -= set.forget_all_deleted();
            }
        }
    }

    /// Whether ranges may be asked for.
    pub(crate) fn has_order(&self) -> bool {
        !matches!(self.shape, Shape::Hash(_))
    }

    /// How far everything from `key` on is resident; in a hash table nothing lies next to anything.
    pub(crate) fn reach(&self, key: &[u8]) -> Reach<'_> {
        match &self.shape {
            _ if self.is_whole => Reach::Everything,
            Shape::Ordered(set) => set.pieces.reach(key),
            Shape::Hash(_) | Shape::Windows(_) => Reach::Nowhere,
        }
    }

    /// All that the checkpoint has in `[from, to)` has become resident, unless something newer is.
    pub(crate) fn reached(&mut self, from: &[u8], to: &[u8]) {
        if let Shape::Ordered(set) = &mut self.shape {
            set.pieces.add(from, to);
        }
    }

    /// Whether a key that is not resident does not exist.
    pub(crate) fn is_known(&self, key: &[u8]) -> bool {
        self.reach(key) != Reach::Nowhere
    }

    /// Nothing is resident under a key, and what the checkpoint says of it was not asked.
    pub(crate) fn set_unknown(&mut self, key: &[u8]) {
        if let Shape::Ordered(set) = &mut self.shape
            && !self.is_whole
        {
            set.pieces.cut(key, Some(&next_key(key.to_vec())));
        }
    }

    /// Whether it is resident that `key`, of an ordered store, is gone.
    pub(crate) fn is_deleted(&self, key: &[u8]) -> bool {
        matches!(&self.shape, Shape::Ordered(set) if set.find(key) == Found::Deleted)
    }

    /// What is resident under `key`. `hash` is of the key, always by the same hasher.
    pub(crate) fn find(&self, hash: u32, key: &[u8]) -> Found<'_> {
        match &self.shape {
            Shape::Hash(table) => match table.find(spread(hash), |slot| slot.entry.key() == key) {
                Some(slot) => {
                    let mark = slot.mark.get();
                    if mark.is_deleted() {
                        return Found::Deleted;
                    }
                    if !mark.is_used() {
                        slot.mark.set(mark.used());
                    }
                    Found::Value(slot.entry.value())
                }
                None => Found::Nothing,
            },
            Shape::Ordered(set) => set.find(key),
            Shape::Windows(segments) => segments.get(key).map_or(Found::Nothing, |entry| Found::Value(entry.value())),
        }
    }

    /// The resident value of `key`, which is not taken for a use of it.
    pub(crate) fn peek(&self, hash: u32, key: &[u8]) -> Option<&[u8]> {
        match &self.shape {
            Shape::Hash(table) => {
                let slot = table.find(spread(hash), |slot| slot.entry.key() == key)?;
                (!slot.mark.get().is_deleted()).then(|| slot.entry.value())
            }
            Shape::Ordered(set) => match set.find(key) {
                Found::Value(value) => Some(value),
                Found::Deleted | Found::Nothing => None,
            },
            Shape::Windows(segments) => segments.get(key).map(Entry::value),
        }
    }

    /// The resident value of `key`.
    pub(crate) fn get(&self, hash: u32, key: &[u8]) -> Option<&[u8]> {
        match self.find(hash, key) {
            Found::Value(value) => Some(value),
            Found::Deleted | Found::Nothing => None,
        }
    }

    /// What the open transaction has left under `key`, which goes into the batch `epoch` from now on.
    pub(crate) fn stamp(&self, hash: u32, key: &[u8], epoch: Epoch) -> Stamped<'_> {
        let (mark, entry) = match &self.shape {
            Shape::Hash(table) => match table.find(spread(hash), |slot| slot.entry.key() == key) {
                Some(slot) => (&slot.mark, &slot.entry),
                None => return Stamped::Unmarked(None),
            },
            Shape::Ordered(set) => match set.marked(key) {
                Some(found) => found,
                None => return Stamped::Unmarked(None),
            },
            Shape::Windows(segments) => return Stamped::Unmarked(segments.get(key).map(Entry::value)),
        };
        let found = mark.get();
        if !found.is_at(Epoch::OPEN) {
            return Stamped::Before;
        }
        mark.set(found.at(epoch));
        Stamped::Now((!found.is_deleted()).then(|| entry.value()))
    }

    /// Puts an entry and returns the one it replaced.
    pub(crate) fn put(&mut self, hash: u32, entry: Entry, mark: Mark) -> Option<(Entry, Mark)> {
        self.bytes += entry.bytes();
        let old = match &mut self.shape {
            Shape::Hash(table) => {
                self.deleted += usize::from(mark.is_deleted());
                match table.entry(spread(hash), |slot| slot.entry.key() == entry.key(), |slot| spread(slot.hash)) {
                    Place::Occupied(mut slot) => {
                        let old = std::mem::replace(slot.get_mut(), Slot { hash, mark: Cell::new(mark), entry });
                        self.deleted -= usize::from(old.mark.get().is_deleted());
                        Some((old.entry, old.mark.get()))
                    }
                    Place::Vacant(slot) => {
                        slot.insert(Slot { hash, mark: Cell::new(mark), entry });
                        None
                    }
                }
            }
            Shape::Ordered(set) => set.put(entry, mark),
            Shape::Windows(segments) => segments.replace(entry).map(|old| (old, mark)),
        };
        self.bytes -= old.as_ref().map_or(0, |(old, _)| old.bytes());
        old
    }

    /// Takes a slot out: afterwards nothing is resident under its key.
    pub(crate) fn remove(&mut self, hash: u32, key: &[u8]) -> Option<(Entry, Mark)> {
        let old = match &mut self.shape {
            Shape::Hash(table) => {
                let slot = table.find_entry(spread(hash), |slot| slot.entry.key() == key).ok()?.remove().0;
                self.deleted -= usize::from(slot.mark.get().is_deleted());
                (slot.entry, slot.mark.get())
            }
            Shape::Ordered(set) => set.take(key)?,
            Shape::Windows(segments) => (segments.take(key)?, Mark::value(Epoch::LOADED)),
        };
        self.bytes -= old.0.bytes();
        Some(old)
    }

    /// A deletion that the checkpoint has by now need not be remembered.
    pub(crate) fn forget_deleted(&mut self, hash: u32, key: &[u8], finished: Epoch) {
        if let Shape::Ordered(set) = &mut self.shape {
            self.bytes -= set.forget_deleted(key, finished).map_or(0, |entry| entry.bytes());
        }
        let Shape::Hash(table) = &mut self.shape else { return };
        if let Ok(slot) = table.find_entry(spread(hash), |slot| slot.entry.key() == key) {
            let mark = slot.get().mark.get();
            if mark.is_deleted() && mark.is_in(finished) {
                self.bytes -= slot.remove().0.entry.bytes();
                self.deleted -= 1;
            }
        }
    }

    /// Gives entries back that a checkpoint with all batches up to `finished` has, until `bytes` are
    /// free or none is left; those that were used lately come last. What remains is a part.
    pub(crate) fn evict(&mut self, finished: Epoch, bytes: usize) -> Evicted {
        let mut evicted = Evicted::default();
        if let Shape::Ordered(_) = &self.shape {
            return self.evict_last(finished, bytes, &mut None, usize::MAX);
        }
        let Shape::Hash(table) = &mut self.shape else { return evicted };
        // The first round takes the mark of use away, the second finds what was not used meanwhile.
        for _ in 0..2 * table.num_buckets() {
            if evicted.bytes >= bytes {
                break;
            }
            self.hand = (self.hand + 1) % table.num_buckets();
            let Ok(slot) = table.get_bucket_entry(self.hand) else { continue };
            let mark = slot.get().mark.get();
            if !mark.is_in(finished) {
                continue;
            }
            if mark.is_used() {
                slot.get().mark.set(mark.unused());
                continue;
            }
            let entry = slot.remove().0.entry;
            self.deleted -= usize::from(mark.is_deleted());
            self.bytes -= entry.bytes();
            evicted.entries += 1;
            evicted.bytes += entry.bytes() + ALLOCATION_OVERHEAD;
        }
        self.is_whole &= evicted.entries == 0;
        evicted
    }

    /// As [`evict`](Self::evict), of an ordered store: the last ones before `below` first, and at most `slots` are
    /// looked at. `below` is where to go on afterwards, `None` when all were looked at.
    pub(crate) fn evict_last(
        &mut self,
        finished: Epoch,
        bytes: usize,
        below: &mut Option<Vec<u8>>,
        slots: usize,
    ) -> Evicted {
        let Shape::Ordered(set) = &mut self.shape else { return Evicted::default() };
        let (evicted, next) = set.evict(finished, bytes, below.as_deref(), slots);
        *below = next;
        self.bytes -= evicted.bytes - evicted.entries * ALLOCATION_OVERHEAD;
        self.is_whole &= evicted.entries == 0;
        evicted
    }

    /// Resident entries with keys in `[from, to)`, in order; `to` of `None` is unbounded. Empty for a hash table.
    pub(crate) fn range<'a>(&'a self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let (set, segments) = match &self.shape {
            // `BTreeSet::range` panics on a range that ends before it starts.
            _ if to.is_some_and(|to| from >= to) => (None, None),
            Shape::Hash(_) => (None, None),
            Shape::Ordered(set) => (Some(set), None),
            Shape::Windows(segments) => (None, Some(segments)),
        };
        let ordered = set.map(|set| set.range(from, to));
        let windows = segments.map(|segments| segments.range(from, to));
        ordered.into_iter().flatten().chain(windows.into_iter().flatten())
    }

    /// Windows that start before `horizon` are gone from now on, without a trace in any transaction or
    /// changelog: at the same stream time they are gone for every owner of the task. The memory of at most
    /// `limit` entries goes back at a time.
    pub(crate) fn expire(&mut self, horizon: Timestamp, limit: usize) {
        if let Shape::Windows(segments) = &mut self.shape {
            self.bytes -= segments.expire(horizon, limit);
        }
    }

    /// Gives the memory of at most `limit` entries back that have expired already.
    pub(crate) fn free_expired(&mut self, limit: usize) {
        if let Shape::Windows(segments) = &mut self.shape {
            self.bytes -= segments.free_expired(limit);
        }
    }

    /// The first key of a window store that is kept, once anything has expired.
    pub(crate) fn first_kept(&self) -> Option<[u8; 8]> {
        match &self.shape {
            Shape::Windows(segments) => segments.first_kept(),
            Shape::Hash(_) | Shape::Ordered(_) => None,
        }
    }

    /// Whether an entry with this key has expired.
    pub(crate) fn is_expired(&self, key: &[u8]) -> bool {
        self.first_kept().is_some_and(|first| key < first.as_slice())
    }
}

/// The first key after all keys that start with `prefix`, or `None` when there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::StoreSpec;

    fn now() -> Mark {
        Mark::value(Epoch::OPEN)
    }

    fn kinds() -> [StoreKind; 3] {
        let window = StoreSpec::window("w", Duration::from_secs(1)).kind;
        [StoreKind::KeyValue, StoreKind::OrderedKeyValue, window]
    }

    #[test]
    fn both_shapes_put_get_and_remove_and_account_for_every_byte() {
        for kind in kinds() {
            let mut entries = Entries::new(&kind);
            assert!(entries.put(7, Entry::new(b"a", b"1"), now()).is_none());
            assert_eq!(entries.put(7, Entry::new(b"a", b"22"), now()).unwrap().0.value(), b"1");
            // The same hash for another key must not confuse the two.
            assert!(entries.put(7, Entry::new(b"b", b"3"), now()).is_none());
            assert_eq!(entries.get(7, b"a"), Some(&b"22"[..]));
            assert_eq!(entries.get(7, b"c"), None);
            assert_eq!(entries.len(), 2);
            assert!(entries.bytes() > 0);
            assert_eq!(entries.remove(7, b"a").unwrap().0.value(), b"22");
            assert!(entries.remove(7, b"a").is_none());
            entries.remove(7, b"b");
            assert_eq!((entries.len(), entries.bytes()), (0, 0));
        }
    }

    #[test]
    fn a_thousand_entries_survive_growing() {
        let mut entries = Entries::new(&StoreKind::KeyValue);
        for number in 0..1000_u32 {
            entries.put(number, Entry::new(&number.to_be_bytes(), b"v"), now());
        }
        assert!((0..1000_u32).all(|number| entries.get(number, &number.to_be_bytes()).is_some()));
    }

    #[test]
    fn eviction_takes_only_what_a_checkpoint_has_and_what_was_used_last_of_all() {
        let mut entries = Entries::new(&StoreKind::KeyValue);
        let first = Epoch::LOADED.next();
        for number in 0..100_u32 {
            let epoch = [Epoch::LOADED, first, first.next(), Epoch::OPEN][number as usize % 4];
            let mark = if number % 8 < 4 { Mark::value(epoch) } else { Mark::deleted(epoch) };
            entries.put(number, Entry::new(&number.to_be_bytes(), b"v"), mark);
        }
        let (before, bytes) = (entries.len(), entries.bytes());
        assert!(entries.is_whole());
        assert_eq!(entries.evict(first, 0), Evicted::default());
        assert!(entries.is_whole(), "nothing was taken");
        // Deletions carry no mark of use: they go in the first round.
        let evicted = entries.evict(first, usize::MAX);
        assert_eq!((evicted.entries, entries.is_whole()), (50, false));
        assert_eq!((before, entries.len(), entries.bytes() * 2), (52, 26, bytes));
        for number in 0..100_u32 {
            let resident = entries.find(number, &number.to_be_bytes()) != Found::Nothing;
            assert_eq!(resident, number % 4 >= 2, "{number}");
        }
    }

    #[test]
    fn what_was_read_since_the_last_round_stays_longer() {
        let mut entries = Entries::new(&StoreKind::KeyValue);
        for number in 0..100_u32 {
            entries.put(number, Entry::new(&number.to_be_bytes(), b"v"), Mark::value(Epoch::LOADED).unused());
        }
        let kept: Vec<u32> = (0..100).filter(|number| number % 3 == 0).collect();
        assert!(kept.iter().all(|number| entries.get(*number, &number.to_be_bytes()).is_some()));
        let half = 50 * (Entry::new(&[0; 4], b"v").bytes() + ALLOCATION_OVERHEAD);
        assert_eq!(entries.evict(Epoch::LOADED, half).entries, 50);
        assert!(kept.iter().all(|number| entries.get(*number, &number.to_be_bytes()).is_some()));
    }

    #[test]
    fn ranges_are_half_open_and_a_backward_one_is_empty() {
        let mut entries = Entries::new(&StoreKind::OrderedKeyValue);
        for key in [b"a", b"b", b"c"] {
            entries.put(0, Entry::new(key, b""), now());
        }
        let keys =
            |from: &[u8], to: Option<&[u8]>| entries.range(from, to).map(|e| e.key().to_vec()).collect::<Vec<_>>();
        assert_eq!(keys(b"a", Some(b"c")), [b"a", b"b"]);
        assert_eq!(keys(b"b", None), [b"b", b"c"]);
        assert!(keys(b"c", Some(b"a")).is_empty());
    }

    #[test]
    fn the_end_of_a_prefix_is_after_all_that_start_with_it() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff]), None);
        assert_eq!(prefix_end(b""), None);
    }
}
