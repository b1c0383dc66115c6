//! Keys of window stores: the window's start first, so that a segment is a range of keys.

use schemas::Timestamp;

use super::{Entries, Entry, prefix_end};

/// An instant as eight bytes that sort as it does.
pub(crate) fn sortable(instant: Timestamp) -> [u8; 8] {
    ((instant.0 as u64) ^ (1 << 63)).to_be_bytes()
}

/// The instant in the first eight bytes, if there are so many.
pub(crate) fn from_sortable(bytes: &[u8]) -> Option<Timestamp> {
    let bytes = bytes.first_chunk::<8>()?;
    Some(Timestamp((u64::from_be_bytes(*bytes) ^ (1 << 63)) as i64))
}

/// `start | key`.
pub(crate) fn window_key(start: Timestamp, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + key.len());
    bytes.extend_from_slice(&sortable(start));
    bytes.extend_from_slice(key);
    bytes
}

/// The windows of `key` that start in `[from, to)`, by start.
///
/// Keys are ordered by start first, so this goes from one start that exists to the next: its cost
/// grows with the number of different starts in the range, which is small for aligned windows.
pub(crate) fn window_range<'a>(
    entries: &'a Entries,
    key: &[u8],
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Timestamp, &'a Entry)> {
    let mut found = Vec::new();
    let end = sortable(to);
    let mut seek = window_key(from, key);
    while let Some(entry) = entries.range(&seek, Some(&end)).next() {
        let Some(start) = from_sortable(entry.key()) else { break };
        if &entry.key()[8..] == key {
            found.push((start, entry));
        }
        // Past `(start, key)`, the next candidate is the same key at a later start.
        seek = if entry.key()[8..] < *key {
            window_key(start, key)
        } else {
            match prefix_end(&entry.key()[..8]) {
                // Nothing between this start and the next existing one needs a look.
                Some(next) => {
                    match entries.range(&next, Some(&end)).next().and_then(|entry| from_sortable(entry.key())) {
                        Some(start) => window_key(start, key),
                        None => break,
                    }
                }
                None => break,
            }
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::StoreSpec;
    use crate::store::{Epoch, Mark};

    fn filled(windows: &[(i64, &[u8])]) -> Entries {
        let mut entries =
            Entries::new(&StoreSpec::segmented("w", Duration::from_secs(1), Duration::from_millis(20)).kind);
        for (start, key) in windows {
            let entry = Entry::new(&window_key(Timestamp(*start), key), b"v");
            entries.put(0, entry, Mark::value(Epoch::OPEN));
        }
        entries
    }

    #[test]
    fn instants_sort_as_bytes_even_before_the_epoch() {
        let instants = [i64::MIN, -5, -1, 0, 1, i64::MAX].map(Timestamp);
        assert!(instants.map(sortable).is_sorted());
        for instant in instants {
            assert_eq!(from_sortable(&sortable(instant)), Some(instant));
        }
    }

    #[test]
    fn a_key_is_found_in_its_windows_only_and_the_range_is_half_open() {
        let entries = filled(&[(0, b"a"), (0, b"b"), (0, b"c"), (10, b"a"), (20, b"a"), (20, b"b"), (30, b"b")]);
        let starts = |key: &[u8], from, to| {
            window_range(&entries, key, Timestamp(from), Timestamp(to))
                .into_iter()
                .map(|(start, _)| start.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(starts(b"b", 0, 30), [0, 20]);
        assert_eq!(starts(b"b", 0, 31), [0, 20, 30]);
        assert_eq!(starts(b"a", 5, 100), [10, 20]);
        assert_eq!(starts(b"aa", 0, 100), [0_i64; 0]);
        assert_eq!(starts(b"c", 0, 0), [0_i64; 0]);
    }
}
