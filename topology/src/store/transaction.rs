//! What the open transaction replaced in a task's stores, to undo it or to write it to changelogs.

use std::hash::BuildHasher;

use bytes::Bytes;
use hashbrown::HashTable;

use super::{Entries, Entry};
use crate::StoreKind;

/// What a write found under its key.
enum Replaced {
    Entry(Entry),
    Nothing(Box<[u8]>),
}

impl Replaced {
    fn key(&self) -> &[u8] {
        match self {
            Self::Entry(entry) => entry.key(),
            Self::Nothing(key) => key,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Entry(entry) => entry.bytes(),
            Self::Nothing(key) => key.len(),
        }
    }
}

struct Change {
    store: u32,
    hash: u32,
    /// What the new entry occupies.
    added: u32,
    replaced: Replaced,
}

impl Change {
    fn bytes(&self) -> usize {
        self.replaced.bytes() + self.added as usize + size_of::<Self>()
    }
}

/// The stores of one task and the log of what its open transaction replaced in them.
pub(crate) struct Stores {
    entries: Vec<Entries>,
    changes: Vec<Change>,
    /// What `changes` occupies.
    open_bytes: usize,
    hasher: foldhash::fast::RandomState,
    /// Finds repeated keys at commit; kept to reuse its memory.
    seen: HashTable<u32>,
}

