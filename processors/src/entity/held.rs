//! Events that wait: for the entity they refer to (parked), or for an earlier one (buffered).
//!
//! Each is kept whole in an ordered store under its entity's key and its number of arrival, with
//! the place it was taken from, so that it can be settled or given up later. A buffered one has a
//! durable timer of its own; parked ones end with their entity's gate.

use bytes::Bytes;
use schemas::Timestamp;
use serde::{Deserialize, Serialize};
use topology::{Clock, Context, Fate, Fault, Origin, Outcome, Record, StoreHandle, TypedStore, Waiting};

use super::{Head, dedupe::Identity};

/// An event that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Where it was taken from.
    pub origin: Origin,
    /// Its record's key.
    pub key: Option<Bytes>,
    /// Its record's value.
    pub value: Bytes,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it is known by.
    pub identity: Identity,
    /// Where it is counted as waiting.
    pub waiting: Waiting,
    /// When it is given its last chance; `None` while its entity's gate decides.
    pub deadline: Option<Timestamp>,
}

/// The store of the events that wait in one sub-topology.
#[derive(Clone, Copy, Debug)]
pub struct HeldStore {
    handle: StoreHandle,
    store: TypedStore<Held>,
}

/// The first byte of the timer keys of held events.
pub const HELD_TIMER: u8 = b'H';

impl HeldStore {
    /// Over a store of the ordered kind.
    pub fn new(handle: StoreHandle) -> Self {
        Self { handle, store: TypedStore::new(handle) }
    }

    /// Keeps an event of `entity`.
    ///
    /// # Errors
    /// `Stop` when it cannot be written.
    pub fn hold(
        &self,
        context: &mut Context<'_>,
        entity: &[u8],
        owner: &mut Head,
        record: &Record,
        held: (Timestamp, Identity, Waiting, Option<Timestamp>),
    ) -> Result<(), Fault> {
        let (occurred_at, identity, waiting, deadline) = held;
        let key = store_key(entity, owner.arrivals);
        owner.arrivals = owner.arrivals.wrapping_add(1);
        owner.held += 1;
        if let Some(deadline) = deadline {
            context.schedule(Clock::Wall, deadline, &timer_key(&key));
        }
        let held = Held {
            origin: context.origin(),
            key: record.key.clone(),
            value: record.value.clone().unwrap_or_default(),
            occurred_at,
            identity,
            waiting,
            deadline,
        };
        self.store.put(context, &key, &held)
    }

    /// The events of `entity` that wait, by occurrence, then by arrival.
    ///
    /// # Errors
    /// `Stop` when one cannot be read back.
    pub fn of(&self, context: &mut Context<'_>, entity: &[u8]) -> Result<Vec<(Bytes, Held)>, Fault> {
        let mut prefix = Vec::with_capacity(entity.len() + 1);
        prefix.extend_from_slice(entity);
        prefix.push(0);
        let mut found = Vec::new();
        for (key, value) in context.prefix(self.handle, &prefix, usize::MAX) {
            found.push((key, topology::decode_value::<Held>(&value)?));
        }
        found.sort_by_key(|(_, held)| held.occurred_at);
        Ok(found)
    }

    /// One event that waits.
    ///
    /// # Errors
    /// `Stop` when it cannot be read back.
    pub fn get(&self, context: &mut Context<'_>, key: &[u8]) -> Result<Option<Held>, Fault> {
        self.store.get(context, key)
    }

    /// Lets a parked event wait on for an earlier one.
    ///
    /// # Errors
    /// `Stop` when it cannot be written.
    pub fn defer(
        &self,
        context: &mut Context<'_>,
        key: &[u8],
        held: &mut Held,
        deadline: Timestamp,
    ) -> Result<(), Fault> {
        context.schedule(Clock::Wall, deadline, &timer_key(key));
        held.deadline = Some(deadline);
        self.store.put(context, key, held)
    }

    /// Ends an event's wait.
    pub fn settle(&self, context: &mut Context<'_>, owner: &mut Head, key: &[u8], held: &Held, outcome: Outcome) {
        if let Some(deadline) = held.deadline {
            context.cancel(Clock::Wall, deadline, &timer_key(key));
        }
        self.store.delete(context, key);
        owner.held = owner.held.saturating_sub(1);
        context.settle(&held.origin.topic, held.waiting, outcome);
    }

    /// Ends an event's wait without success, and forgets that it was seen: it may be sent again.
    pub fn give_up(&self, context: &mut Context<'_>, owner: &mut Head, key: &[u8], held: &Held, fault: &Fault) {
        context.give_up(fault, &held.origin, held.key.clone(), Some(held.value.clone()));
        owner.seen.forget(held.identity);
        let outcome = if fault.fate == Fate::DeadLetter { Outcome::DeadLettered } else { Outcome::Quarantined };
        self.settle(context, owner, key, held, outcome);
    }
}

fn store_key(entity: &[u8], arrival: u32) -> Vec<u8> {
    [entity, &[0], &arrival.to_be_bytes()].concat()
}

fn timer_key(key: &[u8]) -> Vec<u8> {
    [&[HELD_TIMER], key].concat()
}

/// The entity of a held event's key.
pub fn entity_of(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(5)]
}
