//! Scorecards: how well each partner did in a day, a week or a month.
//!
//! What is measured of a partner is what the KPIs measure, amendments included: every change to one of a card's KPIs
//! is sent on by partner, and one task adds up each partner's periods. A card is provisional until its period has been
//! over for the grace, final then, and told anew with a higher revision where something late still amends it.
//!
//! | part | share of | of |
//! |---|---|---|
//! | acknowledgement | deliveries taken within the time agreed | deliveries that were taken, or given up for the partner's fault |
//! | completion | clocks that ended in time | clocks on what the partner has a part in |
//! | availability | good calls | calls that could be good |
//! | disputes | orders without a ticket that names the partner | orders that ended |
//! | data_quality | orders whose facts had no doubt | orders that ended |
//!
//! Where the period is configured anew, cards under way are finished as they were begun, and what happens from then on
//! goes to cards of the new kind. After a change of the time zone alone, a card under way goes on under its name.
//!
//! Whose fault a failed delivery was is decided as for the KPIs: what the partner refused for what we sent counts in no
//! part, and is told beside them. A part that has too little to go by has no share, and no weight in the score.

mod card;
mod eras;
mod period;
mod processor;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use topology::{StoreSpec, TopologyBuilder};

pub use period::{Period, PeriodKind};
pub use settings::{PartSettings, ScoreSettings};

use crate::kpi;

/// The topic of scorecards, keyed `partner|period`.
pub const TOPIC: &str = "hub.scorecard";
/// The topic of changes, keyed by the partner.
pub const CHANGE_TOPIC: &str = "hub.score.change";

/// Adds the sending on to the sub-topology `kpi`, and the sub-topology `score`.
///
/// # Panics
/// When `kpi` has not been begun.
pub fn add_to(builder: &mut TopologyBuilder, settings: &Arc<ScoreSettings>) {
    builder
        .extend("kpi")
        .expect("KPIs add changes up")
        .processor("score-split", &[kpi::CHANGE_SOURCE], &[], &[], || Box::<processor::Split>::default())
        .sink(processor::SPLIT_SINK, CHANGE_TOPIC, &["score-split"]);
    let settings = settings.clone();
    builder
        .sub_topology("score")
        .source("score-change", CHANGE_TOPIC)
        .store(StoreSpec::key_value(processor::STORE))
        .store(StoreSpec::key_value(processor::ERA_STORE))
        .processor("score-cards", &["score-change"], &[processor::STORE, processor::ERA_STORE], &[], move || {
            Box::new(processor::Cards::new(settings.clone()))
        })
        .sink(processor::SINK, TOPIC, &["score-cards"]);
}
