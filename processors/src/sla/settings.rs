//! Checked objectives and calendars.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use schemas::{Family, LifecycleFact};

use super::calendar::{Calendar, Clock, Hours};
use super::spec::{CalendarSpec, ClockKind, ObjectiveSpec, StartSpec};
use super::state::{self, DELETED, KINDS, StateSet};
use super::{SlaCode, SlaError, SlaPart};
use crate::route::condition::parse_duration;
use crate::route::{Condition, EntityView, RouteFamily, Subject, nearest_help};

/// How long an entity whose clocks have all ended is remembered.
const RETENTION: Duration = Duration::from_hours(30 * 24);
/// How old a breach may be and still be notified of.
const NOTIFY_WITHIN: Duration = Duration::from_hours(24);
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A checked objective.
#[derive(Debug)]
pub(super) struct Objective {
    /// What stored clocks call it.
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) entity_kind: String,
    when: Condition,
    pub(super) start: Start,
    pub(super) stop: StateSet,
    pub(super) pause: StateSet,
    pub(super) cancel: StateSet,
    pub(super) reopen: StateSet,
    target_ms: i64,
    classes: HashMap<String, i64>,
    pub(super) clock: Clock,
    /// Ascending.
    pub(super) warn_percent: Vec<u8>,
    pub(super) consequence: Option<String>,
}

/// What starts a checked objective's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Created,
    States(StateSet),
}

impl Objective {
    /// The target for this entity; `None` where the objective is not for it.
    pub(super) fn target_ms(&self, fact: &LifecycleFact) -> Option<i64> {
        if !self.when.holds(&Subject { fact, entity: EntityView::FactOnly }) {
            return None;
        }
        let classes = [fact.class.as_deref(), fact.customer_class.as_deref()];
        let of_class = classes.into_iter().flatten().filter_map(|class| self.classes.get(class)).min();
        Some(of_class.copied().unwrap_or(self.target_ms))
    }
}

/// Checked objectives and calendars, shared by all tasks.
#[derive(Debug)]
pub struct SlaSettings {
    by_kind: HashMap<String, Vec<Objective>>,
    calendars: Vec<(String, HashSet<i16>)>,
    pub(super) grace_ms: i64,
    pub(super) retention_ms: i64,
    pub(super) notify_within_ms: i64,
}

