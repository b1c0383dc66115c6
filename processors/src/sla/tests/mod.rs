//! Clocks driven by facts and by time.

mod calendar;
mod driver;
mod escalation;
mod faults;
mod ledger;
mod naive;
mod rebalances;
mod report;
mod scenarios;
mod sweep;
mod terms;
