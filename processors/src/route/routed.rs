//! What a route makes of a change: a record for one of the `out.*` topics.

use bytes::Bytes;
use schemas::{BillingRecord, FloworxCommand, PartnerDelivery};

use super::Target;

/// A record for one of the `out.*` topics.
#[derive(Clone, Debug, PartialEq)]
pub enum Routed {
    /// For `out.billing`.
    Billing(BillingRecord),
    /// For `out.floworx`.
    Floworx(FloworxCommand),
    /// For `out.partner`.
    Partner(PartnerDelivery),
    /// For `out.notification`.
    Notification(PartnerDelivery),
}

impl Routed {
    /// Where it goes.
    pub const fn target(&self) -> Target {
        match self {
            Self::Billing(_) => Target::Billing,
            Self::Floworx(_) => Target::Floworx,
            Self::Partner(_) => Target::Partner,
            Self::Notification(_) => Target::Notification,
        }
    }

    /// The record's key: what must keep its order at the target.
    pub fn key(&self) -> Bytes {
        match self {
            Self::Billing(record) => Bytes::from([record.family.name(), ":", &record.entity_id].concat().into_bytes()),
            Self::Floworx(command) if command.entity_kind == "order" => {
                Bytes::copy_from_slice(command.entity_id.as_bytes())
            }
            Self::Floworx(command) => {
                Bytes::from([command.entity_kind.as_str(), ":", &command.entity_id].concat().into_bytes())
            }
            Self::Partner(delivery) => Bytes::copy_from_slice(delivery.partner_id.as_bytes()),
            // All go to one target: only those of one entity must keep their order.
            Self::Notification(delivery) => {
                Bytes::from([delivery.entity_kind.as_str(), ":", &delivery.entity_id].concat().into_bytes())
            }
        }
    }

    /// The record's value, framed.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Billing(record) => schemas::encode(record),
            Self::Floworx(command) => schemas::encode(command),
            Self::Partner(delivery) | Self::Notification(delivery) => schemas::encode(delivery),
        }
        .into()
    }

    /// The idempotency key.
    pub fn delivery_id(&self) -> &str {
        match self {
            Self::Billing(record) => &record.delivery_id,
            Self::Floworx(command) => &command.delivery_id,
            Self::Partner(delivery) | Self::Notification(delivery) => &delivery.delivery_id,
        }
    }

    /// The payload: the route's allowed fields as a JSON object.
    pub fn payload(&self) -> &str {
        match self {
            Self::Billing(record) => &record.payload,
            Self::Floworx(command) => &command.payload,
            Self::Partner(delivery) | Self::Notification(delivery) => &delivery.payload,
        }
    }
}
