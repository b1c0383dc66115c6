//! Checked objectives and calendars.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use jiff::tz::TimeZone;
use schemas::Timestamp;

use super::calendar::{Calendar, Clock};
use super::check::Check;
use super::objective::{Objective, Target};
use super::spec::{CalendarSpec, ObjectiveSpec};
use super::versions::{ClockPlan, Versions};
use super::{SlaCode, SlaError, SlaPart};
use crate::fnv::{self, fnv};

/// How long an entity whose clocks have all ended is remembered.
const RETENTION: Duration = Duration::from_hours(30 * 24);
/// How old a breach may be and still be notified of.
const NOTIFY_WITHIN: Duration = Duration::from_hours(24);
/// How long a violated clock must have ended for its degradation report to be closed.
const CLOSE_AFTER: Duration = Duration::from_hours(24);
/// How far ahead the clocks of a target that is a date are taken to look.
const DATE_HORIZON_MS: i64 = 30 * 86_400_000;

/// Checked objectives and calendars, shared by all tasks.
#[derive(Debug)]
pub struct SlaSettings {
    by_kind: HashMap<String, Vec<Objective>>,
    /// In the order of the configuration.
    calendars: Vec<(Option<Arc<Calendar>>, String)>,
    fingerprint: u64,
    pub(super) grace_ms: i64,
    pub(super) retention_ms: i64,
    pub(super) notify_within_ms: i64,
    pub(super) close_after_ms: i64,
}

impl SlaSettings {
    /// Checks all objectives and calendars.
    ///
    /// # Errors
    /// Every fault of every one.
    pub fn new(objectives: Vec<ObjectiveSpec>, calendars: Vec<CalendarSpec>) -> Result<Self, Vec<SlaError>> {
        let fingerprint = fnv(fnv::OFFSET, format!("{objectives:?} {calendars:?}").into_bytes());
        let mut faults = Vec::new();
        let mut checked: HashMap<String, Option<Arc<Calendar>>> = HashMap::new();
        let mut years: Vec<String> = Vec::new();
        for (index, spec) in calendars.into_iter().enumerate() {
            let mut check = Check { part: SlaPart::Calendar(index), name: &spec.name, faults: &mut faults };
            if checked.contains_key(&spec.name) {
                check.fault(SlaCode::DuplicateName, "name", "has the name of an earlier calendar", None);
            }
            check.name();
            let calendar = check.calendar(&spec);
            years.push(spec.name.clone());
            checked.insert(spec.name, calendar.map(Arc::new));
        }
        let mut by_kind: HashMap<String, Vec<Objective>> = HashMap::new();
        let mut versions = Versions::default();
        let mut plans: Vec<ClockPlan> = Vec::new();
        for (index, spec) in objectives.into_iter().enumerate() {
            let mut check = Check { part: SlaPart::Objective(index), name: &spec.name, faults: &mut faults };
            check.name();
            let zone = spec.calendar.as_ref().and_then(|name| checked.get(name)?.as_ref());
            let zone = zone.map_or(TimeZone::UTC, |calendar| calendar.zone().clone());
            let validity = check.validity(&spec, &zone);
            let id = versions.add(&mut check, index, &spec, validity);
            let plan = ClockPlan::of(index, &spec, validity);
            plan.check(&mut check, &plans);
            plans.push(plan);
            if let Some(objective) = check.objective(&spec, id, validity, &checked) {
                by_kind.entry(objective.entity_kind.clone()).or_default().push(objective);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let retention_ms = RETENTION.as_millis() as i64;
        let notify_within_ms = NOTIFY_WITHIN.as_millis() as i64;
        let close_after_ms = CLOSE_AFTER.as_millis() as i64;
        Ok(Self {
            by_kind,
            calendars: years.into_iter().map(|name| (checked.get(&name).cloned().flatten(), name)).collect(),
            fingerprint,
            grace_ms: 0,
            retention_ms,
            notify_within_ms,
            close_after_ms,
        })
    }

    /// How long the hub waits, beyond a breach that only the passing of time tells of, for facts
    /// that are still on their way; 0 unless set.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace_ms = grace.as_millis() as i64;
        self
    }

    /// How long an entity whose clocks have all ended is remembered; 30 days unless set.
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention_ms = retention.as_millis() as i64;
        self
    }

    /// How long a violated clock must have ended for its degradation report to be closed; 24 hours
    /// unless set.
    pub fn with_close_after(mut self, close_after: Duration) -> Self {
        self.close_after_ms = close_after.as_millis() as i64;
        self
    }

    /// How long ago a breach may have been, by the wall clock, for a notification of it to be sent; 24
    /// hours unless set. Verdicts, violations and what billing and partners hear do not depend on it:
    /// a replay gives the same ones, and calls nobody.
    pub fn with_notify_within(mut self, notify_within: Duration) -> Self {
        self.notify_within_ms = notify_within.as_millis() as i64;
        self
    }

    /// Calendars that list no holiday of a year that clocks started at this instant will need: their
    /// verdicts would be unknown, or, where no year is listed at all, probably wrong.
    pub fn warnings(&self, now: Timestamp) -> Vec<SlaError> {
        let mut faults = Vec::new();
        for (index, (calendar, name)) in self.calendars.iter().enumerate() {
            let Some(calendar) = calendar else { continue };
            let all = self.by_kind.values().flatten();
            let used_by = all.filter(|objective| {
                let mut clocks = objective.clocks.values().chain([&objective.clock]);
                clocks.any(|clock| matches!(clock, Clock::Business(used) if Arc::ptr_eq(used, calendar)))
            });
            let longest = used_by.map(|objective| match &objective.target {
                Target::Duration { millis, classes } => classes.values().copied().fold(*millis, i64::max),
                Target::DueAt => DATE_HORIZON_MS,
            });
            let Some(longest) = longest.max() else { continue };
            for year in calendar.unlisted_years(now, calendar.add(now, longest)) {
                faults.push(SlaError {
                    code: SlaCode::NoHolidays,
                    part: SlaPart::Calendar(index),
                    other: None,
                    name: name.clone(),
                    setting: "holidays",
                    span: None,
                    message: format!("lists no holiday of {year}, which its objectives will need"),
                    help: Some(format!("add the gazetted holidays of {year}")),
                });
            }
        }
        faults
    }

    /// How many objectives there are.
    pub fn len(&self) -> usize {
        self.by_kind.values().map(Vec::len).sum()
    }

    /// Whether there is no objective.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }

    /// A hash of the objectives and calendars, as they are written: of others it is another.
    pub(super) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Every objective, of every kind of entity.
    pub(super) fn all(&self) -> impl Iterator<Item = &Objective> {
        self.by_kind.values().flatten()
    }

    pub(super) fn objectives(&self, entity_kind: &str) -> &[Objective] {
        self.by_kind.get(entity_kind).map_or(&[], Vec::as_slice)
    }
}
