//! The entries of a window store, by segments of window starts, so that what expires goes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use schemas::Timestamp;

use super::{Entry, from_sortable, sortable};

/// Entries by segment. One that expires is out of sight with all that it holds; its memory goes back bit
/// by bit, so that no commit pays for a large one.
pub(crate) struct Segments {
    length_millis: i64,
    sets: BTreeMap<i64, BTreeSet<Entry>>,
    /// Nothing that starts before this is kept.
    horizon: Option<Timestamp>,
    /// Out of sight, not freed yet.
    expired: Vec<BTreeSet<Entry>>,
}

impl Segments {
    /// None yet; each will span so many milliseconds of starts.
    pub(crate) fn new(length_millis: i64) -> Self {
        Self { length_millis, sets: BTreeMap::new(), horizon: None, expired: Vec::new() }
    }

    /// Forgets all of them, and what has expired.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.length_millis);
    }

    /// How many entries are in sight.
    pub(crate) fn len(&self) -> usize {
        self.sets.values().map(BTreeSet::len).sum()
    }

    /// How many take memory.
    pub(crate) fn resident(&self) -> usize {
        self.len() + self.expired.iter().map(BTreeSet::len).sum::<usize>()
    }

    /// The segment of a key. A key that is too short for a start sorts as if zeros followed.
    fn number(&self, key: &[u8]) -> i64 {
        let mut first = [0; 8];
        let length = key.len().min(8);
        first[..length].copy_from_slice(&key[..length]);
        from_sortable(&first).map_or(i64::MIN, |start| start.0.div_euclid(self.length_millis))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.sets.get(&self.number(key))?.get(key)
    }

    pub(crate) fn replace(&mut self, entry: Entry) -> Option<Entry> {
        self.sets.entry(self.number(entry.key())).or_default().replace(entry)
    }

    pub(crate) fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let number = self.number(key);
        let set = self.sets.get_mut(&number)?;
        let taken = set.take(key);
        if set.is_empty() {
            self.sets.remove(&number);
        }
        taken
    }

    /// Nothing that starts before `horizon`, where a segment begins, is kept from now on: whole segments
    /// go out of sight, and of those that did the memory of at most `limit` entries goes back. The bytes of
    /// those.
    pub(crate) fn expire(&mut self, horizon: Timestamp, limit: usize) -> usize {
        if self.horizon.is_none_or(|known| known < horizon) {
            self.horizon = Some(horizon);
            let kept = self.sets.split_off(&horizon.0.div_euclid(self.length_millis));
            self.expired.extend(std::mem::replace(&mut self.sets, kept).into_values());
        }
        self.free_expired(limit)
    }

    /// Gives the memory of at most `limit` entries back that are out of sight. The bytes of those.
    pub(crate) fn free_expired(&mut self, limit: usize) -> usize {
        let mut bytes = 0;
        for _ in 0..limit {
            let Some(set) = self.expired.last_mut() else { break };
            match set.pop_first() {
                Some(entry) => bytes += entry.bytes(),
                None => drop(self.expired.pop()),
            }
        }
        bytes
    }

    /// The first key that is kept, if anything has expired.
    pub(crate) fn first_kept(&self) -> Option<[u8; 8]> {
        self.horizon.map(sortable)
    }

    /// Entries with keys in `[from, to)`, in order; `from` is before `to`.
    pub(crate) fn range<'a>(&'a self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let first = self.number(from);
        let last = to.map_or(i64::MAX, |to| self.number(to));
        let upper = to.map_or(Bound::Unbounded, Bound::Excluded);
        let head_upper = if first == last { upper } else { Bound::Unbounded };
        let head = self.sets.get(&first).map(|set| set.range::<[u8], _>((Bound::Included(from), head_upper)));
        let is_wider = first < last;
        let middle = is_wider.then(|| self.sets.range((Bound::Excluded(first), Bound::Excluded(last))));
        let tail = self.sets.get(&last).filter(|_| is_wider);
        let tail = tail.map(|set| set.range::<[u8], _>((Bound::Unbounded, upper)));
        let middle = middle.into_iter().flatten().flat_map(|(_, set)| set);
        head.into_iter().flatten().chain(middle).chain(tail.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::window_key;

    fn filled(starts: &[i64]) -> Segments {
        let mut segments = Segments::new(10);
        for start in starts {
            segments.replace(Entry::new(&window_key(Timestamp(*start), b"k"), b"v"));
        }
        segments
    }

    #[test]
    fn ranges_go_over_segments_as_over_one_set() {
        let starts = [-25, -10, -1, 0, 9, 10, 35, 39, 40, 100];
        let segments = filled(&starts);
        for from in -30..110 {
            for to in (from + 1..112).map(Some).chain([None]) {
                let end = to.map(|to| sortable(Timestamp(to)));
                let found = segments.range(&sortable(Timestamp(from)), end.as_ref().map(<[u8; 8]>::as_slice));
                let found: Vec<i64> = found.map(|entry| from_sortable(entry.key()).unwrap().0).collect();
                let within = |start: &i64| *start >= from && to.is_none_or(|to| *start < to);
                assert_eq!(found, starts.into_iter().filter(within).collect::<Vec<_>>(), "[{from}, {to:?})");
            }
        }
        assert_eq!(segments.range(&[], None).count(), starts.len());
    }

    #[test]
    fn what_expires_is_out_of_sight_at_once_and_its_memory_goes_bit_by_bit() {
        let mut segments = filled(&[0, 5, 9, 10, 11, 20]);
        let each = Entry::new(&window_key(Timestamp(0), b"k"), b"v").bytes();
        assert_eq!((segments.expire(Timestamp(0), 9), segments.len(), segments.resident()), (0, 6, 6));
        assert_eq!(segments.expire(Timestamp(20), 2), 2 * each);
        assert_eq!((segments.len(), segments.resident()), (1, 4));
        assert!(segments.get(&window_key(Timestamp(11), b"k")).is_none());
        assert_eq!(segments.first_kept(), Some(sortable(Timestamp(20))));
        assert_eq!((segments.expire(Timestamp(20), 9), segments.resident()), (3 * each, 1));
    }
}
