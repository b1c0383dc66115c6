//! What can be set of KPIs.

use std::time::Duration;

use crate::entity::EntitySettings;

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KpiSettings {
    /// For how long after its end a pane takes amendments, by the event time of its partition.
    pub grace_ms: i64,
    /// How often changed windows are published.
    pub publish_ms: i64,
    /// How many values of a dimension are told by name; the rest is `other`.
    pub top_k: usize,
    /// How many values of a dimension are told apart at all. New ones beyond it are `other` at once.
    pub values_max: usize,
    /// Channels whose payments are autopay attempts.
    pub autopay_channels: Vec<String>,
    /// Within how long of the hub's taking a change in a partner is to take its delivery, in milliseconds.
    pub acknowledge_ms: i64,
    /// The beginning of the names of objectives that porting is measured by.
    pub mnp_objective_prefix: String,
}

impl Default for KpiSettings {
    /// An hour of grace, five seconds between publications, 20 values by name, deliveries taken in two seconds.
    fn default() -> Self {
        Self {
            grace_ms: 3_600_000,
            publish_ms: 5_000,
            top_k: 20,
            values_max: 1_000,
            autopay_channels: EntitySettings::default().autopay_channels,
            acknowledge_ms: 2_000,
            mnp_objective_prefix: "mnp".into(),
        }
    }
}

/// The size of a window that is told, with how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Size {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
    /// Ever since: its counts are what counters are made of.
    Total,
    /// What has not ended.
    Open,
}

impl Size {
    /// Sizes that end.
    pub const WINDOWS: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];
    /// Every size, by its number.
    pub const ALL: [Self; 5] = [Self::FiveMinutes, Self::Hour, Self::Day, Self::Total, Self::Open];

    /// Its name in records and metrics.
    pub fn name(self) -> &'static str {
        ["5m", "1h", "1d", "total", "open"][self as usize]
    }

    /// Its length; 0 where it has no end.
    pub fn millis(self) -> i64 {
        [300_000, 3_600_000, 86_400_000, 0, 0][self as usize]
    }

    /// The start of the window that an instant lies in: `[start, start + size)`.
    pub fn start_of(self, at: i64) -> i64 {
        if self.millis() == 0 { 0 } else { at.div_euclid(self.millis()) * self.millis() }
    }

    /// For how long after its end a window is kept.
    pub fn kept_ms(self, settings: &KpiSettings) -> i64 {
        let shortest =
            [Duration::from_secs(7 * 3_600), Duration::from_secs(4 * 86_400), Duration::from_secs(35 * 86_400)];
        shortest
            .get(self as usize)
            .map_or(i64::MAX, |kept| (kept.as_millis() as i64).max(settings.grace_ms + 3_600_000))
    }
}
