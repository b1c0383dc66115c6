//! How far a sink is in one partition, when records end in another order than they came.
//!
//! ```text
//! offsets   ... 6  7 | 8  9 10 11 12 13 | 14 ...
//!               ended| -  x  x  -  -  x | not taken in yet
//!                 next_offset         last_offset
//! ```
//!
//! The committed position is `next_offset`, the first offset that has not ended; its note holds a
//! bit for each offset from there on that has. A restart reads from `next_offset` and passes over
//! the ended ones. The note carries the counts of everything that ever ended, too, so that the
//! books balance over restarts.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use schemas::DeliveryResult;
use serde::{Deserialize, Serialize};
use topology::{Offset, Position};

/// The longest note that a log keeps with a position.
const NOTE_BYTES: usize = 4_096;
/// Counts of targets that found no room of their own in the note.
const OTHERS: &str = "(others)";

/// What has ended, by result: delivered, duplicate, dead-lettered.
pub(super) type Ended = [u64; 3];

/// The index of a result in [`Ended`].
pub(super) const fn index(result: DeliveryResult) -> usize {
    match result {
        DeliveryResult::Delivered => 0,
        DeliveryResult::Duplicate => 1,
        DeliveryResult::DeadLettered => 2,
    }
}

/// How far a sink is in one partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// Taken in and not ended.
    pending: BTreeSet<i64>,
    /// Ended, above the first pending one.
    ended: BTreeSet<i64>,
    /// The offset after the last one taken in.
    head: i64,
    /// Records that have left `pending`, ever. Counted apart from `by_target` so that one can be
    /// held against the other.
    settled: u64,
    /// What has ended by target, ever.
    by_target: BTreeMap<String, Ended>,
}

/// The note beside a position.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    /// Records settled, ever.
    n: u64,
    /// Bit i: the offset `next_offset + i` has ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    e: String,
    /// What has ended by target, ever.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    t: BTreeMap<String, Ended>,
}

impl Progress {
    /// The progress that a committed position tells of. A note that cannot be read is an error:
    /// going on without it would deliver ended records again.
    pub(super) fn from_position(position: &Position) -> Result<Self, String> {
        let next = position.next_offset.0;
        if position.metadata.is_empty() {
            return Ok(Self { head: next, ..Self::default() });
        }
        let note: Note = serde_json::from_str(&position.metadata).map_err(|error| error.to_string())?;
        let bits = STANDARD_NO_PAD.decode(&note.e).map_err(|error| error.to_string())?;
        let ended = (0..bits.len() * 8)
            .filter(|bit| bits[bit / 8] & (1 << (bit % 8)) != 0)
            .map(|bit| next + bit as i64)
            .collect();
        Ok(Self { pending: BTreeSet::new(), ended, head: next, settled: note.n, by_target: note.t })
    }

    /// Takes an offset in; false when it had ended before.
    pub(super) fn take_in(&mut self, offset: Offset) -> bool {
        self.head = self.head.max(offset.0 + 1);
        !self.ended.contains(&offset.0) && self.pending.insert(offset.0)
    }

    /// Whether taking this offset in would span more than `window` offsets.
    pub(super) fn is_full_for(&self, offset: Offset, window: i64) -> bool {
        self.pending.first().is_some_and(|first| offset.0 - first >= window)
    }

    /// An offset has ended.
    pub(super) fn end(&mut self, offset: Offset, target: &str, result: DeliveryResult) {
        debug_assert!(self.pending.contains(&offset.0), "offset {offset} ends without having been taken in");
        if self.pending.remove(&offset.0) {
            self.settled += 1;
            self.ended.insert(offset.0);
        }
        if !self.by_target.contains_key(target) {
            self.by_target.insert(target.to_owned(), Ended::default());
        }
        if let Some(counts) = self.by_target.get_mut(target) {
            counts[index(result)] += 1;
        }
    }

    /// Records taken in, ever.
    pub(super) fn taken_in(&self) -> u64 {
        self.settled + self.pending.len() as u64
    }

    /// Records under way.
    pub(super) fn in_flight(&self) -> u64 {
        self.pending.len() as u64
    }

    /// What has ended by target, ever.
    pub(super) fn by_target(&self) -> &BTreeMap<String, Ended> {
        &self.by_target
    }

    /// The position to commit. Forgets the ended offsets that it passes.
    pub(super) fn position(&mut self) -> Position {
        // After a restart the ended offsets above the position are ahead of `head`: they are
        // passed over only when they come by, so that the position never jumps over one between.
        let next = self.pending.first().copied().unwrap_or(self.head).min(self.head);
        self.ended = self.ended.split_off(&next);
        let mut bits = Vec::new();
        for offset in &self.ended {
            let bit = (offset - next) as usize;
            if bits.len() <= bit / 8 {
                bits.resize(bit / 8 + 1, 0u8);
            }
            bits[bit / 8] |= 1 << (bit % 8);
        }
        let mut note = Note { n: self.settled, e: STANDARD_NO_PAD.encode(bits), t: self.by_target.clone() };
        let mut metadata = to_json(&note);
        while metadata.len() > NOTE_BYTES && fold_smallest(&mut note.t) {
            metadata = to_json(&note);
        }
        Position { next_offset: Offset(next), metadata }
    }
}

