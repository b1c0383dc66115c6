//! Reads of one task's checkpoint, as of one batch.

use std::ops::Bound;
use std::sync::Arc;

use heed::{RoTxn, WithoutTls};
use topology::{CheckpointError, CheckpointReader};

use super::environment::{Environment, failed};
use super::key;

/// LMDB keeps the pages that it reads as they are until it is dropped. It is replaced with every batch,
/// so the file holds the pages of two batches at most.
pub(super) struct LmdbReader {
    txn: RoTxn<'static, WithoutTls>,
    environment: Arc<Environment>,
}

impl LmdbReader {
    pub(super) fn new(environment: Arc<Environment>) -> Result<Self, CheckpointError> {
        Ok(Self { txn: environment.read_on()?, environment })
    }
}

fn senseless() -> CheckpointError {
    CheckpointError("an entry of a checkpoint makes no sense".to_owned())
}

impl CheckpointReader for LmdbReader {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<&[u8]>, CheckpointError> {
        let stored = key::Stored::of(key);
        let Some(value) = self.environment.table(store).get(&self.txn, stored.as_bytes()).map_err(failed("reading"))?
        else {
            return Ok(None);
        };
        let (found, value) = key::decode(stored.as_bytes(), value).ok_or_else(senseless)?;
        // Of a long key only the hash was looked up.
        if found == key { Ok(Some(value)) } else { Err(senseless()) }
    }

    fn range(
        &self,
        store: usize,
        from: &[u8],
        to: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), CheckpointError> {
        let table = self.environment.table(store);
        // Long keys lie apart and in no order, but there are few of them if any.
        let mut long = Vec::new();
        let all_long = (Bound::Included(key::FIRST_LONG), Bound::Unbounded);
        for entry in table.range(&self.txn, &all_long).map_err(failed("reading"))? {
            let (stored, value) = entry.map_err(failed("reading"))?;
            let (key, value) = key::decode(stored, value).ok_or_else(senseless)?;
            if key >= from && to.is_none_or(|to| key < to) {
                long.push((key, value));
            }
        }
        long.sort_unstable();
        let mut long = long.into_iter().peekable();
        let (first, end) = (key::Edge::of(from), key::Edge::of(to.unwrap_or_default()));
        let end = if to.is_some() { end.as_end() } else { Bound::Excluded(key::FIRST_LONG) };
        for entry in table.range(&self.txn, &(first.as_start(), end)).map_err(failed("reading"))? {
            let (stored, value) = entry.map_err(failed("reading"))?;
            let (key, value) = key::decode(stored, value).ok_or_else(senseless)?;
            while let Some((key, value)) = long.next_if(|(long, _)| *long < key) {
                if !each(key, value) {
                    return Ok(());
                }
            }
            if !each(key, value) {
                return Ok(());
            }
        }
        long.all(|(key, value)| each(key, value));
        Ok(())
    }

    fn load(
        &self,
        store: usize,
        after: Option<&[u8]>,
        max_bytes: usize,
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, CheckpointError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries =
            self.environment.table(store).range(&self.txn, &(from, Bound::Unbounded)).map_err(failed("reading"))?;
        let (mut bytes, mut last) = (0, None);
        for entry in entries {
            let (stored_key, stored_value) = entry.map_err(failed("reading"))?;
            let (key, value) = key::decode(stored_key, stored_value).ok_or_else(senseless)?;
            each(key, value);
            bytes += stored_key.len() + stored_value.len();
            if bytes >= max_bytes {
                last = Some(stored_key.to_vec());
                break;
            }
        }
        Ok(last)
    }
}
