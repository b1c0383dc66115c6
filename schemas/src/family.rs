//! The families of events, each with its canonical topic.

use serde::{Deserialize, Serialize};

/// What an event is about. Each family has one canonical topic, keyed by the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Product orders and their cancellation tasks (TMF622), keyed by order id.
    Order,
    /// Floworx process and task flows (TMF701), keyed by the order id they work for.
    Flow,
    /// Trouble tickets (TMF621), keyed by ticket id.
    Ticket,
    /// Payments, refunds, bills and billing accounts (TMF676, 678, 666), keyed by account id.
    Account,
    /// Customers (TMF629), keyed by customer id.
    Customer,
    /// Product offerings (TMF620), keyed by offering id.
    Catalog,
    /// Partners (TMF632 organisations, TMF669 party roles), keyed by partner id.
    Partner,
}

impl Family {
    /// Every family, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Order, Self::Flow, Self::Ticket, Self::Account, Self::Customer, Self::Catalog, Self::Partner];

    /// The name used in configuration, metrics and headers: `order`, `ticket`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Flow => "flow",
            Self::Ticket => "ticket",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::Catalog => "catalog",
            Self::Partner => "partner",
        }
    }

    /// The canonical topic: `hub.order`, `hub.ticket`, ...
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Order => "hub.order",
            Self::Flow => "hub.flow",
            Self::Ticket => "hub.ticket",
            Self::Account => "hub.account",
            Self::Customer => "hub.customer",
            Self::Catalog => "hub.catalog",
            Self::Partner => "hub.partner",
        }
    }

    /// The family with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}
