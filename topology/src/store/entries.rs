//! The entries of one store: a hash table, or an ordered set where ranges are asked for.

use std::collections::BTreeSet;
use std::ops::Bound;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::Entry;
use crate::StoreKind;

/// Entries in memory, with their number and size kept up to date.
pub(crate) struct Entries {
    shape: Shape,
    bytes: usize,
}

enum Shape {
    Hash(HashTable<(u32, Entry)>),
    Ordered(BTreeSet<Entry>),
}

/// The half of the hash that is kept beside the entry, so that growing need not read the keys.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Entries {
    /// Empty, in the shape that `kind` needs.
    pub(crate) fn new(kind: &StoreKind) -> Self {
        let shape = match kind {
            StoreKind::KeyValue => Shape::Hash(HashTable::new()),
            StoreKind::OrderedKeyValue | StoreKind::Window { .. } => Shape::Ordered(BTreeSet::new()),
        };
        Self { shape, bytes: 0 }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        match &mut self.shape {
            Shape::Hash(table) => *table = HashTable::new(),
            Shape::Ordered(set) => set.clear(),
        }
        self.bytes = 0;
    }

    /// How many entries.
    pub(crate) fn len(&self) -> usize {
        match &self.shape {
            Shape::Hash(table) => table.len(),
            Shape::Ordered(set) => set.len(),
        }
    }

    /// What they occupy.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of `key`. `hash` is of the key, always by the same hasher.
    pub(crate) fn get(&self, hash: u32, key: &[u8]) -> Option<&[u8]> {
        match &self.shape {
            Shape::Hash(table) => {
                table.find(spread(hash), |(_, entry)| entry.key() == key).map(|(_, entry)| entry.value())
            }
            Shape::Ordered(set) => set.get(key).map(Entry::value),
        }
    }

    /// Puts an entry and returns the one it replaced.
    pub(crate) fn put(&mut self, hash: u32, entry: Entry) -> Option<Entry> {
        self.bytes += entry.bytes();
        let old = match &mut self.shape {
            Shape::Hash(table) => {
                match table.entry(spread(hash), |(_, found)| found.key() == entry.key(), |(hash, _)| spread(*hash)) {
                    Slot::Occupied(mut slot) => Some(std::mem::replace(&mut slot.get_mut().1, entry)),
                    Slot::Vacant(slot) => {
                        slot.insert((hash, entry));
                        None
                    }
                }
            }
            Shape::Ordered(set) => set.replace(entry),
        };
        self.bytes -= old.as_ref().map_or(0, Entry::bytes);
        old
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, hash: u32, key: &[u8]) -> Option<Entry> {
        let old = match &mut self.shape {
            Shape::Hash(table) => {
                table.find_entry(spread(hash), |(_, entry)| entry.key() == key).ok().map(|slot| slot.remove().0.1)
            }
            Shape::Ordered(set) => set.take(key),
        };
        self.bytes -= old.as_ref().map_or(0, Entry::bytes);
        old
    }

    /// Entries with keys in `[from, to)`, in order; `to` of `None` is unbounded. Empty for a hash table.
    pub(crate) fn range<'a>(&'a self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let set = match &self.shape {
            Shape::Hash(_) => None,
            Shape::Ordered(set) => Some(set),
        };
        // `BTreeSet::range` panics on a range that ends before it starts.
        let set = set.filter(|_| to.is_none_or(|to| from < to));
        let upper = to.map_or(Bound::Unbounded, Bound::Excluded);
        set.map(|set| set.range::<[u8], _>((Bound::Included(from), upper))).into_iter().flatten()
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
    use super::*;

    fn kinds() -> [StoreKind; 2] {
        [StoreKind::KeyValue, StoreKind::OrderedKeyValue]
    }

    #[test]
    fn both_shapes_put_get_and_remove_and_account_for_every_byte() {
        for kind in kinds() {
            let mut entries = Entries::new(&kind);
            assert!(entries.put(7, Entry::new(b"a", b"1")).is_none());
            assert_eq!(entries.put(7, Entry::new(b"a", b"22")).unwrap().value(), b"1");
            // The same hash for another key must not confuse the two.
            assert!(entries.put(7, Entry::new(b"b", b"3")).is_none());
            assert_eq!(entries.get(7, b"a"), Some(&b"22"[..]));
            assert_eq!(entries.get(7, b"c"), None);
            assert_eq!(entries.len(), 2);
            assert!(entries.bytes() > 0);
            assert_eq!(entries.remove(7, b"a").unwrap().value(), b"22");
            assert!(entries.remove(7, b"a").is_none());
            entries.remove(7, b"b");
            assert_eq!((entries.len(), entries.bytes()), (0, 0));
        }
    }

    #[test]
    fn a_thousand_entries_survive_growing() {
        let mut entries = Entries::new(&StoreKind::KeyValue);
        for number in 0..1000_u32 {
            entries.put(number, Entry::new(&number.to_be_bytes(), b"v"));
        }
        assert!((0..1000_u32).all(|number| entries.get(number, &number.to_be_bytes()).is_some()));
    }

    #[test]
    fn ranges_are_half_open_and_a_backward_one_is_empty() {
        let mut entries = Entries::new(&StoreKind::OrderedKeyValue);
        for key in [b"a", b"b", b"c"] {
            entries.put(0, Entry::new(key, b""));
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
