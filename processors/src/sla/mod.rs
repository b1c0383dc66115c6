//! SLA clocks: how much of its time an entity has used, with warnings before and violations after.
//!
//! Objectives and calendars are data ([`ObjectiveSpec`], [`CalendarSpec`]), checked whole by
//! [`SlaSettings::new`]. The processor reads lifecycle facts and keeps, for each entity, its
//! transitions in the order in which they happened; every clock is derived from them, so that a
//! fact that comes late amends what was said before. One durable timer for each entity waits for
//! the next warning or breach of any of its clocks.
//!
//! ```
//! use processors::sla::{CalendarSpec, ObjectiveSpec, SlaSettings, default_calendars, default_objectives};
//!
//! let settings = SlaSettings::new(default_objectives(), default_calendars()).unwrap();
//! let new_year = schemas::Timestamp(1_767_225_600_000);
//! assert!(settings.warnings(new_year).is_empty());
//!
//! let mut wrong = default_objectives();
//! wrong[0].stop = vec!["complted".into()];
//! let faults = SlaSettings::new(wrong, default_calendars()).unwrap_err();
//! assert_eq!(faults[0].help.as_deref(), Some(r#"nearest: "completed""#));
//! ```

mod calendar;
mod calendar_check;
mod check;
mod defaults;
mod entry;
mod error;
mod escalation;
mod ladder;
mod ledger;
mod objective;
mod processor;
mod publish;
mod report;
mod settings;
mod sight;
mod spec;
mod state;
mod sweep;
mod verdict;
mod versions;

#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use defaults::{DEFAULT_SLA_TOML, default_calendars, default_objectives};
pub use error::{SlaCode, SlaError, SlaPart};
pub(crate) use escalation::ESCALATION_TOPIC;
pub use ledger::{ClockLedger, EntityLedger, LedgerLine, LineKind, explain};
pub use objective::OnReopen;
pub(crate) use processor::DEGRADATION_TOPIC;
pub use processor::{STORE, add_to};
pub use settings::SlaSettings;
pub(crate) use sight::{Sight, has_clocks, sights};
pub use spec::{CalendarSpec, ClockKind, ObjectiveSpec, StartSpec};
