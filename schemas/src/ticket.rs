//! Trouble tickets (TMF621 v4 and v5).

use serde::{Deserialize, Serialize};

use crate::{Envelope, Extra, Timestamp};

/// The state of a trouble ticket (TMF621).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF621's own
pub enum TicketState {
    Acknowledged,
    InProgress,
    Held,
    Pending,
    Resolved,
    Closed,
    Cancelled,
    Rejected,
}

/// What a canonical ticket event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketChange {
    /// The ticket exists now.
    Created,
    /// Attributes changed; absent fields are unchanged.
    AttributeChanged,
    /// The status changed.
    StatusChanged,
    /// The ticket was resolved (`TroubleTicketResolvedEvent`, may repeat a status change).
    Resolved,
    /// The ticket was deleted at its source.
    Deleted,
    /// The customer must supply something.
    InformationRequired,
}

/// A canonical event of `hub.ticket`, keyed by the ticket's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: TicketChange,
    /// The ticket as far as the event names it.
    pub ticket: Ticket,
}

/// A trouble ticket, whole or in part: an absent field is not said, not empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The ticket's id, the topic key.
    pub id: String,
    /// The status after the change.
    #[serde(default)]
    pub state: Option<TicketState>,
    /// `incident`, `complaint`, `request`, ...
    #[serde(default)]
    pub ticket_type: Option<String>,
    /// `Critical`, `Major`, `Minor` as sent.
    #[serde(default)]
    pub severity: Option<String>,
    /// `Critical`, `High`, `Medium`, `Low` as sent.
    #[serde(default)]
    pub priority: Option<String>,
    /// When the ticket was opened.
    #[serde(default)]
    pub creation_date: Option<Timestamp>,
    /// When the customer wants it resolved.
    #[serde(default)]
    pub requested_resolution_date: Option<Timestamp>,
    /// When the provider expects to resolve it.
    #[serde(default)]
    pub expected_resolution_date: Option<Timestamp>,
    /// When it was resolved.
    #[serde(default)]
    pub resolution_date: Option<Timestamp>,
    /// When the status changed.
    #[serde(default)]
    pub status_change_date: Option<Timestamp>,
    /// Why the status changed.
    #[serde(default)]
    pub status_change_reason: Option<String>,
    /// The related party with a customer role.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The related party with a partner or supplier role.
    #[serde(default)]
    pub partner_id: Option<String>,
    /// The product order named by `relatedEntity`.
    #[serde(default)]
    pub order_id: Option<String>,
    /// The licence service area or circle.
    #[serde(default)]
    pub circle: Option<String>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}
