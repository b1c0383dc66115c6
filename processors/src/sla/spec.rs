//! Objectives and calendars as the configuration says them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::OnReopen;

/// An objective as the configuration says it; checked by [`SlaSettings::new`](super::SlaSettings::new).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveSpec {
    /// The objective's name, unique.
    pub name: String,
    /// The family of the facts that it looks at.
    pub family: String,
    /// The kind of entity within the family; the family's name where absent.
    #[serde(default)]
    pub entity_kind: Option<String>,
    /// Which entities it is for: a condition on the newest fact; empty for all.
    #[serde(default)]
    pub when: String,
    /// What starts the clock.
    pub start: StartSpec,
    /// States that stop it: the verdict is given.
    pub stop: Vec<String>,
    /// States in which it rests.
    #[serde(default)]
    pub pause: Vec<String>,
    /// States that end it without a verdict.
    #[serde(default)]
    pub cancel: Vec<String>,
    /// States that make a stopped clock go on, its used time kept.
    #[serde(default)]
    pub reopen: Vec<String>,
    /// What a reopened clock has used so far.
    #[serde(default)]
    pub on_reopen: OnReopen,
    /// The clocks that start at or after this date, or time, are its; all before `valid_to` where
    /// absent. Objectives of one name are versions of one objective, of which the one counts that
    /// is valid at the clock's start.
    #[serde(default)]
    pub valid_from: Option<String>,
    /// The first date, or time, at which clocks that start are not its any more.
    #[serde(default)]
    pub valid_to: Option<String>,
    /// How much time there is, such as `4h` or `7d`; a `d` is 24 hours of the clock. `fact.due_at`
    /// for the date promised on the entity.
    pub target: String,
    /// How far beyond the target is no violation yet, such as `5m`; nothing where absent.
    #[serde(default)]
    pub tolerance: Option<String>,
    /// Which time counts.
    #[serde(default)]
    pub clock: ClockKind,
    /// The calendar of a business clock.
    #[serde(default)]
    pub calendar: Option<String>,
    /// Calendars by circle, for entities whose circle has one of its own.
    #[serde(default)]
    pub circles: BTreeMap<String, String>,
    /// Shares of the target at which a warning is due.
    #[serde(default = "default_warnings")]
    pub warn_percent: Vec<u8>,
    /// The ladder: who is called at which share of the target, from `1` to `100` percent. The roles are for the
    /// routes of the family `escalation` to make something of.
    #[serde(default)]
    pub escalate: BTreeMap<String, String>,
    /// Targets for classes of offering or customer; of two that apply the shorter one counts.
    #[serde(default)]
    pub classes: BTreeMap<String, String>,
    /// What follows a breach, such as `billing_credit`.
    #[serde(default)]
    pub consequence: Option<String>,
    /// Who works on a breach: its degradation report is assigned to them.
    #[serde(default)]
    pub owner: Option<String>,
}

fn default_warnings() -> Vec<u8> {
    vec![50, 75, 90]
}

/// What starts a clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum StartSpec {
    /// The word `created`: the entity's creation, as its source says it.
    Word(String),
    /// The first of these states.
    States(Vec<String>),
}

/// Which time a clock counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// All of it.
    #[default]
    Wall,
    /// The working time of a calendar.
    Business,
}

/// A calendar of working time as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// The calendar's name, unique.
    pub name: String,
    /// The IANA time zone, such as `Asia/Kolkata`.
    pub time_zone: String,
    /// Working hours by weekday (`monday` ... `sunday`), such as `["09:30-13:00", "14:00-18:00"]`.
    /// A weekday that is not named is free; `24:00` ends a day.
    pub hours: BTreeMap<String, Vec<String>>,
    /// Dates that are free, such as `2026-08-15`.
    #[serde(default)]
    pub holidays: Vec<String>,
}
