//! A key and its value in one allocation, so that a million small entries stay small.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// Bytes in front of the key that hold its length.
const HEADER: usize = 4;

/// A key and its value: `key length (u32) | key | value`, compared by key alone.
#[derive(Clone, Debug)]
pub(crate) struct Entry(Box<[u8]>);

impl Entry {
    /// Copies both into one allocation of exactly their size.
    pub(crate) fn new(key: &[u8], value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + key.len() + value.len());
        bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        Self(bytes.into_boxed_slice())
    }

    fn key_len(&self) -> usize {
        u32::from_le_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]) as usize
    }

    /// The key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.0[HEADER..HEADER + self.key_len()]
    }

    /// The value.
    pub(crate) fn value(&self) -> &[u8] {
        &self.0[HEADER + self.key_len()..]
    }

    /// What it occupies, its pointer included; the allocator's own overhead is not.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() + size_of::<Self>()
    }
}

impl Borrow<[u8]> for Entry {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_value_come_back_and_order_is_by_key_alone() {
        let entry = Entry::new(b"key", b"value");
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
        assert_eq!(Entry::new(b"", b"").key(), b"");
        assert_eq!(entry, Entry::new(b"key", b"other"));
        assert!(Entry::new(b"a", b"z") < Entry::new(b"b", b"a"));
        assert_eq!(entry.bytes(), 4 + 3 + 5 + 16);
    }
}
