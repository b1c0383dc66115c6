//! What the open transaction replaced in a task's stores, to undo it or to write it to changelogs.

use std::cell::{Cell, OnceCell};
use std::hash::BuildHasher;

use bytes::{Bytes, BytesMut};
use hashbrown::HashTable;
use schemas::Timestamp;

use super::{Entries, Entry, Epoch, Found, Mark, Stamped};
use crate::{CheckpointError, CheckpointReader, StoreKind};

/// What a write found resident under its key.
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
    /// Of the replaced entry.
    mark: Mark,
    replaced: Replaced,
}

impl Change {
    fn bytes(&self) -> usize {
        self.replaced.bytes() + self.added as usize + size_of::<Self>()
    }
}

/// The stores of one task and the log of what its open transaction replaced in them.
pub(crate) struct Stores {
    pub(super) entries: Vec<Entries>,
    changes: Vec<Change>,
    /// What `changes` occupies.
    pub(super) open_bytes: usize,
    hasher: foldhash::fast::RandomState,
    /// Finds repeated keys at commit where no mark tells them; kept to reuse its memory.
    seen: HashTable<u32>,
    /// Copies of keys, which live until they are in a checkpoint, and of values, which live until they are sent.
    keys: Pool,
    values: Pool,
    /// The task's checkpoint as of its last finished batch.
    pub(super) reader: Option<Box<dyn CheckpointReader>>,
    /// The batch that commits go into.
    pub(super) epoch: Epoch,
    /// The last batch that the reader shows.
    pub(super) finished: Epoch,
    checkpoint_reads: Cell<u64>,
    /// Why a read of the checkpoint failed: what the call was told instead is wrong.
    trouble: OnceCell<CheckpointError>,
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
            keys: Pool::default(),
            values: Pool::default(),
            reader: None,
            epoch: Epoch::LOADED.next(),
            finished: Epoch::LOADED,
            checkpoint_reads: Cell::new(0),
            trouble: OnceCell::new(),
        }
    }

    pub(super) fn hash(&self, key: &[u8]) -> u32 {
        (self.hasher.hash_one(key) >> 32) as u32
    }

    /// The entries of a store.
    pub(crate) fn entries(&self, store: usize) -> &Entries {
        &self.entries[store]
    }

    /// The value of a key.
    pub(crate) fn get(&self, store: usize, key: &[u8]) -> Option<&[u8]> {
        let entries = &self.entries[store];
        match entries.find(self.hash(key), key) {
            Found::Value(value) => Some(value),
            Found::Nothing if !entries.is_known(key) => self.read_checkpoint(store, key),
            Found::Deleted | Found::Nothing => None,
        }
    }

    /// What the checkpoint says of a key that is not resident. It answers `None` and notes the trouble
    /// when it cannot be read.
    #[cold]
    fn read_checkpoint(&self, store: usize, key: &[u8]) -> Option<&[u8]> {
        self.count_read();
        let reader = self.reader.as_ref().expect("a store is a part of what its checkpoint holds");
        reader.get(store, key).unwrap_or_else(|error| {
            self.note(error);
            None
        })
    }

    /// The checkpoint is asked.
    pub(super) fn count_read(&self) {
        self.checkpoint_reads.set(self.checkpoint_reads.get() + 1);
    }

    /// The checkpoint could not be read.
    pub(super) fn note(&self, error: CheckpointError) {
        // The first one counts: what follows may be its consequence.
        let _first = self.trouble.set(error);
    }

    /// Why something that was read since the last call is not to be relied upon.
    pub(crate) fn take_trouble(&mut self) -> Option<CheckpointError> {
        self.trouble.take()
    }

    /// How often the checkpoint was asked since this was called last.
    pub(crate) fn take_checkpoint_reads(&mut self) -> u64 {
        self.checkpoint_reads.take()
    }

    /// Puts a value in the open transaction.
    pub(crate) fn put(&mut self, store: usize, key: &[u8], value: &[u8]) {
        self.replace(store, key, value, Mark::value(Epoch::OPEN));
    }

    fn replace(&mut self, store: usize, key: &[u8], value: &[u8], mark: Mark) {
        let hash = self.hash(key);
        let entry = Entry::new(key, value);
        let added = entry.bytes();
        let (mark, replaced) = match self.entries[store].put(hash, entry, mark) {
            Some((entry, mark)) => (mark, Replaced::Entry(entry)),
            None => (mark, Replaced::Nothing(key.into())),
        };
        self.push(store, hash, added, mark, replaced);
    }

    /// Deletes a key in the open transaction; one that is not there changes nothing.
    pub(crate) fn delete(&mut self, store: usize, key: &[u8]) {
        let hash = self.hash(key);
        if self.entries[store].is_whole() {
            if let Some((entry, mark)) = self.entries[store].remove(hash, key) {
                self.push(store, hash, 0, mark, Replaced::Entry(entry));
            }
            return;
        }
        let exists = match self.entries[store].find(hash, key) {
            Found::Value(_) => true,
            Found::Deleted => false,
            Found::Nothing => !self.entries[store].is_known(key) && self.read_checkpoint(store, key).is_some(),
        };
        if exists {
            // The checkpoint would bring it back: that it is gone must be resident.
            self.replace(store, key, &[], Mark::deleted(Epoch::OPEN));
        }
    }

    fn push(&mut self, store: usize, hash: u32, added: usize, mark: Mark, replaced: Replaced) {
        let change = Change { store: store as u32, hash, added: added as u32, mark, replaced };
        self.open_bytes += change.bytes();
        self.changes.push(change);
    }

    /// Puts or deletes outside any transaction: from a changelog, on the way to the next batch. True when the
    /// key goes into that batch already, or need not: it has expired.
    pub(crate) fn restore(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) -> bool {
        let hash = self.hash(key);
        let (entries, epoch) = (&mut self.entries[store], self.epoch);
        if entries.is_expired(key) {
            return true;
        }
        let old = match value {
            Some(value) => entries.put(hash, Entry::new(key, value), Mark::value(epoch)),
            None if entries.is_whole() => entries.remove(hash, key),
            None => entries.put(hash, Entry::new(key, &[]), Mark::deleted(epoch)),
        };
        entries.may_be_part() && old.is_some_and(|(_, mark)| mark.is_at(epoch))
    }

    /// What is resident under a key, to be written to a checkpoint.
    pub(crate) fn resident(&self, store: usize, key: &[u8]) -> Option<&[u8]> {
        self.entries[store].peek(self.hash(key), key)
    }

    /// Makes an entry of the checkpoint resident, unless something newer is.
    pub(crate) fn load(&mut self, store: usize, key: &[u8], value: &[u8]) {
        let hash = self.hash(key);
        let entries = &mut self.entries[store];
        if entries.is_expired(key) {
            return;
        }
        if entries.find(hash, key) == Found::Nothing {
            entries.put(hash, Entry::new(key, value), Mark::value(Epoch::LOADED));
        }
    }

    /// That a key is gone becomes resident, unless something newer is.
    pub(super) fn remember_deleted(&mut self, store: usize, key: &[u8], epoch: Epoch) {
        let hash = self.hash(key);
        if self.entries[store].find(hash, key) == Found::Nothing {
            self.entries[store].put(hash, Entry::new(key, &[]), Mark::deleted(epoch));
        }
    }

    /// Windows of a store that start before `horizon` are gone from now on. No transaction is open: what
    /// expired by its stream time would have to come back with it.
    pub(crate) fn expire(&mut self, store: usize, horizon: Timestamp, limit: usize) {
        debug_assert!(self.changes.is_empty());
        self.entries[store].expire(horizon, limit);
    }

    /// Gives memory of all windows back that have expired already, of at most `limit` in each store. No transaction
    /// can bring them back.
    pub(crate) fn free_expired(&mut self, limit: usize) {
        self.entries.iter_mut().for_each(|entries| entries.free_expired(limit));
    }

    /// Forgets everything, the checkpoint too.
    pub(crate) fn clear(&mut self) {
        self.committed();
        self.entries.iter_mut().for_each(Entries::clear);
        self.reader = None;
        self.trouble.take();
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
            let Change { store, hash, mark, replaced, .. } = change;
            let entries = &mut self.entries[store as usize];
            match replaced {
                Replaced::Entry(entry) => drop(entries.put(hash, entry, mark)),
                Replaced::Nothing(key) => {
                    entries.remove(hash, &key);
                    // What surrounds it may have been read while this change hid what the checkpoint has.
                    entries.set_unknown(&key);
                }
            }
        }
    }

    /// What the open transaction wrote, and what it keeps to be able to undo that.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Calls `write` once for each key that changed, in the order of first change, with what it
    /// is now; a key that appeared and went away again within the transaction is left out. What changed
    /// goes into the current batch; undoing the transaction takes that back as well. The last argument of
    /// `write` says whether an earlier transaction has put the key into the batch already.
    pub(crate) fn for_each_changed<E>(
        &mut self,
        mut write: impl FnMut(usize, Bytes, Option<Bytes>, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { entries, changes, seen, keys, values, epoch, .. } = self;
        seen.clear();
        for (index, change) in changes.iter().enumerate() {
            let key = change.replaced.key();
            let now = match entries[change.store as usize].stamp(change.hash, key, *epoch) {
                Stamped::Before => continue,
                Stamped::Unmarked(_) if !is_first(seen, changes, index) => continue,
                Stamped::Unmarked(None) if matches!(change.replaced, Replaced::Nothing(_)) => continue,
                Stamped::Now(value) | Stamped::Unmarked(value) => value,
            };
            // The first change of a key carries the mark from before the transaction.
            let is_pending = change.mark.is_at(*epoch);
            write(change.store as usize, keys.copy(key), now.map(|value| values.copy(value)), is_pending)?;
        }
        Ok(())
    }

    /// The transaction is committed: what it replaced is forgotten.
    pub(crate) fn committed(&mut self) {
        self.committed_to(self.changes.len());
    }

    /// What was written before the savepoint is committed: what it replaced is forgotten. The rest is the open
    /// transaction now.
    pub(crate) fn committed_to(&mut self, savepoint: usize) {
        let bytes: usize = self.changes.drain(..savepoint).map(|change| change.bytes()).sum();
        self.open_bytes -= bytes;
        if self.changes.is_empty() {
            // A burst must not keep its memory for ever.
            self.changes.shrink_to(1 << 14);
        }
    }
}

/// Whether no change before this one was of the same key, as far as `seen` was asked.
fn is_first(seen: &mut HashTable<u32>, changes: &[Change], index: usize) -> bool {
    let change = &changes[index];
    let spread = |change: &Change| u64::from(change.hash) << 32 | u64::from(change.hash);
    let same = |other: &u32| {
        let other = &changes[*other as usize];
        other.store == change.store && other.replaced.key() == change.replaced.key()
    };
    if seen.find(spread(change), same).is_some() {
        return false;
    }
    seen.insert_unique(spread(change), index as u32, |index| spread(&changes[*index as usize]));
    true
}

/// Copies of many small things that live about equally long, a few thousand in one allocation.
#[derive(Default)]
struct Pool(BytesMut);

impl Pool {
    const CHUNK: usize = 64 << 10;

    fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if self.0.capacity() < bytes.len() {
            self.0 = BytesMut::with_capacity(bytes.len().max(Self::CHUNK));
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
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
            .for_each_changed::<()>(|store, key, value, _| {
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