fn to_json(note: &Note) -> String {
    serde_json::to_string(note).expect("a note is strings and numbers only")
}

/// Adds the counts of the target with the smallest ones to [`OTHERS`]; false when none is left.
fn fold_smallest(by_target: &mut BTreeMap<String, Ended>) -> bool {
    let smallest = by_target
        .iter()
        .filter(|(name, _)| name.as_str() != OTHERS)
        .min_by_key(|(_, counts)| counts.iter().sum::<u64>())
        .map(|(name, _)| name.clone());
    let Some((_, counts)) = smallest.and_then(|name| by_target.remove_entry(&name)) else { return false };
    let others = by_target.entry(OTHERS.to_owned()).or_default();
    for (sum, count) in others.iter_mut().zip(counts) {
        *sum += count;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELIVERED: DeliveryResult = DeliveryResult::Delivered;

    #[test]
    fn the_position_waits_for_the_slowest_and_the_note_remembers_the_rest() {
        let mut progress = Progress::default();
        for offset in 0..6 {
            assert!(progress.take_in(Offset(offset)));
        }
        for offset in [1, 2, 5] {
            progress.end(Offset(offset), "a", DELIVERED);
        }
        let position = progress.position();
        assert_eq!(position.next_offset, Offset(0));
        let mut again = Progress::from_position(&position).unwrap();
        let redone: Vec<i64> = (0..6).filter(|offset| again.take_in(Offset(*offset))).collect();
        assert_eq!(redone, [0, 3, 4]);
        assert_eq!((again.taken_in(), again.in_flight()), (6, 3));
    }

    #[test]
    fn a_restart_before_the_ended_ones_came_by_again_forgets_nothing() {
        let mut progress = Progress::default();
        for offset in 0..4 {
            progress.take_in(Offset(offset));
        }
        progress.end(Offset(2), "a", DELIVERED);
        let mut again = Progress::from_position(&progress.position()).unwrap();
        let position = again.position();
        assert_eq!(position.next_offset, Offset(0));
        assert!(!Progress::from_position(&position).unwrap().take_in(Offset(2)));
    }

    #[test]
    fn gaps_between_offsets_do_not_hold_it_up() {
        let mut progress = Progress::default();
        for offset in [3, 7, 8] {
            progress.take_in(Offset(offset));
            progress.end(Offset(offset), "a", DELIVERED);
        }
        assert_eq!(progress.position().next_offset, Offset(9));
    }

    #[test]
    fn the_window_bounds_the_span() {
        let mut progress = Progress::default();
        assert!(!progress.is_full_for(Offset(100_000), 4_096));
        progress.take_in(Offset(10));
        assert!(!progress.is_full_for(Offset(10 + 4_095), 4_096));
        assert!(progress.is_full_for(Offset(10 + 4_096), 4_096));
    }

    #[test]
    fn the_fullest_note_with_many_targets_fits_and_keeps_its_sums() {
        let mut progress = Progress::default();
        for offset in 0..4_096 {
            progress.take_in(Offset(offset));
        }
        for offset in 1..4_096 {
            progress.end(Offset(offset), &format!("partner:some-rather-long-partner-name-{}", offset % 500), DELIVERED);
        }
        let position = progress.position();
        assert!(position.metadata.len() <= 4_096, "{}", position.metadata.len());
        let again = Progress::from_position(&position).unwrap();
        assert_eq!(again.settled, 4_095);
        assert_eq!(again.by_target.values().flatten().sum::<u64>(), 4_095);
    }

    #[test]
    fn a_note_that_cannot_be_read_is_an_error() {
        let position = Position { next_offset: Offset(5), metadata: "other".to_owned() };
        assert!(Progress::from_position(&position).is_err());
    }

    proptest! {
        /// Whatever ends in whatever order, with restarts between: each offset is taken in and ended once.
        #[test]
        fn each_offset_ends_once_over_restarts(rounds in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..30), 1..8)) {
            let total = 100i64;
            let mut ended = [0u32; 100];
            let mut position = Position::default();
            let mut rounds = rounds;
            rounds.push(vec![]);
            let last = rounds.len() - 1;
            for (round, picks) in rounds.into_iter().enumerate() {
                let mut progress = Progress::from_position(&position).unwrap();
                let mut open: Vec<i64> =
                    (position.next_offset.0..total).filter(|offset| progress.take_in(Offset(*offset))).collect();
                if round == last {
                    for offset in open.drain(..) {
                        ended[offset as usize] += 1;
                        progress.end(Offset(offset), "a", DELIVERED);
                    }
                }
                for pick in picks {
                    if open.is_empty() { break; }
                    let offset = open.swap_remove(pick.index(open.len()));
                    ended[offset as usize] += 1;
                    progress.end(Offset(offset), "a", DELIVERED);
                }
                position = progress.position();
                prop_assert_eq!(progress.taken_in(), 100);
            }
            prop_assert!(ended.iter().all(|count| *count == 1));
            prop_assert_eq!(position.next_offset, Offset(total));
        }
    }
}
