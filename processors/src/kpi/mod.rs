//! KPIs on event time: what entities, clocks and deliveries add to each measure, window by window.
//!
//! Four steps, each a pure function of topics:
//!
//! 1. [`entities`](self) keeps for each order, ticket and payment what happened to it, and *derives*
//!    from all of it what it adds to which KPI. When a fact comes late, out of order or twice, the
//!    difference to what was added before is sent: a measurement is taken out and put in elsewhere.
//!    So the sums depend on which facts there are, never on their order.
//!    A ticket tells the order that it is about through `hub.kpi.related`: another task may have that.
//! 2. Differences go to `hub.kpi.change`, keyed by KPI: one task sees all values of a dimension and
//!    can tell the k largest from the rest. Partials per partition would do without that topic, but
//!    the k largest of the sum are not those of the parts.
//! 3. The merging task adds them up in windows of five minutes, an hour, a day and ever since,
//!    `[start, end)`, and publishes what changed on `hub.kpi`.
//! 4. Panes of a minute close when their partition's event time is past them by the grace: later
//!    amendments are counted as `late` and change no figure.
//!
//! ```
//! use processors::kpi::{KPIS, Kpi};
//!
//! assert_eq!(Kpi::find("order_cycle"), Some(Kpi::OrderCycle));
//! assert!(KPIS.iter().all(|definition| !definition.help.is_empty()));
//! ```

mod catalog;
mod clocks;
mod deliveries;
mod entities;
mod labels;
mod merge;
mod order;
mod pause;
mod payment;
mod related;
mod send;
mod settings;
mod sketch;
mod story;
mod tally;
mod ticket;
mod told;
mod windows;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use topology::{StoreSpec, TopologyBuilder};

pub use catalog::{Definition, KPIS, Kpi, Measure};
pub use labels::{By, cut};
pub use related::TOPIC as RELATED_TOPIC;
pub use send::CHANGE_TOPIC;
pub(crate) use send::receive;
pub use settings::{KpiSettings, Size};
pub(crate) use tally::{Tally, Value};

use crate::burn::{self, Slo};
use crate::entity::order::DELIVERY_TOPIC;

/// The source of changes in the sub-topology `kpi`.
pub(crate) const CHANGE_SOURCE: &str = "kpi-change";

/// The topic of results.
pub const TOPIC: &str = "hub.kpi";

/// Adds the measuring of lifecycle facts to the sub-topology `sla` that reads them, that of outcomes
/// to `entity.order`, and the sub-topology `kpi` that adds up.
///
/// # Panics
/// When `sla` or `entity.order` has not been begun.
pub fn add_to(builder: &mut TopologyBuilder, settings: &Arc<KpiSettings>, slos: &Arc<Vec<Slo>>) {
    let of = settings.clone();
    builder
        .extend("sla")
        .expect("the clocks read the lifecycle")
        .source("kpi-related", related::TOPIC)
        .store(StoreSpec::key_value(entities::STORE))
        .processor("kpi-entities", &["sla-lifecycle", "kpi-related"], &[entities::STORE], &[], move || {
            Box::new(entities::Entities::new(of.clone()))
        })
        .sink(entities::SINK, CHANGE_TOPIC, &["kpi-entities"])
        .sink(entities::RELATED_SINK, related::TOPIC, &["kpi-entities"]);
    let of = settings.clone();
    builder
        .extend("entity.order")
        .expect("orders read the outcomes")
        .processor("kpi-deliveries", &[DELIVERY_TOPIC], &[], &[], move || {
            Box::new(deliveries::Deliveries::new(of.clone()))
        })
        .sink(deliveries::SINK, CHANGE_TOPIC, &["kpi-deliveries"]);
    let (of_clocks, of_merge, slos) = (settings.clone(), settings.clone(), slos.clone());
    let mut part = builder
        .sub_topology("kpi")
        .source("kpi-states", "hub.sla.state")
        .source("kpi-billing", "out.billing")
        .source(CHANGE_SOURCE, CHANGE_TOPIC)
        .store(StoreSpec::key_value(clocks::STORE));
    for store in merge::STORES {
        part = part.store(StoreSpec::ordered(store));
    }
    part.processor("kpi-clocks", &["kpi-states"], &[clocks::STORE], &[], move || {
        Box::new(clocks::Clocks::new(of_clocks.clone()))
    })
    .processor("kpi-billing-sent", &["kpi-billing"], &[], &[], || Box::<deliveries::BillingSent>::default())
    .processor("kpi-merge", &[CHANGE_SOURCE], &merge::STORES, &[], move || {
        Box::new(merge::Merge::new(of_merge.clone(), slos.clone()))
    })
    .sink(clocks::SINK, CHANGE_TOPIC, &["kpi-clocks"])
    .sink(deliveries::BILLING_SINK, CHANGE_TOPIC, &["kpi-billing-sent"])
    .sink(merge::SINK, TOPIC, &["kpi-merge"])
    .sink(merge::BURN_SINK, burn::TOPIC, &["kpi-merge"]);
}
