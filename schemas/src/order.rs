//! Product orders (TMF622 v4 and v5) and their cancellation tasks.

use serde::{Deserialize, Serialize};

use crate::{Envelope, Extra, Money, Timestamp};

/// The state of a product order or of one of its items (TMF622).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF622's own
pub enum OrderState {
    Draft,
    Acknowledged,
    Rejected,
    InProgress,
    Pending,
    Held,
    AssessingCancellation,
    PendingCancellation,
    Cancelled,
    Completed,
    Failed,
    Partial,
}

/// What a canonical order event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderChange {
    /// The order exists now.
    Created,
    /// Attributes changed; absent fields are unchanged.
    AttributeChanged,
    /// The state changed; usually a partial payload (trap T4).
    StateChanged,
    /// The order was deleted at its source.
    Deleted,
    /// The customer must supply something.
    InformationRequired,
    /// A milestone was reached.
    Milestone,
    /// Completion is in danger.
    JeopardyAlert,
    /// Fulfilment reported an error.
    ErrorMessage,
    /// A cancellation task was created.
    CancelRequested,
    /// A cancellation task changed its state.
    CancelStateChanged,
    /// A cancellation task needs information.
    CancelInformationRequired,
}

/// The state of a CancelProductOrder task (v4 and v5 names together, aliases resolved, trap T14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF622's own
pub enum CancelState {
    Acknowledged,
    Rejected,
    InProgress,
    Cancelled,
    Done,
    TerminatedWithError,
}

/// The action of an order item (TMF622).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF622's own
pub enum ItemAction {
    Add,
    Modify,
    Delete,
    NoChange,
}

/// A canonical event of `hub.order`, keyed by the order's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: OrderChange,
    /// The order as far as the event names it.
    pub order: Order,
    /// The cancellation task, for the three `Cancel…` changes.
    #[serde(default)]
    pub cancel: Option<CancelOrder>,
}

/// A product order, whole or in part: an absent field is not said, not empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The order's id, the topic key.
    pub id: String,
    /// The state after the change.
    #[serde(default)]
    pub state: Option<OrderState>,
    /// Free text such as `B2C product order` or `MNP-PORT-IN`.
    #[serde(default)]
    pub category: Option<String>,
    /// `"0"` is the highest, `"4"` the lowest.
    #[serde(default)]
    pub priority: Option<String>,
    /// The first sales channel's name or id.
    #[serde(default)]
    pub channel: Option<String>,
    /// `creationDate`, in v4 `orderDate` (trap T11).
    #[serde(default)]
    pub creation_date: Option<Timestamp>,
    /// When the customer wants the work to start.
    #[serde(default)]
    pub requested_start_date: Option<Timestamp>,
    /// When the customer wants the order to be complete.
    #[serde(default)]
    pub requested_completion_date: Option<Timestamp>,
    /// When the provider expects the order to be complete.
    #[serde(default)]
    pub expected_completion_date: Option<Timestamp>,
    /// When the order was completed.
    #[serde(default)]
    pub completion_date: Option<Timestamp>,
    /// When the order was cancelled.
    #[serde(default)]
    pub cancellation_date: Option<Timestamp>,
    /// Why the order was cancelled.
    #[serde(default)]
    pub cancellation_reason: Option<String>,
    /// The first external id (v4 `externalId`, v5 `externalId[0].id`).
    #[serde(default)]
    pub external_id: Option<String>,
    /// The related party with a customer role.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The billing account of the order or of its first item that names one.
    #[serde(default)]
    pub billing_account_id: Option<String>,
    /// The licence service area or circle, from the place or a characteristic named `circle`.
    #[serde(default)]
    pub circle: Option<String>,
    /// The order's total price where it is given, else the sum of its items' prices in one currency.
    #[serde(default)]
    pub total_price: Option<Money>,
    /// The items; in a state change only id and state are set (`itemStateChange`, trap T5).
    #[serde(default)]
    pub items: Vec<OrderItem>,
    /// Milestones named by the event.
    #[serde(default)]
    pub milestones: Vec<OrderNotice>,
    /// Jeopardy alerts named by the event.
    #[serde(default)]
    pub jeopardy_alerts: Vec<OrderNotice>,
    /// Error messages named by the event.
    #[serde(default)]
    pub error_messages: Vec<OrderNotice>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// One item of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// The item's id within the order.
    pub id: String,
    /// What is to be done.
    #[serde(default)]
    pub action: Option<ItemAction>,
    /// The item's state.
    #[serde(default)]
    pub state: Option<OrderState>,
    /// How many.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// The product offering's id.
    #[serde(default)]
    pub offering_id: Option<String>,
    /// The product's id, for a change of an existing one.
    #[serde(default)]
    pub product_id: Option<String>,
    /// The partner that fulfils the item, where a related party has a partner or supplier role.
    #[serde(default)]
    pub partner_id: Option<String>,
    /// The item's price, tax included.
    #[serde(default)]
    pub price: Option<Money>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// A milestone, jeopardy alert or error message of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderNotice {
    /// Its id, or the error's code.
    pub id: String,
    /// Milestone name, jeopardy type or error reason.
    #[serde(default)]
    pub name: Option<String>,
    /// Milestone status.
    #[serde(default)]
    pub status: Option<String>,
    /// When it was noted.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// A cancellation task (TMF622 CancelProductOrder).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// The task's id.
    pub id: String,
    /// The task's state.
    #[serde(default)]
    pub state: Option<CancelState>,
    /// Why the order shall be cancelled.
    #[serde(default)]
    pub reason: Option<String>,
}
