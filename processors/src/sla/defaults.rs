//! The objectives and the calendar that a new configuration starts with.

use super::{CalendarSpec, ObjectiveSpec};

/// The objectives and calendars that a new configuration starts with, as they stand in it.
pub const DEFAULT_SLA_TOML: &str = include_str!("defaults.toml");

#[derive(serde::Deserialize)]
struct Sla {
    objectives: Vec<ObjectiveSpec>,
    calendars: Vec<CalendarSpec>,
}

fn defaults() -> Sla {
    toml::from_str(DEFAULT_SLA_TOML).expect("a test reads the default objectives")
}

/// The objectives of [`DEFAULT_SLA_TOML`].
pub fn default_objectives() -> Vec<ObjectiveSpec> {
    defaults().objectives
}

/// The calendars of [`DEFAULT_SLA_TOML`].
pub fn default_calendars() -> Vec<CalendarSpec> {
    defaults().calendars
}
