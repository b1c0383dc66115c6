//! Finding repeats: which events an entity has seen, by source, event type and event id (trap T1).
//!
//! An event id alone is not unique in the field, not even within one entity, so the key holds the
//! event type too. The same key with another payload is not a repeat but a fault of the source.

use schemas::Envelope;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::fnv::{self, fnv};

/// Bytes of an entry: the key's hash and the payload's hash.
const ENTRY_BYTES: usize = 16;

/// What an event is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The hash of source, event type and event id.
    pub key: u64,
    /// The hash of the payload.
    pub payload: i64,
}

impl Identity {
    /// The identity of an event.
    pub fn of(envelope: &Envelope) -> Self {
        let mut key = fnv::OFFSET;
        for part in [&envelope.source, &envelope.event_type, &envelope.event_id] {
            key = fnv(fnv(key, part.bytes()), [0x1f]);
        }
        Self { key, payload: envelope.payload_hash }
    }
}

/// What the memory says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Not seen, or so long ago that it is forgotten.
    New,
    /// Seen, with the same payload.
    Repeated,
    /// Its id was seen with another payload.
    Reused,
}

/// The last events of one entity, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Vec<u8>);

impl Seen {
    /// Whether the event was seen before.
    pub fn look_up(&self, identity: Identity) -> Sight {
        let key = identity.key.to_le_bytes();
        match self.0.chunks_exact(ENTRY_BYTES).find(|entry| entry[..8] == key) {
            None => Sight::New,
            Some(entry) if entry[8..] == identity.payload.to_le_bytes() => Sight::Repeated,
            Some(_) => Sight::Reused,
        }
    }

    /// Remembers an event, and forgets the oldest beyond `limit`.
    pub fn remember(&mut self, identity: Identity, limit: usize) {
        self.0.reserve_exact(ENTRY_BYTES);
        self.0.extend_from_slice(&identity.key.to_le_bytes());
        self.0.extend_from_slice(&identity.payload.to_le_bytes());
        let excess = (self.0.len() / ENTRY_BYTES).saturating_sub(limit);
        self.0.drain(..excess * ENTRY_BYTES);
    }

    /// Forgets an event that was given up, so that it can be sent again.
    pub fn forget(&mut self, identity: Identity) {
        let key = identity.key.to_le_bytes();
        if let Some(index) = self.0.chunks_exact(ENTRY_BYTES).position(|entry| entry[..8] == key) {
            self.0.drain(index * ENTRY_BYTES..(index + 1) * ENTRY_BYTES);
        }
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl de::Visitor<'_> for Entries {
            type Value = Seen;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "entries of {ENTRY_BYTES} bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Seen, E> {
                if bytes.len().is_multiple_of(ENTRY_BYTES) {
                    Ok(Seen(bytes.to_vec()))
                } else {
                    Err(E::invalid_length(bytes.len(), &self))
                }
            }
        }
        deserializer.deserialize_bytes(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(source: &str, event_type: &str, id: &str, payload_hash: i64) -> Envelope {
        Envelope {
            source: source.into(),
            event_type: event_type.into(),
            event_id: id.into(),
            payload_hash,
            ..Envelope::default()
        }
    }

    #[test]
    fn one_id_under_two_event_types_is_two_events() {
        let mut seen = Seen::default();
        seen.remember(Identity::of(&envelope("crm", "ProductOrderMilestoneEvent", "129", 7)), 4);
        let other = Identity::of(&envelope("crm", "ProductOrderJeopardyAlertEvent", "129", 8));
        assert_eq!(seen.look_up(other), Sight::New);
        assert_eq!(
            seen.look_up(Identity::of(&envelope("crm", "ProductOrderMilestoneEvent", "129", 7))),
            Sight::Repeated
        );
        assert_eq!(seen.look_up(Identity::of(&envelope("crm", "ProductOrderMilestoneEvent", "129", 8))), Sight::Reused);
        assert_eq!(seen.look_up(Identity::of(&envelope("erp", "ProductOrderMilestoneEvent", "129", 8))), Sight::New);
    }

    #[test]
    fn the_parts_of_a_key_do_not_run_together() {
        assert_ne!(Identity::of(&envelope("a", "b", "c", 0)), Identity::of(&envelope("ab", "", "c", 0)));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut seen = Seen::default();
        let ids = [1, 2, 3, 4].map(|key| Identity { key, payload: 0 });
        for id in ids {
            seen.remember(id, 3);
        }
        assert_eq!(ids.map(|id| seen.look_up(id)), [Sight::New, Sight::Repeated, Sight::Repeated, Sight::Repeated]);
        seen.forget(ids[2]);
        assert_eq!(ids.map(|id| seen.look_up(id)), [Sight::New, Sight::Repeated, Sight::New, Sight::Repeated]);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv(fnv::OFFSET, *b"foobar"), 0x8594_4171_f739_67e8);
    }
}
