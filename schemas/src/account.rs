//! Billing accounts, bills, payments and refunds (TMF666, TMF678, TMF676).

use serde::{Deserialize, Serialize};

use crate::{Envelope, Extra, Money, Timestamp};

/// The status of a payment or refund (TMF676; `canceled` and `cancelled` are one, trap T14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF676's own
pub enum PaymentState {
    PendingAuthorization,
    Authorized,
    Captured,
    Done,
    Failed,
    Canceled,
    Denied,
}

/// The state of a customer bill (TMF678).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are TMF678's own
pub enum BillState {
    New,
    OnHold,
    Validated,
    Sent,
    PartiallyPaid,
    Settled,
}

/// What a canonical account event tells about its entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountChange {
    /// The entity exists now.
    Created,
    /// Attributes changed; absent fields are unchanged.
    AttributeChanged,
    /// The state or status changed (both spellings, trap T6).
    StateChanged,
    /// The entity was deleted at its source.
    Deleted,
}

/// Which entity of an account an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountEntityKind {
    /// A billing account (TMF666).
    BillingAccount,
    /// A customer bill (TMF678).
    Bill,
    /// A payment (TMF676).
    Payment,
    /// A refund (TMF676).
    Refund,
}

/// A canonical event of `hub.account`, keyed by the billing account's id. Exactly one of the
/// four entities is set, the one `kind` names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountEvent {
    /// The common envelope.
    pub envelope: Envelope,
    /// What this event tells.
    pub change: AccountChange,
    /// Which entity it is about.
    pub kind: AccountEntityKind,
    /// The billing account's id, the topic key.
    pub account_id: String,
    /// Set for [`AccountEntityKind::BillingAccount`].
    #[serde(default)]
    pub billing_account: Option<BillingAccount>,
    /// Set for [`AccountEntityKind::Bill`].
    #[serde(default)]
    pub bill: Option<Bill>,
    /// Set for [`AccountEntityKind::Payment`] and [`AccountEntityKind::Refund`].
    #[serde(default)]
    pub payment: Option<Payment>,
}

/// A billing account, whole or in part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BillingAccount {
    /// The account's id.
    pub id: String,
    /// Free text: `Active`, `Suspended`, ...
    #[serde(default)]
    pub state: Option<String>,
    /// `prepaid` or `postpaid`.
    #[serde(default)]
    pub rating_type: Option<String>,
    /// `due`, `paid`, `in arrears`.
    #[serde(default)]
    pub payment_status: Option<String>,
    /// The related party with a customer role.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// `lastModified`, the version guard.
    #[serde(default)]
    pub last_modified: Option<Timestamp>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// A customer bill, whole or in part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// The bill's id.
    pub id: String,
    /// The state after the change (`state` or `status`, trap T6).
    #[serde(default)]
    pub state: Option<BillState>,
    /// The bill's number for people.
    #[serde(default)]
    pub bill_no: Option<String>,
    /// When the bill was made.
    #[serde(default)]
    pub bill_date: Option<Timestamp>,
    /// When it must be paid.
    #[serde(default)]
    pub payment_due_date: Option<Timestamp>,
    /// `amountDue` or `taxIncludedAmount`.
    #[serde(default)]
    pub amount_due: Option<Money>,
    /// What is still open.
    #[serde(default)]
    pub remaining_amount: Option<Money>,
    /// The related party with a customer role.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}

/// A payment or a refund, whole or in part. Card data never gets this far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment's or refund's id.
    pub id: String,
    /// The status after the change.
    #[serde(default)]
    pub state: Option<PaymentState>,
    /// The idempotency token of the paying system.
    #[serde(default)]
    pub correlator_id: Option<String>,
    /// `totalAmount`, else `amount`.
    #[serde(default)]
    pub amount: Option<Money>,
    /// When it was made.
    #[serde(default)]
    pub payment_date: Option<Timestamp>,
    /// When the status changed.
    #[serde(default)]
    pub status_date: Option<Timestamp>,
    /// The channel's name or id.
    #[serde(default)]
    pub channel: Option<String>,
    /// Bills this payment is for.
    #[serde(default)]
    pub bill_ids: Vec<String>,
    /// For a refund, the payment that is refunded.
    #[serde(default)]
    pub refunded_payment_id: Option<String>,
    /// The paying party.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// Fields that the reader does not know.
    #[serde(default)]
    pub extra: Extra,
}