impl Stores {
    /// Empty stores of these kinds.
    pub(crate) fn new<'a>(kinds: impl IntoIterator<Item = &'a StoreKind>) -> Self {
        Self {
            entries: kinds.into_iter().map(Entries::new).collect(),
            changes: Vec::new(),
            open_bytes: 0,
            hasher: foldhash::fast::RandomState::default(),
            seen: HashTable::new(),
        }
    }

    fn hash(&self, key: &[u8]) -> u32 {
        (self.hasher.hash_one(key) >> 32) as u32
    }

    /// The entries of a store.
    pub(crate) fn entries(&self, store: usize) -> &Entries {
        &self.entries[store]
    }

    /// The value of a key.
    pub(crate) fn get(&self, store: usize, key: &[u8]) -> Option<&[u8]> {
        self.entries[store].get(self.hash(key), key)
    }

    /// Puts a value in the open transaction.
    pub(crate) fn put(&mut self, store: usize, key: &[u8], value: &[u8]) {
        let hash = self.hash(key);
        let entry = Entry::new(key, value);
        let added = entry.bytes();
        let replaced = match self.entries[store].put(hash, entry) {
            Some(entry) => Replaced::Entry(entry),
            None => Replaced::Nothing(key.into()),
        };
        self.push(store, hash, added, replaced);
    }

    /// Deletes a key in the open transaction; one that is not there changes nothing.
    pub(crate) fn delete(&mut self, store: usize, key: &[u8]) {
        let hash = self.hash(key);
        if let Some(entry) = self.entries[store].remove(hash, key) {
            self.push(store, hash, 0, Replaced::Entry(entry));
        }
    }

    fn push(&mut self, store: usize, hash: u32, added: usize, replaced: Replaced) {
        let change = Change { store: store as u32, hash, added: added as u32, replaced };
        self.open_bytes += change.bytes();
        self.changes.push(change);
    }

    /// Puts or deletes outside any transaction: from a changelog.
    pub(crate) fn restore(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        let hash = self.hash(key);
        match value {
            Some(value) => drop(self.entries[store].put(hash, Entry::new(key, value))),
            None => drop(self.entries[store].remove(hash, key)),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.committed();
        self.entries.iter_mut().for_each(Entries::clear);
    }

    /// A point to undo to.
    pub(crate) fn savepoint(&self) -> usize {
        self.changes.len()
    }

    /// Undoes what was written since the savepoint; 0 undoes the whole transaction.
    pub(crate) fn undo_to(&mut self, savepoint: usize) {
        while self.changes.len() > savepoint {
            let Some(change) = self.changes.pop() else { break };
            self.open_bytes -= change.bytes();
            let Change { store, hash, replaced, .. } = change;
            let entries = &mut self.entries[store as usize];
            match replaced {
                Replaced::Entry(entry) => drop(entries.put(hash, entry)),
                Replaced::Nothing(key) => drop(entries.remove(hash, &key)),
            }
        }
    }

    /// What the open transaction wrote, and what it keeps to be able to undo that.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Calls `write` once for each key that changed, in the order of first change, with what it
    /// is now; a key that appeared and went away again within the transaction is left out.
    pub(crate) fn for_each_changed<E>(
        &mut self,
        mut write: impl FnMut(usize, &[u8], Option<Bytes>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { entries, changes, seen, .. } = self;
        seen.clear();
        for (index, change) in changes.iter().enumerate() {
            let (hash, key) = (u64::from(change.hash) << 32 | u64::from(change.hash), change.replaced.key());
            let same = |other: &u32| {
                let other = &changes[*other as usize];
                other.store == change.store && other.replaced.key() == key
            };
            if seen.find(hash, same).is_some() {
                continue;
            }
            seen.insert_unique(hash, index as u32, |index| {
                let hash = u64::from(changes[*index as usize].hash);
                hash << 32 | hash
            });
            let now = entries[change.store as usize].get(change.hash, key);
            if now.is_none() && matches!(change.replaced, Replaced::Nothing(_)) {
                continue;
            }
            write(change.store as usize, key, now.map(Bytes::copy_from_slice))?;
        }
        Ok(())
    }

    /// The transaction is committed: what it replaced is forgotten.
    pub(crate) fn committed(&mut self) {
        self.changes.clear();
        // A burst must not keep its memory for ever.
        self.changes.shrink_to(1 << 14);
        self.open_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores() -> Stores {
        Stores::new([&StoreKind::KeyValue, &StoreKind::OrderedKeyValue])
    }

    fn changed(stores: &mut Stores) -> Vec<(usize, Vec<u8>, Option<Bytes>)> {
        let mut all = Vec::new();
        stores
            .for_each_changed::<()>(|store, key, value| {
                all.push((store, key.to_vec(), value));
                Ok(())
            })
            .unwrap();
        all
    }

    #[test]
    fn undoing_to_a_savepoint_leaves_what_came_before() {
        let mut stores = stores();
        for store in 0..2 {
            stores.put(store, b"a", b"1");
            let savepoint = stores.savepoint();
            stores.put(store, b"a", b"2");
            stores.put(store, b"b", b"3");
            stores.delete(store, b"a");
            stores.put(store, b"a", b"4");
            stores.undo_to(savepoint);
            assert_eq!(stores.get(store, b"a"), Some(&b"1"[..]));
            assert_eq!(stores.get(store, b"b"), None);
        }
        stores.undo_to(0);
        assert_eq!(stores.entries(0).len() + stores.entries(1).len(), 0);
        assert_eq!(stores.open_bytes(), 0);
    }

    #[test]
    fn each_changed_key_is_written_once_with_its_newest_value() {
        let mut stores = stores();
        stores.put(0, b"kept", b"0");
        stores.committed();
        stores.put(0, b"a", b"1");
        stores.put(1, b"a", b"other store");
        stores.put(0, b"a", b"2");
        stores.put(0, b"passing", b"x");
        stores.delete(0, b"passing");
        stores.delete(0, b"kept");
        stores.delete(0, b"never there");
        assert_eq!(
            changed(&mut stores),
            [
                (0, b"a".to_vec(), Some(Bytes::from_static(b"2"))),
                (1, b"a".to_vec(), Some(Bytes::from_static(b"other store"))),
                (0, b"kept".to_vec(), None),
            ]
        );
        stores.committed();
        assert!(changed(&mut stores).is_empty());
    }
}
