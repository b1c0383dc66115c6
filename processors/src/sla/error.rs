//! What can be wrong with objectives and calendars.

use std::fmt;
use std::ops::Range;

use crate::route::RouteCode;

/// A stable code of a fault in an objective or calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SlaCode {
    /// A fault in the condition, by the code that routes have for it.
    Condition(RouteCode),
    /// There is no such family.
    UnknownFamily,
    /// The family has no such kind of entity, or none with clocks.
    UnknownKind,
    /// The kind of entity has no such state.
    UnknownState,
    /// There is no such calendar.
    UnknownCalendar,
    /// A duration or percentage that cannot be.
    BadTarget,
    /// Two have one name, or names that cannot be told apart in stored state.
    DuplicateName,
    /// The name is empty, or holds a character that keys are divided by.
    BadName,
    /// One state in two roles that exclude each other, or a role without a state.
    RoleConflict,
    /// A business clock without a calendar, or a calendar without a business clock.
    CalendarMismatch,
    /// There is no such time zone.
    UnknownTimeZone,
    /// Working hours that cannot be read, overlap, or are none at all.
    BadHours,
    /// A date that is none.
    BadDate,
    /// Two objectives whose clocks always count the same time.
    Overlap,
    /// A clock that rests in every state in which it could count.
    NeverCounts,
    /// A warning: no holiday is listed for the year.
    NoHolidays,
    /// Two versions of one objective that are not for the same entities, or start otherwise.
    VersionMismatch,
    /// Two versions of one objective that are valid at the same time.
    VersionOverlap,
    /// A step of a ladder at a share that is none, or that calls nobody.
    BadLadder,
}

impl SlaCode {
    /// The number that people search for.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Condition(code) => code.number(),
            Self::UnknownFamily => "HUB-1101",
            Self::UnknownKind => "HUB-1102",
            Self::UnknownState => "HUB-1103",
            Self::UnknownCalendar => "HUB-1104",
            Self::BadTarget => "HUB-1105",
            Self::DuplicateName => "HUB-1106",
            Self::BadName => "HUB-1107",
            Self::RoleConflict => "HUB-1108",
            Self::CalendarMismatch => "HUB-1109",
            Self::UnknownTimeZone => "HUB-1110",
            Self::BadHours => "HUB-1111",
            Self::BadDate => "HUB-1112",
            Self::NoHolidays => "HUB-1113",
            Self::Overlap => "HUB-1114",
            Self::NeverCounts => "HUB-1115",
            Self::VersionMismatch => "HUB-1116",
            Self::VersionOverlap => "HUB-1117",
            Self::BadLadder => "HUB-1118",
        }
    }

    /// The code's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Condition(code) => code.name(),
            Self::UnknownFamily => "unknown_family",
            Self::UnknownKind => "unknown_kind",
            Self::UnknownState => "unknown_state",
            Self::UnknownCalendar => "unknown_calendar",
            Self::BadTarget => "bad_target",
            Self::DuplicateName => "duplicate_name",
            Self::BadName => "bad_name",
            Self::RoleConflict => "role_conflict",
            Self::CalendarMismatch => "calendar_mismatch",
            Self::UnknownTimeZone => "unknown_time_zone",
            Self::BadHours => "bad_hours",
            Self::BadDate => "bad_date",
            Self::NoHolidays => "no_holidays",
            Self::Overlap => "overlap",
            Self::NeverCounts => "never_counts",
            Self::VersionMismatch => "version_mismatch",
            Self::VersionOverlap => "version_overlap",
            Self::BadLadder => "bad_ladder",
        }
    }
}

impl fmt::Display for SlaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// What a fault is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlaPart {
    /// The objective at this place of the list, from 0.
    Objective(usize),
    /// The calendar at this place of the list, from 0.
    Calendar(usize),
}

/// A fault in an objective or calendar. It displays as one sentence that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaError {
    /// What kind of fault.
    pub code: SlaCode,
    /// The objective or calendar.
    pub part: SlaPart,
    /// The earlier one that it contradicts.
    pub other: Option<SlaPart>,
    /// Its name.
    pub name: String,
    /// The setting at fault, such as `stop`.
    pub setting: &'static str,
    /// Where in the setting's text, in bytes; for conditions.
    pub span: Option<Range<usize>>,
    /// What is wrong, to be read after the name.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for SlaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.part {
            SlaPart::Objective(_) => "objective",
            SlaPart::Calendar(_) => "calendar",
        };
        write!(f, "{what} {:?} {}", self.name, self.message)
    }
}

impl std::error::Error for SlaError {}
