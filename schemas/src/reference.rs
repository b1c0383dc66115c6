//! Reference data: customers (TMF629), offerings (TMF620) and partners (TMF632, TMF669).

use serde::{Deserialize, Serialize};

use crate::{Envelope, Extra, Timestamp};

/// What a canonical event of reference data tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceChange {
    /// The entity exists now.
    Created,
    /// Attributes changed; absent fields are unchanged.
    AttributeChanged,
    /// The state changed.
    StateChanged,
    /// The entity was deleted at its source.
    Deleted,
}

/// A canonical event of `hub.customer`, keyed by the customer's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: ReferenceChange,
    /// The customer as far as the event names it.
    pub customer: Customer,
}

/// A customer, whole or in part. Personal attributes (name, contact) stay in `extra`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// The customer's id, the topic key.
    pub id: String,
    /// Free text: `Approved`, `validated`, ...
    #[serde(default)]
    pub status: Option<String>,
    /// The class that SLA targets depend on (`gold`, `enterprise`, ...), from a characteristic
    /// named `customerClass` or `segment`.
    #[serde(default)]
    pub class: Option<String>,
    /// The licence service area or circle.
    #[serde(default)]
    pub circle: Option<String>,
    /// Accounts of the customer.
    #[serde(default)]
    pub account_ids: Vec<String>,
    /// Fields that the reader does not know, and personal ones.
    #[serde(default)]
    pub extra: Extra,
}

/// A canonical event of `hub.catalog`, keyed by the offering's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: ReferenceChange,
    /// The offering as far as the event names it.
    pub offering: Offering,
}

/// A version of a product offering, whole or in part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offering {
    /// The offering's id, the topic key.
    pub id: String,
    /// The version's name; empty where none is given.
    #[serde(default)]
    pub version: String,
    /// The offering's name.
    #[serde(default)]
    pub name: Option<String>,
    /// `lifecycleStatus` as sent.
    #[serde(default)]
    pub status: Option<String>,
    /// Valid from this instant; open when absent.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Valid until just before this instant; open when absent.
    #[serde(default)]
    pub valid_to: Option<Timestamp>,
    /// The class that SLA targets depend on (`mobile`, `fibre`, `vas`, ...), from a characteristic
    /// named `slaClass` or the first category's name.
    #[serde(default)]
    pub sla_class: Option<String>,
    /// The partner that owns the offering.
    #[serde(default)]
    pub partner_id: Option<String>,
    /// What billing calls it, from a characteristic named `billingCode`.
    #[serde(default)]
    pub billing_code: Option<String>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// A canonical event of `hub.partner`, keyed by the partner's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartnerEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: ReferenceChange,
    /// The partner as far as the event names it.
    pub partner: Partner,
}

/// A partner, whole or in part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partner {
    /// The partner's id, the topic key.
    pub id: String,
    /// The organisation's trading name.
    #[serde(default)]
    pub name: Option<String>,
    /// Free text: `initialized`, `validated`, `closed`, ...
    #[serde(default)]
    pub status: Option<String>,
    /// The kind of partner (`logistics`, `vas`, ...), from the party role's name.
    #[serde(default)]
    pub role: Option<String>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}
