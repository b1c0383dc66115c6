//! Durable timers: an ordered store whose keys sort by clock, then deadline, then owner and key.

use schemas::Timestamp;

use super::{Entries, from_sortable, sortable};
use crate::Clock;

/// The key of a timer: `clock | deadline | owner length | owner | key`. The owner is the
/// processor's name, since its number may change with the topology.
pub(crate) fn timer_key(clock: Clock, deadline: Timestamp, owner: &str, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(11 + owner.len() + key.len());
    bytes.push(clock_byte(clock));
    bytes.extend_from_slice(&sortable(deadline));
    bytes.extend_from_slice(&(owner.len() as u16).to_be_bytes());
    bytes.extend_from_slice(owner.as_bytes());
    bytes.extend_from_slice(key);
    bytes
}

fn clock_byte(clock: Clock) -> u8 {
    match clock {
        Clock::Wall => 0,
        Clock::Stream => 1,
    }
}

/// A timer key taken apart: deadline, owner, key.
pub(crate) fn parse_timer(bytes: &[u8]) -> Option<(Timestamp, &str, &[u8])> {
    let deadline = from_sortable(bytes.get(1..)?)?;
    let (length, rest) = bytes.get(9..)?.split_first_chunk::<2>()?;
    let (owner, key) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((deadline, std::str::from_utf8(owner).ok()?, key))
}

/// The first timer of `clock`: its key and deadline.
pub(crate) fn first_timer(entries: &Entries, clock: Clock) -> Option<(&[u8], Timestamp)> {
    let byte = clock_byte(clock);
    let entry = entries.range(&[byte], Some(&[byte + 1])).next()?;
    Some((entry.key(), from_sortable(&entry.key()[1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreKind;
    use crate::store::{Entry, Epoch, Mark};

    #[test]
    fn the_earliest_deadline_of_a_clock_comes_first() {
        let mut timers = Entries::new(&StoreKind::OrderedKeyValue);
        for (clock, deadline) in [(Clock::Wall, 5), (Clock::Stream, 1), (Clock::Wall, -3)] {
            let entry = Entry::new(&timer_key(clock, Timestamp(deadline), "node", b"key"), b"");
            timers.put(0, entry, Mark::value(Epoch::OPEN));
        }
        let (key, deadline) = first_timer(&timers, Clock::Wall).unwrap();
        assert_eq!(deadline, Timestamp(-3));
        assert_eq!(parse_timer(key), Some((Timestamp(-3), "node", &b"key"[..])));
        assert_eq!(first_timer(&timers, Clock::Stream).unwrap().1, Timestamp(1));
    }

    #[test]
    fn a_cut_key_is_no_timer() {
        let key = timer_key(Clock::Wall, Timestamp(7), "node", b"");
        for length in 0..key.len() {
            assert_eq!(parse_timer(&key[..length]), None);
        }
        assert!(parse_timer(&key).is_some());
    }
}
