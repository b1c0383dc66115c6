//! Keys as LMDB takes them: not empty, at most 511 bytes.

use std::ops::Bound;

use sha2::{Digest as _, Sha256};

/// The longest key that is kept as it is.
const LENGTH_MAX: usize = 500;
const SHORT: u8 = 0;
const LONG: u8 = 1;
/// Where the keys begin that are found by their hash.
pub(super) const FIRST_LONG: &[u8] = &[LONG];

/// An entry as it is written. A key that is too long is found by its hash and kept with the value; the
/// order of keys is the stores' in memory, not that of the file.
pub(super) fn encode(key: &[u8], value: &[u8], into_key: &mut Vec<u8>, into_value: &mut Vec<u8>) {
    encode_key(key, into_key);
    into_value.clear();
    if key.len() > LENGTH_MAX {
        into_value.extend_from_slice(&(key.len() as u32).to_be_bytes());
        into_value.extend_from_slice(key);
    }
    into_value.extend_from_slice(value);
}

/// The key alone, to delete by.
pub(super) fn encode_key(key: &[u8], into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(Stored::of(key).as_bytes());
}

/// A key as it is looked up, without an allocation.
pub(super) struct Stored {
    bytes: [u8; LENGTH_MAX + 1],
    length: usize,
}

impl Stored {
    /// What [`encode_key`] writes.
    pub(super) fn of(key: &[u8]) -> Self {
        let mut bytes = [0; LENGTH_MAX + 1];
        let hashed;
        let (kind, rest) = if key.len() > LENGTH_MAX {
            hashed = Sha256::digest(key);
            (LONG, hashed.as_ref())
        } else {
            (SHORT, key)
        };
        bytes[0] = kind;
        bytes[1..=rest.len()].copy_from_slice(rest);
        Self { bytes, length: rest.len() + 1 }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Where a range of keys begins or ends among those that are kept as they are.
pub(super) struct Edge {
    stored: Stored,
    is_cut: bool,
}

impl Edge {
    pub(super) fn of(key: &[u8]) -> Self {
        Self { stored: Stored::of(&key[..key.len().min(LENGTH_MAX)]), is_cut: key.len() > LENGTH_MAX }
    }

    /// The key itself is the first one. Of a cut one, what remains comes before it.
    pub(super) fn as_start(&self) -> Bound<&[u8]> {
        let stored = self.stored.as_bytes();
        if self.is_cut { Bound::Excluded(stored) } else { Bound::Included(stored) }
    }

    /// The key itself is the first one that is not meant.
    pub(super) fn as_end(&self) -> Bound<&[u8]> {
        let stored = self.stored.as_bytes();
        if self.is_cut { Bound::Included(stored) } else { Bound::Excluded(stored) }
    }
}

/// The entry as the store knows it; `None` for bytes that make no sense.
pub(super) fn decode<'k, 'v: 'k>(key: &'k [u8], value: &'v [u8]) -> Option<(&'k [u8], &'v [u8])> {
    match key.split_first()? {
        (&SHORT, key) => Some((key, value)),
        (&LONG, _) => {
            let (length, rest) = value.split_first_chunk::<4>()?;
            rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        }
        _ => None,
    }
}

/// A name that any file system takes.
pub(super) fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            b'.' if !safe.is_empty() => safe.push('.'),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    safe
}
