//! Who a measurement is about: the dimensions that KPIs are told by.

use schemas::LifecycleFact;
use serde::{Deserialize, Serialize};

/// A dimension. Stored entries hold its number: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum By {
    /// Everything together.
    All,
    /// Product class, ticket type.
    Class,
    /// Licence service area.
    Circle,
    /// Sales or payment channel.
    Channel,
    /// The customer's class.
    CustomerClass,
    /// Each partner that has a part in it.
    Partner,
    /// The SLA objective.
    Objective,
}

impl By {
    /// Every dimension, by its number.
    pub const ALL: [Self; 7] =
        [Self::All, Self::Class, Self::Circle, Self::Channel, Self::CustomerClass, Self::Partner, Self::Objective];

    /// Its name in records, metrics and configuration.
    pub fn name(self) -> &'static str {
        ["all", "class", "circle", "channel", "customer_class", "partner", "objective"][self as usize]
    }

    /// The dimension of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// What is told of the entity measured; an absent value counts in no row of its dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Product class, ticket type.
    pub class: Option<String>,
    /// Licence service area.
    pub circle: Option<String>,
    /// Channel.
    pub channel: Option<String>,
    /// The customer's class.
    pub customer_class: Option<String>,
    /// Partners.
    pub partners: Vec<String>,
    /// The SLA objective.
    pub objective: Option<String>,
}

impl Labels {
    /// Those of a fact.
    pub fn of(fact: &LifecycleFact) -> Self {
        Self {
            class: fact.class.clone(),
            circle: fact.circle.clone(),
            channel: fact.channel.clone(),
            customer_class: fact.customer_class.clone(),
            partners: fact.partner_ids.clone(),
            objective: None,
        }
    }

    /// Every row that a measurement with these labels counts in.
    pub fn rows(&self) -> impl Iterator<Item = (By, &str)> {
        fn one(by: By, value: &Option<String>) -> Option<(By, &str)> {
            value.as_deref().map(|value| (by, cut(value)))
        }
        let rows = [
            one(By::Class, &self.class),
            one(By::Circle, &self.circle),
            one(By::Channel, &self.channel),
            one(By::CustomerClass, &self.customer_class),
            one(By::Objective, &self.objective),
        ];
        let partners = self.partners.iter().map(|partner| (By::Partner, cut(partner)));
        [(By::All, "all")].into_iter().chain(rows.into_iter().flatten()).chain(partners)
    }
}

/// Values are free text of outside systems: a label has no need of more.
const VALUE_CHARS: usize = 64;

/// A value as rows and metrics have it: no longer than 64 characters.
///
/// ```
/// assert_eq!(processors::kpi::cut("P1"), "P1");
/// assert_eq!(processors::kpi::cut(&"x".repeat(70)).len(), 64);
/// ```
pub fn cut(value: &str) -> &str {
    value.char_indices().nth(VALUE_CHARS).map_or(value, |(end, _)| &value[..end])
}