impl SlaSettings {
    /// Checks all objectives and calendars.
    ///
    /// # Errors
    /// Every fault of every one.
    pub fn new(objectives: Vec<ObjectiveSpec>, calendars: Vec<CalendarSpec>) -> Result<Self, Vec<SlaError>> {
        let mut faults = Vec::new();
        let mut checked: HashMap<String, Option<Arc<Calendar>>> = HashMap::new();
        let mut years = Vec::new();
        for (index, spec) in calendars.into_iter().enumerate() {
            let mut check = Check { part: SlaPart::Calendar(index), name: &spec.name, faults: &mut faults };
            if checked.contains_key(&spec.name) {
                check.fault(SlaCode::DuplicateName, "name", "has the name of an earlier calendar", None);
            }
            check.name();
            let calendar = check.calendar(&spec, &mut years);
            checked.insert(spec.name, calendar.map(Arc::new));
        }
        let mut by_kind: HashMap<String, Vec<Objective>> = HashMap::new();
        let mut seen: HashMap<u32, String> = HashMap::new();
        let mut clocks: HashMap<ClockPlan, String> = HashMap::new();
        for (index, spec) in objectives.into_iter().enumerate() {
            let mut check = Check { part: SlaPart::Objective(index), name: &spec.name, faults: &mut faults };
            if let Some(other) = seen.insert(objective_id(&spec.name), spec.name.clone()) {
                let message = format!("cannot be told from the objective {other:?} in stored state");
                check.fault(SlaCode::DuplicateName, "name", message, Some("give it another name".into()));
            }
            check.name();
            if let Some(other) = clocks.insert(ClockPlan::of(&spec), spec.name.clone())
                && other != spec.name
            {
                let message = format!("is for the same entities as the objective {other:?}, and counts the same time");
                let help = "tell them apart by when, or keep one: warn_percent and classes take several levels";
                check.fault(SlaCode::Overlap, "when", message, Some(help.into()));
            }
            if let Some(objective) = check.objective(&spec, &checked) {
                by_kind.entry(objective.entity_kind.clone()).or_default().push(objective);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let retention_ms = RETENTION.as_millis() as i64;
        let notify_within_ms = NOTIFY_WITHIN.as_millis() as i64;
        Ok(Self { by_kind, calendars: years, grace_ms: 0, retention_ms, notify_within_ms })
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

    /// How long ago a breach may have been, by the wall clock, for a notification of it to be sent; 24
    /// hours unless set. Verdicts, violations and what billing and partners hear do not depend on it:
    /// a replay gives the same ones, and calls nobody.
    pub fn with_notify_within(mut self, notify_within: Duration) -> Self {
        self.notify_within_ms = notify_within.as_millis() as i64;
        self
    }

    /// Calendars that list no holiday of this year: working time is probably wrong.
    pub fn warnings(&self, year: i16) -> Vec<SlaError> {
        let without = self.calendars.iter().enumerate().filter(|(_, (_, years))| !years.contains(&year));
        without
            .map(|(index, (name, _))| SlaError {
                code: SlaCode::NoHolidays,
                part: SlaPart::Calendar(index),
                name: name.clone(),
                setting: "holidays",
                span: None,
                message: format!("lists no holiday of {year}"),
                help: Some(format!("add the gazetted holidays of {year}")),
            })
            .collect()
    }

    /// How many objectives there are.
    pub fn len(&self) -> usize {
        self.by_kind.values().map(Vec::len).sum()
    }

    /// Whether there is no objective.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }

    pub(super) fn objectives(&self, entity_kind: &str) -> &[Objective] {
        self.by_kind.get(entity_kind).map_or(&[], Vec::as_slice)
    }
}

/// What decides which time an objective's clock counts; two of the same always agree.
#[derive(PartialEq, Eq, Hash)]
struct ClockPlan {
    /// Family, kind, condition and calendar.
    texts: [String; 4],
    is_business: bool,
    /// Start, stop, pause, cancel and reopen, each in order.
    roles: [Vec<String>; 5],
}

impl ClockPlan {
    fn of(spec: &ObjectiveSpec) -> Self {
        let start = match &spec.start {
            StartSpec::Word(word) => vec![format!("({word})")],
            StartSpec::States(states) => states.clone(),
        };
        let kind = spec.entity_kind.as_ref().unwrap_or(&spec.family);
        let calendar = spec.calendar.clone().unwrap_or_default();
        let roles = [&start, &spec.stop, &spec.pause, &spec.cancel, &spec.reopen].map(|states| {
            let mut states = states.clone();
            states.sort_unstable();
            states
        });
        let texts = [spec.family.clone(), kind.clone(), spec.when.trim().to_owned(), calendar];
        Self { texts, is_business: spec.clock == ClockKind::Business, roles }
    }
}

/// What stored clocks call an objective (FNV-1a): the name would be most of their size.
fn objective_id(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Checks one objective or calendar and notes all its faults.
struct Check<'a> {
    part: SlaPart,
    name: &'a str,
    faults: &'a mut Vec<SlaError>,
}

impl Check<'_> {
    fn fault(&mut self, code: SlaCode, setting: &'static str, message: impl Into<String>, help: Option<String>) {
        let (part, name, message) = (self.part, self.name.to_owned(), message.into());
        self.faults.push(SlaError { code, part, name, setting, span: None, message, help });
    }

    fn name(&mut self) {
        if self.name.is_empty() || self.name.contains(['|', ':']) {
            let help = Some("names are not empty and hold neither | nor :".to_owned());
            self.fault(SlaCode::BadName, "name", "has a name that cannot be part of a key", help);
        }
    }

    fn objective(
        &mut self,
        spec: &ObjectiveSpec,
        calendars: &HashMap<String, Option<Arc<Calendar>>>,
    ) -> Option<Objective> {
        let noted = self.faults.len();
        let clock = self.clock(spec, calendars);
        let target_ms = self.duration("target", &spec.target);
        let mut classes = HashMap::new();
        for (class, target) in &spec.classes {
            if let Some(millis) = self.duration("classes", target) {
                classes.insert(class.clone(), millis);
            }
        }
        let warn_percent = spec.warn_percent.clone();
        if !warn_percent.is_sorted_by(|one, other| one < other) {
            let help = Some("write them from the lowest to the highest, each once".to_owned());
            self.fault(SlaCode::BadTarget, "warn_percent", "has warning levels that do not ascend", help);
        }
        if warn_percent.iter().any(|percent| !(1..100).contains(percent)) {
            let help = Some("warnings come between 1 and 99 percent".to_owned());
            self.fault(SlaCode::BadTarget, "warn_percent", "warns at a share that is no warning", help);
        }
        let (family, entity_kind, states) = self.kind(spec)?;
        let when = self.condition(&spec.when, family.into());
        let states_noted = self.faults.len();
        let start = match &spec.start {
            StartSpec::Word(word) if word == "created" => Start::Created,
            StartSpec::Word(word) => {
                let message = format!("starts at {word:?}, which is neither the word created nor a list of states");
                let help = Some(format!("write start = \"created\" or start = [{word:?}]"));
                self.fault(SlaCode::RoleConflict, "start", message, help);
                Start::Created
            }
            StartSpec::States(names) => Start::States(self.states("start", names, entity_kind, states)),
        };
        let mut roles =
            [("stop", &spec.stop), ("pause", &spec.pause), ("cancel", &spec.cancel), ("reopen", &spec.reopen)]
                .map(|(setting, names)| (setting, self.states(setting, names, entity_kind, states)));
        if states_noted == self.faults.len() {
            self.roles(start, &roles);
            let mut counting = states.iter().map(|name| state::number(name));
            if counting.all(|state| roles[..3].iter().any(|(_, role)| role.contains(state))) {
                let message = "has a clock that rests in every state that does not end it: its target can never pass";
                let help = Some("take out of pause the states in which time is to count".to_owned());
                self.fault(SlaCode::NeverCounts, "pause", message, help);
            }
        }
        roles[2].1.insert(DELETED);
        let [(_, stop), (_, pause), (_, cancel), (_, reopen)] = roles;
        (noted == self.faults.len()).then_some(())?;
        Some(Objective {
            id: objective_id(&spec.name),
            name: spec.name.clone(),
            family,
            entity_kind: entity_kind.to_owned(),
            when: when?,
            start,
            stop,
            pause,
            cancel,
            reopen,
            target_ms: target_ms?,
            classes,
            clock: clock?,
            warn_percent,
            consequence: spec.consequence.clone(),
        })
    }

    /// Roles that exclude each other, and roles that must be filled.
    fn roles(&mut self, start: Start, roles: &[(&'static str, StateSet); 4]) {
        if roles[0].1.is_empty() || start == Start::States(StateSet::default()) {
            let message = "names no state that starts or stops its clock";
            self.fault(SlaCode::RoleConflict, "stop", message, Some("list at least one state".into()));
        }
        let mut exclusive = roles[..3].to_vec();
        if let Start::States(states) = start {
            exclusive.push(("start", states));
        }
        for (place, (setting, states)) in exclusive.iter().enumerate() {
            for (other, others) in &exclusive[..place] {
                // A clock may start resting.
                if states.meets(*others) && !(*setting == "start" && *other == "pause") {
                    let message = format!("has one state both in {setting} and in {other}");
                    self.fault(SlaCode::RoleConflict, setting, message, Some("give each state one role".into()));
                }
            }
        }
        if roles[3].1.meets(roles[0].1) || roles[3].1.meets(roles[2].1) {
            let message = "has one state both in reopen and in stop or cancel";
            self.fault(SlaCode::RoleConflict, "reopen", message, Some("give each state one role".into()));
        }
    }

    fn kind(&mut self, spec: &ObjectiveSpec) -> Option<(Family, &'static str, &'static [&'static str])> {
        let Some(family) = Family::from_name(&spec.family) else {
            let message = format!("names the family {:?}, which does not exist", spec.family);
            let help = nearest_help(&spec.family, &Family::ALL.map(Family::name));
            self.fault(SlaCode::UnknownFamily, "family", message, help);
            return None;
        };
        let kind = spec.entity_kind.as_deref().unwrap_or(family.name());
        let found = KINDS.iter().find(|(of, name, _)| *of == family.name() && *name == kind);
        if found.is_none() {
            let kinds: Vec<_> =
                KINDS.iter().filter(|(of, ..)| *of == family.name()).map(|(_, name, _)| *name).collect();
            let message = format!("is for the kind {kind:?}, which has no clocks in the family {:?}", family.name());
            self.fault(SlaCode::UnknownKind, "entity_kind", message, nearest_help(kind, &kinds));
        }
        found.map(|(_, name, states)| (family, *name, *states))
    }

    fn states(&mut self, setting: &'static str, names: &[String], kind: &str, states: &[&str]) -> StateSet {
        let mut set = StateSet::default();
        for name in names {
            if states.contains(&name.as_str()) {
                set.insert(state::number(name));
            } else {
                let message = format!("names the state {name:?} in {setting}, which {kind} does not have");
                self.fault(SlaCode::UnknownState, setting, message, nearest_help(name, states));
            }
        }
        set
    }

    fn condition(&mut self, text: &str, family: RouteFamily) -> Option<Condition> {
        Condition::on_fact(text, family)
            .map_err(|faults| {
                let (part, name) = (self.part, self.name);
                self.faults.extend(faults.into_iter().map(|fault| SlaError {
                    code: SlaCode::Condition(fault.code),
                    part,
                    name: name.to_owned(),
                    setting: "when",
                    span: Some(fault.span),
                    message: fault.message,
                    help: fault.help,
                }));
            })
            .ok()
    }

    fn duration(&mut self, setting: &'static str, text: &str) -> Option<i64> {
        let millis = parse_duration(text).filter(|millis| *millis > 0);
        if millis.is_none() {
            let message = format!("has the duration {text:?} in {setting}, which cannot be read or is zero");
            let help = Some("durations are written 90s, 15m, 4h, 7d or 1h30m".to_owned());
            self.fault(SlaCode::BadTarget, setting, message, help);
        }
        millis
    }

    fn clock(&mut self, spec: &ObjectiveSpec, calendars: &HashMap<String, Option<Arc<Calendar>>>) -> Option<Clock> {
        match (spec.clock, &spec.calendar) {
            (ClockKind::Wall, None) => Some(Clock::Wall),
            (ClockKind::Wall, Some(_)) => {
                let help = Some("add clock = \"business\", or remove the calendar".to_owned());
                self.fault(
                    SlaCode::CalendarMismatch,
                    "calendar",
                    "has a calendar that its wall clock does not use",
                    help,
                );
                None
            }
            (ClockKind::Business, None) => {
                let help = Some("add calendar = \"...\"".to_owned());
                self.fault(SlaCode::CalendarMismatch, "calendar", "has a business clock and no calendar", help);
                None
            }
            (ClockKind::Business, Some(name)) => {
                let Some(calendar) = calendars.get(name) else {
                    let names: Vec<_> = calendars.keys().map(String::as_str).collect();
                    let message = format!("names the calendar {name:?}, which does not exist");
                    self.fault(SlaCode::UnknownCalendar, "calendar", message, nearest_help(name, &names));
                    return None;
                };
                calendar.clone().map(Clock::Business)
            }
        }
    }

    fn calendar(&mut self, spec: &CalendarSpec, years: &mut Vec<(String, HashSet<i16>)>) -> Option<Calendar> {
        let noted = self.faults.len();
        let zone = TimeZone::get(&spec.time_zone).ok();
        if zone.is_none() {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
            let nearest = crate::route::nearest(&spec.time_zone, names.iter().map(String::as_str));
            let help = nearest.map(|name| format!("nearest: {name:?}"));
            let message = format!("names the time zone {:?}, which does not exist", spec.time_zone);
            self.fault(SlaCode::UnknownTimeZone, "time_zone", message, help);
        }
        let mut holidays = HashSet::new();
        for text in &spec.holidays {
            if let Ok(date) = text.parse::<Date>() {
                holidays.insert(date);
            } else {
                let help = Some("dates are written 2026-08-15".to_owned());
                self.fault(SlaCode::BadDate, "holidays", format!("lists the holiday {text:?}, which is no date"), help);
            }
        }
        years.push((spec.name.clone(), holidays.iter().map(|date| date.year()).collect()));
        let hours = self.hours(spec);
        (noted == self.faults.len()).then_some(())?;
        Some(Calendar::new(&zone?, &hours, &holidays))
    }

    fn hours(&mut self, spec: &CalendarSpec) -> [Vec<Hours>; 7] {
        let mut hours: [Vec<Hours>; 7] = Default::default();
        for (weekday, texts) in &spec.hours {
            let Some(place) = WEEKDAYS.iter().position(|name| name == weekday) else {
                let message = format!("names the weekday {weekday:?}, which does not exist");
                self.fault(SlaCode::BadHours, "hours", message, nearest_help(weekday, &WEEKDAYS));
                continue;
            };
            for text in texts {
                let Some(parsed) = parse_hours(text) else {
                    let message = format!("has the working hours {text:?}, which cannot be read");
                    let help =
                        Some("hours are written 09:30-18:00, from the earlier to the later; 24:00 ends a day".into());
                    self.fault(SlaCode::BadHours, "hours", message, help);
                    continue;
                };
                hours[place].push(parsed);
            }
            hours[place].sort_unstable_by_key(|(from, _)| *from);
            if hours[place].windows(2).any(|pair| pair[0].1.is_none_or(|until| until > pair[1].0)) {
                let message = format!("has working hours on {weekday} that overlap");
                self.fault(SlaCode::BadHours, "hours", message, Some("join them".into()));
            }
        }
        if hours.iter().all(Vec::is_empty) {
            let help = Some("add hours, such as monday = [\"09:00-18:00\"]".to_owned());
            self.fault(SlaCode::BadHours, "hours", "has no working hours at all", help);
        }
        hours
    }
}

fn parse_hours(text: &str) -> Option<Hours> {
    let (from, until) = text.split_once('-')?;
    let from: Time = from.trim().parse().ok()?;
    if until.trim() == "24:00" {
        return Some((from, None));
    }
    let until: Time = until.trim().parse().ok()?;
    (from < until).then_some((from, Some(until)))
}
