//! Ordered reads of a store that may be in memory in part: what is resident wins, the checkpoint has the rest.

use bytes::Bytes;

use super::{Reach, Stores, next_key};
use crate::CheckpointError;

impl Stores {
    /// Gives the entries with keys in `[from, to)`, in order, until `each` says that it was the last one; `to` of
    /// `None` is unbounded. A store without an order has none to give. A checkpoint that cannot be read is noted as trouble, and what it has is missing.
    pub(crate) fn range(
        &self,
        store: usize,
        from: &[u8],
        to: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) {
        if to.is_some_and(|to| to <= from) {
            return;
        }
        let entries = &self.entries[store];
        if !entries.has_order() {
            return;
        }
        let known_to = match entries.reach(from) {
            Reach::Everything => to,
            Reach::To(end) => Some(to.map_or(end, |to| to.min(end))),
            Reach::Nowhere => Some(from),
        };
        for entry in entries.range(from, known_to) {
            if !each(entry.key(), entry.value()) {
                return;
            }
        }
        if known_to != to
            && let Some(from) = known_to
        {
            self.range_beyond(store, from, to, each);
        }
    }

    /// Goes on where not everything is resident.
    #[cold]
    fn range_beyond(&self, store: usize, from: &[u8], to: Option<&[u8]>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        self.count_read();
        let reader = self.reader.as_ref().expect("a store is a part of what its checkpoint holds");
        let entries = &self.entries[store];
        let mut resident = entries.range(from, to).peekable();
        let mut goes_on = true;
        let read = reader.range(store, from, to, &mut |key, value| {
            while goes_on && let Some(entry) = resident.next_if(|entry| entry.key() < key) {
                goes_on = each(entry.key(), entry.value());
            }
            if goes_on {
                goes_on = match resident.next_if(|entry| entry.key() == key) {
                    Some(entry) => each(entry.key(), entry.value()),
                    None => entries.is_deleted(key) || each(key, value),
                };
            }
            goes_on
        });
        match read {
            Ok(()) => {}
            Err(error) => return self.note(error),
        }
        for entry in resident {
            if !goes_on {
                return;
            }
            goes_on = each(entry.key(), entry.value());
        }
    }

    /// The first entries with keys in `[from, to)`, copied out.
    pub(crate) fn collect(&self, store: usize, from: &[u8], to: Option<&[u8]>, limit: usize) -> Vec<(Bytes, Bytes)> {
        let mut found = Vec::new();
        if limit > 0 {
            self.range(store, from, to, &mut |key, value| {
                found.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                found.len() < limit
            });
        }
        found
    }

    /// Makes the first value in `[from, to)` resident, with about `max_bytes` of those that follow it, unless it is:
    /// afterwards the first resident value is the first one.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub(crate) fn reach_first(
        &mut self,
        store: usize,
        from: &[u8],
        to: &[u8],
        max_bytes: usize,
    ) -> Result<(), CheckpointError> {
        loop {
            let entries = &self.entries[store];
            let known_to = match entries.reach(from) {
                Reach::Everything => return Ok(()),
                Reach::To(end) if end >= to || entries.range(from, Some(end)).next().is_some() => return Ok(()),
                Reach::To(end) => end.to_vec(),
                Reach::Nowhere => from.to_vec(),
            };
            self.load_range(store, &known_to, to, max_bytes)?;
        }
    }

    /// About `max_bytes` of what the checkpoint has from `from` on become resident, and with them nothing up to
    /// there is unknown any more.
    fn load_range(&mut self, store: usize, from: &[u8], to: &[u8], max_bytes: usize) -> Result<(), CheckpointError> {
        self.count_read();
        let reader = self.reader.take().expect("a store is a part of what its checkpoint holds");
        let (mut bytes, mut last) = (0, None);
        let read = reader.range(store, from, Some(to), &mut |key, value| {
            self.load(store, key, value);
            bytes += key.len() + value.len();
            if bytes >= max_bytes {
                last = Some(key.to_vec());
            }
            last.is_none()
        });
        self.reader = Some(reader);
        read?;
        let end = last.map_or_else(|| to.to_vec(), next_key);
        self.entries[store].reached(from, &end);
        Ok(())
    }
}
