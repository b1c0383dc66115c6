//! Durable timers: an ordered store whose keys sort by clock, then deadline, then owner and key.

use schemas::Timestamp;

use super::{Entries, from_sortable, next_key, sortable};
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

/// The keys of a clock's timers: from the first of these up to the second.
pub(crate) fn timers_of(clock: Clock) -> ([u8; 1], [u8; 1]) {
    let byte = clock_byte(clock);
    ([byte], [byte + 1])
}

/// The first resident timer of `clock`: its key and deadline.
pub(crate) fn first_timer(entries: &Entries, clock: Clock) -> Option<(&[u8], Timestamp)> {
    let (from, to) = timers_of(clock);
    let entry = entries.range(&from, Some(&to)).next()?;
    Some((entry.key(), from_sortable(&entry.key()[1..])?))
}

/// Where the timers of `clock` begin that come after one of this owner.
pub(crate) fn timers_after(clock: Clock, owner: &str, after: Option<(Timestamp, &[u8])>) -> Vec<u8> {
    after
        .map_or_else(|| timers_of(clock).0.to_vec(), |(deadline, key)| next_key(timer_key(clock, deadline, owner, key)))
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
    fn those_after_a_timer_are_told_in_order() {
        let mut timers = Entries::new(&StoreKind::OrderedKeyValue);
        for (clock, deadline, owner, key) in [
            (Clock::Wall, 5, "node", "a"),
            (Clock::Wall, 5, "node", "ab"),
            (Clock::Wall, 5, "zeta", "a"),
            (Clock::Wall, 9, "node", "a"),
            (Clock::Stream, 1, "node", "a"),
        ] {
            let entry = Entry::new(&timer_key(clock, Timestamp(deadline), owner, key.as_bytes()), b"");
            timers.put(0, entry, Mark::value(Epoch::OPEN));
        }
        let after = |after| {
            let from = timers_after(Clock::Wall, "node", after);
            let found = timers.range(&from, Some(&timers_of(Clock::Wall).1));
            found.filter_map(|entry| parse_timer(entry.key())).collect::<Vec<_>>()
        };
        assert_eq!(after(None).len(), 4);
        let rest = [(Timestamp(5), "node", &b"ab"[..]), (Timestamp(5), "zeta", b"a"), (Timestamp(9), "node", b"a")];
        assert_eq!(after(Some((Timestamp(5), b"a"))), rest);
        assert_eq!(after(Some((Timestamp(9), b"a"))), []);
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
