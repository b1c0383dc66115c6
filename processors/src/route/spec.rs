//! A route as the configuration says it.

use std::fmt;

use serde::Deserialize;

/// A route as the configuration says it; checked by [`Router::new`](super::Router::new).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// The route's name, unique; part of every delivery's idempotency key.
    pub name: String,
    /// Whose changes it looks at: a [`RouteFamily`] by name.
    pub family: String,
    /// The condition; empty for always.
    #[serde(default)]
    pub when: String,
    /// `billing`, `floworx`, `partner` or `notification`.
    pub target: String,
    /// For `partner`: a partner's id, or `each` for every partner on the entity. For
    /// `notification`: the notification target, `notification` where absent.
    #[serde(default)]
    pub partner: Option<String>,
    /// The fields that go along, by their dotted paths. Nothing else does.
    #[serde(default)]
    pub fields: Vec<String>,
    /// For `floworx`: the process flow specification to start.
    #[serde(default)]
    pub specification: Option<String>,
}

/// Whose changes a route looks at: the families of events, and the hub's own SLA violations and escalations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteFamily {
    /// Product orders.
    Order,
    /// Floworx flows.
    Flow,
    /// Trouble tickets.
    Ticket,
    /// Payments, refunds, bills and billing accounts.
    Account,
    /// Customers.
    Customer,
    /// Product offerings.
    Catalog,
    /// Partners.
    Partner,
    /// SLA violations.
    Sla,
    /// Steps of SLA ladders.
    Escalation,
}

impl RouteFamily {
    /// Every family, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Order,
        Self::Flow,
        Self::Ticket,
        Self::Account,
        Self::Customer,
        Self::Catalog,
        Self::Partner,
        Self::Sla,
        Self::Escalation,
    ];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Flow => "flow",
            Self::Ticket => "ticket",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::Catalog => "catalog",
            Self::Partner => "partner",
            Self::Sla => "sla",
            Self::Escalation => "escalation",
        }
    }

    /// The family with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl From<schemas::Family> for RouteFamily {
    fn from(family: schemas::Family) -> Self {
        match family {
            schemas::Family::Order => Self::Order,
            schemas::Family::Flow => Self::Flow,
            schemas::Family::Ticket => Self::Ticket,
            schemas::Family::Account => Self::Account,
            schemas::Family::Customer => Self::Customer,
            schemas::Family::Catalog => Self::Catalog,
            schemas::Family::Partner => Self::Partner,
        }
    }
}

impl fmt::Display for RouteFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Records for billing on `out.billing`.
    Billing,
    /// Commands for Floworx on `out.floworx`.
    Floworx,
    /// Webhooks to partners on `out.partner`.
    Partner,
    /// Notifications on `out.notification`.
    Notification,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Billing, Self::Floworx, Self::Partner, Self::Notification];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Floworx => "floworx",
            Self::Partner => "partner",
            Self::Notification => "notification",
        }
    }

    /// The target with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// The topic that the target's connector reads.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Billing => "out.billing",
            Self::Floworx => "out.floworx",
            Self::Partner => "out.partner",
            Self::Notification => "out.notification",
        }
    }
}
