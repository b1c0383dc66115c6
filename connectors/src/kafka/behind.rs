//! How far behind a position is, where offsets may hold no record: those of transactions' ends, and of what was aborted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use topology::{LogError, Offset, TopicPartition};

use super::reader::Owner;
use super::shared::Shared;

/// Up to so many offsets are often those of transactions' ends only.
const FEW: i64 = 16;

/// What was found when it was looked last.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<Place, Look>>);

/// A partition, and the next offset that is to be read.
type Place = (TopicPartition, Offset);

#[derive(Clone, Copy)]
struct Look {
    end: Offset,
    /// Whether there is a record before the end, where that was asked.
    is_behind: Option<bool>,
}

impl Looks {
    /// How many offsets lie between each place and the end of its partition, which comes after it here; 0 where none of
    /// them holds a record. Reading tells that, and is done where it is likely, and where nothing has moved since the
    /// last look: an aborted transaction may leave any number of offsets, behind which nobody writes for hours.
    pub(super) fn behind(&self, shared: &Shared, places: &[(Place, Offset)]) -> Result<Vec<u64>, LogError> {
        let before = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let is_first = before.is_empty();
        let count = |place: &Place, end: Offset| (end.0 - place.1.0).max(0);
        let known = |place: &Place, end: Offset| before.get(place).filter(|look| look.end == end);
        let is_asked = |(place, end): &(Place, Offset)| {
            let stands_still = is_first || known(place, *end).is_some_and(|look| look.is_behind.is_none());
            let count = count(place, *end);
            count > 0 && (count <= FEW || stands_still)
        };
        // All at once: each that begins anew takes some 100 ms, and who reads one record of many partitions every
        // second begins anew each time.
        let asked: Vec<bool> = places.iter().map(is_asked).collect();
        let read = places.iter().zip(&asked).filter(|(_, is_asked)| **is_asked).map(|((place, _), _)| place.clone());
        shared.readers().prefetch(shared, Owner::Lag, &read.collect::<Vec<_>>());
        let mut looks = HashMap::with_capacity(places.len());
        let mut behind = Vec::with_capacity(places.len());
        for ((place, end), is_asked) in places.iter().zip(asked) {
            let mut look = Look { end: *end, is_behind: known(place, *end).and_then(|look| look.is_behind) };
            if is_asked {
                let mut records = Vec::new();
                let read_to = shared.readers().read(shared, Owner::Lag, &place.0, place.1, 1, &mut records);
                // A read that got nowhere has seen nothing: it says neither.
                look.is_behind = match read_to {
                    Ok(_) if !records.is_empty() => Some(true),
                    Ok(to) if to >= *end => Some(false),
                    Ok(_) => None,
                    Err(error) => {
                        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = before;
                        return Err(error);
                    }
                };
            }
            behind.push(if look.is_behind == Some(false) { 0 } else { count(place, *end) as u64 });
            looks.insert(place.clone(), look);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = looks;
        Ok(behind)
    }
}
