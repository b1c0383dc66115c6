//! Error budgets of SLOs: how fast each is spent, over several windows, on event time.
//!
//! An [`Slo`] says which share of a KPI shall be good over a period. What may be bad is its budget; the
//! *burn rate* is how many times faster than evenly over the period it goes. An alert fires when both a
//! long and a short window burn faster than its threshold, and the long one has events enough: a partner
//! with three calls a day is nobody's alarm. Thresholds follow from the share of the budget that may go in
//! the long window: `share * period / long`.
//!
//! A burn rate cannot exceed `1 / (1 - objective)`, so a threshold beyond that never fires. Such an alert is
//! refused:
//!
//! ```
//! use processors::burn::{Slo, SloFault, default_alerts};
//! use processors::kpi::{By, Kpi};
//!
//! let slo = |objective| Slo::new("on-time", (Kpi::OrderOnTime, By::All, None), objective, 30 * 86_400_000, 20, default_alerts());
//! assert!(slo(0.95).is_ok());
//! assert!(matches!(slo(0.92).unwrap_err(), SloFault::NeverFires { .. }));
//! ```

mod defaults;
mod rate;
mod slo;

pub use defaults::{default_alerts, default_slos};
pub(crate) use rate::{Counts, rate};
pub use slo::{Alert, Severity, Slo, SloFault};

/// The topic of burn rates.
pub const TOPIC: &str = "hub.sla.burn";
