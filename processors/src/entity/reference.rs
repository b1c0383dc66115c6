//! What customers, offerings and partners have in common: facts of reference data.

use schemas::{Family, LifecycleFact, ReferenceChange, Timestamp};

use super::Head;

/// A fact that names its entity and nothing else yet.
pub fn bare_fact(family: Family, kind: &str, id: &str, head: &Head) -> LifecycleFact {
    LifecycleFact {
        fact_id: String::new(),
        family,
        entity_kind: kind.to_owned(),
        entity_id: id.to_owned(),
        version: 0,
        event_type: String::new(),
        change: String::new(),
        from_state: None,
        to_state: None,
        occurred_at: Timestamp::default(),
        ingested_at: Timestamp::default(),
        created_at: None,
        due_at: None,
        customer_id: None,
        customer_class: None,
        account_id: None,
        partner_ids: Vec::new(),
        class: None,
        category: None,
        priority: None,
        circle: None,
        channel: None,
        flags: head.flag_names(),
        order_id: None,
    }
}

/// The change's name in facts.
pub const fn change_name(change: ReferenceChange) -> &'static str {
    match change {
        ReferenceChange::Created => "created",
        ReferenceChange::AttributeChanged => "attribute_changed",
        ReferenceChange::StateChanged => "state_changed",
        ReferenceChange::Deleted => "deleted",
    }
}
