//! From a change to its lifecycle fact and what the routes make of it.

use std::sync::Arc;

use bytes::Bytes;
use schemas::{Envelope, LifecycleFact, Timestamp};
use topology::{Context, InitContext, SinkHandle, TopologyError};

use crate::route::{CHANGES, EntityView, Routed, Router, Subject};

/// What happened to an entity, before it is a fact.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What happened: `created`, `state_changed`, ...
    pub name: &'static str,
    /// The state before and whether the entity has left it: facts without a transition name no
    /// states, so that no route takes them for one.
    pub from: Option<&'a str>,
    /// Whether the state is another one now.
    pub moved: bool,
    /// The event type that caused it.
    pub event_type: &'a str,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the hub took its cause in.
    pub ingested_at: Timestamp,
}

impl<'a> Change<'a> {
    /// A change that an event caused.
    pub fn new(name: &'static str, from: Option<&'a str>, moved: bool, envelope: &'a Envelope) -> Self {
        Self {
            name,
            from,
            moved,
            event_type: &envelope.event_type,
            occurred_at: envelope.occurred_at,
            ingested_at: envelope.ingested_at,
        }
    }
}

/// Publishes facts and what the routes make of them.
pub struct Publisher {
    routes: Arc<Router>,
    lifecycle: SinkHandle,
    billing: SinkHandle,
    floworx: SinkHandle,
    partner: SinkHandle,
    notification: SinkHandle,
    /// What the routes made of the last fact; kept to reuse its memory.
    routed: Vec<Routed>,
}

impl Publisher {
    /// Not connected yet: call [`init`](Self::init).
    pub fn new(routes: Arc<Router>) -> Self {
        Self {
            routes,
            lifecycle: SinkHandle::default(),
            billing: SinkHandle::default(),
            floworx: SinkHandle::default(),
            partner: SinkHandle::default(),
            notification: SinkHandle::default(),
            routed: Vec::new(),
        }
    }

    /// Resolves the sinks, named as in [`SINKS`](super::SINKS).
    ///
    /// # Errors
    /// When a sink is not connected.
    pub fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.lifecycle = init.sink("lifecycle")?;
        self.billing = init.sink("billing")?;
        self.floworx = init.sink("floworx")?;
        self.partner = init.sink("partner")?;
        self.notification = init.sink("notification")?;
        Ok(())
    }

    /// Completes the fact with its identity, sends it, and offers it to the routes. `fact` brings
    /// the entity's kind, id, attributes and doubts; `version` counts the entity's facts.
    pub fn publish(
        &mut self,
        context: &mut Context<'_>,
        version: &mut i64,
        change: Change<'_>,
        mut fact: LifecycleFact,
        entity: EntityView<'_>,
    ) {
        debug_assert!(CHANGES.contains(&change.name), "conditions cannot name {:?}", change.name);
        *version += 1;
        fact.version = *version;
        fact.fact_id = format!("{}:{}#{}", fact.entity_kind, fact.entity_id, fact.version);
        change.event_type.clone_into(&mut fact.event_type);
        change.name.clone_into(&mut fact.change);
        if change.moved {
            fact.from_state = change.from.map(str::to_owned);
        } else {
            fact.to_state = None;
        }
        fact.occurred_at = change.occurred_at;
        fact.ingested_at = change.ingested_at;

        // The key is the fact's id up to its version.
        let key_bytes = fact.entity_kind.len() + 1 + fact.entity_id.len();
        let key = Bytes::copy_from_slice(&fact.fact_id.as_bytes()[..key_bytes]);
        let value = Bytes::from(schemas::encode(&fact));
        context.send_at(self.lifecycle, Some(key), Some(value), fact.occurred_at);

        self.routes.route(&Subject { fact: &fact, entity }, &mut self.routed);
        for routed in self.routed.drain(..) {
            let sink = match &routed {
                Routed::Billing(_) => self.billing,
                Routed::Floworx(_) => self.floworx,
                Routed::Partner(_) => self.partner,
                Routed::Notification(_) => self.notification,
            };
            context.send_at(sink, Some(routed.key()), Some(routed.encode()), fact.occurred_at);
        }
    }
}
