//! What can be set of scorecards.

use jiff::tz::TimeZone;

use super::period::PeriodKind;

/// What can be set of one part of the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSettings {
    /// Its name.
    pub name: &'static str,
    /// How much it weighs beside the others; 0 leaves it out of the score.
    pub weight: u32,
    /// The share that is asked for, in millionths.
    pub target_ppm: i64,
}

/// What can be set.
#[derive(Clone, Debug)]
pub struct ScoreSettings {
    /// What a card is of.
    pub period: PeriodKind,
    /// Whose days count.
    pub time_zone: TimeZone,
    /// A part that measured less than this has no share.
    pub min_events: i64,
    /// For how long after its end a period is provisional.
    pub grace_ms: i64,
    /// How often a card that changed is told.
    pub publish_ms: i64,
    /// For how long after its end a period is remembered.
    pub kept_ms: i64,
    /// The parts, in the order in which they are told.
    pub parts: [PartSettings; 5],
}

impl Default for ScoreSettings {
    /// Months of India, an hour of grace, 20 events, every part weighing the same.
    fn default() -> Self {
        let part = |name, target_ppm| PartSettings { name, weight: 1, target_ppm };
        Self {
            period: PeriodKind::Month,
            time_zone: TimeZone::get("Asia/Kolkata").unwrap_or(TimeZone::UTC),
            min_events: 20,
            grace_ms: 3_600_000,
            publish_ms: 5_000,
            kept_ms: 400 * 86_400_000,
            parts: [
                part("acknowledgement", 950_000),
                part("completion", 950_000),
                part("availability", 995_000),
                part("disputes", 980_000),
                part("data_quality", 980_000),
            ],
        }
    }
}
