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

    /// The targets of the default set, by who is promised what.
    #[test]
    fn the_default_targets_are_those_of_the_rules() {
        let objectives = default_objectives();
        let target = |name: &str| {
            let found = objectives.iter().find(|spec| spec.name == name).expect(name);
            (found.target.as_str(), found.clock == crate::sla::ClockKind::Business, found.valid_from.as_deref())
        };
        for (name, days, is_working, since) in [
            ("order-completion", "4h", false, None),
            ("fibre-completion", "7d", true, None),
            ("order-on-time", "fact.due_at", false, None),
            ("order-termination", "7d", true, Some("2024-10-01")),
            ("mnp-port-in", "3d", true, Some("2019-12-16")),
            ("mnp-port-out", "3d", true, Some("2019-12-16")),
            ("ticket-first-response", "15m", false, None),
            ("ticket-resolution", "3d", true, None),
            ("billing-complaint", "28d", false, None),
            ("credit-after-resolution", "7d", false, None),
            ("appeal", "39d", false, None),
        ] {
            assert_eq!(target(name), (days, is_working, since), "{name}");
        }
    }
}
