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

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates that follow the moon are announced year by year: a wrong one stops the clocks wrongly.
    #[test]
    fn the_default_holidays_are_those_that_are_certain_years_ahead() {
        let fixed = ["01-26", "08-15", "10-02", "12-25"];
        // Two days before Easter, which the Gregorian computus gives.
        let good_fridays = ["2026-04-03", "2027-03-26"];
        for calendar in default_calendars() {
            for year in ["2026", "2027"] {
                for day in fixed {
                    assert!(calendar.holidays.contains(&format!("{year}-{day}")), "{year}-{day}");
                }
            }
            for day in &calendar.holidays {
                assert!(fixed.contains(&&day[5..]) || good_fridays.contains(&day.as_str()), "{day}");
            }
        }
    }
}
