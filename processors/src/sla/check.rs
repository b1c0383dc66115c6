//! Checks of objectives.

use std::sync::Arc;

use hashbrown::HashMap;
use schemas::Family;

use super::calendar::{Calendar, Clock};
use super::objective::{Objective, Start, Step, Target, Validity};
use super::spec::{ClockKind, ObjectiveSpec, StartSpec};
use super::state::{self, DELETED, KINDS, StateSet};
use super::{SlaCode, SlaError, SlaPart};
use crate::route::condition::parse_duration;
use crate::route::{Condition, RouteFamily, nearest_help};

/// The target that is a date on the entity, by the name that conditions have for it.
pub(super) const DUE_AT: &str = "fact.due_at";

/// Calendars by name; `None` for one that has a fault.
pub(super) type Calendars = HashMap<String, Option<Arc<Calendar>>>;

/// Checks one objective or calendar and notes all its faults.
pub(super) struct Check<'a> {
    pub(super) part: SlaPart,
    pub(super) name: &'a str,
    pub(super) faults: &'a mut Vec<SlaError>,
}

impl Check<'_> {
    pub(super) fn fault(
        &mut self,
        code: SlaCode,
        setting: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let (part, name, message) = (self.part, self.name.to_owned(), message.into());
        self.faults.push(SlaError { code, part, other: None, name, setting, span: None, message, help });
    }

    /// A fault that is between this objective and an earlier one.
    pub(super) fn fault_with(
        &mut self,
        other: usize,
        code: SlaCode,
        setting: &'static str,
        message: String,
        help: &str,
    ) {
        self.fault(code, setting, message, Some(help.to_owned()));
        if let Some(fault) = self.faults.last_mut() {
            fault.other = Some(SlaPart::Objective(other));
        }
    }

    pub(super) fn name(&mut self) {
        if self.name.is_empty() || self.name.contains(['|', ':']) {
            let help = Some("names are not empty and hold neither | nor :".to_owned());
            self.fault(SlaCode::BadName, "name", "has a name that cannot be part of a key", help);
        }
    }

    pub(super) fn objective(
        &mut self,
        spec: &ObjectiveSpec,
        id: u32,
        validity: Validity,
        calendars: &Calendars,
    ) -> Option<Objective> {
        let noted = self.faults.len();
        let clock = self.clock(spec, calendars);
        let clocks = self.clocks(spec, calendars);
        let target = self.target(spec);
        let tolerance_ms = match &spec.tolerance {
            Some(text) => self.duration("tolerance", text),
            None => Some(0),
        };
        let warn_percent = spec.warn_percent.clone();
        if !warn_percent.is_sorted_by(|one, other| one < other) {
            let help = Some("write them from the lowest to the highest, each once".to_owned());
            self.fault(SlaCode::BadTarget, "warn_percent", "has warning levels that do not ascend", help);
        }
        if warn_percent.iter().any(|percent| !(1..100).contains(percent)) {
            let help = Some("warnings come between 1 and 99 percent".to_owned());
            self.fault(SlaCode::BadTarget, "warn_percent", "warns at a share that is no warning", help);
        }
        let ladder = self.ladder(spec);
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
            id,
            name: spec.name.clone(),
            family,
            entity_kind: entity_kind.to_owned(),
            when: when?,
            validity,
            start,
            stop,
            pause,
            cancel,
            reopen,
            on_reopen: spec.on_reopen,
            target: target?,
            tolerance_ms: tolerance_ms?,
            clock: clock?,
            clocks,
            warn_percent,
            ladder,
            consequence: spec.consequence.clone(),
            owner: spec.owner.clone(),
        })
    }

    /// The steps of the ladder, ascending.
    fn ladder(&mut self, spec: &ObjectiveSpec) -> Vec<Step> {
        let mut ladder: Vec<Step> = Vec::new();
        for (percent, role) in &spec.escalate {
            let Some(percent) = percent.parse::<u8>().ok().filter(|percent| (1..=100).contains(percent)) else {
                let help = Some(
                    "steps are whole percents from 1 to 100, such as escalate = { 75 = \"team-lead\" }".to_owned(),
                );
                self.fault(
                    SlaCode::BadLadder,
                    "escalate",
                    format!("escalates at {percent:?}, which is no share of a target"),
                    help,
                );
                continue;
            };
            if role.trim().is_empty() {
                let help = Some(format!("name a role, such as escalate = {{ {percent} = \"team-lead\" }}"));
                self.fault(
                    SlaCode::BadLadder,
                    "escalate",
                    format!("calls nobody at {:?} percent", percent.to_string()),
                    help,
                );
            }
            ladder.push(Step { percent, role: role.clone() });
        }
        ladder.sort_by_key(|step| step.percent);
        if ladder.windows(2).any(|pair| pair[0].percent == pair[1].percent) {
            let help = Some("keep one of them, written without zeros before it".to_owned());
            self.fault(SlaCode::BadLadder, "escalate", "has two steps at one share", help);
        }
        ladder
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
                    other: None,
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

    /// A duration by class, or the date on the entity.
    fn target(&mut self, spec: &ObjectiveSpec) -> Option<Target> {
        if spec.target == DUE_AT {
            if spec.classes.is_empty() {
                return Some(Target::DueAt);
            }
            let help = Some("remove classes: the date on the entity is its own".to_owned());
            self.fault(SlaCode::BadTarget, "classes", "has targets by class beside a target that is a date", help);
            return None;
        }
        let millis = self.duration("target", &spec.target);
        let mut classes = HashMap::new();
        for (class, target) in &spec.classes {
            if let Some(millis) = self.duration("classes", target) {
                classes.insert(class.clone(), millis);
            }
        }
        millis.map(|millis| Target::Duration { millis, classes })
    }

    fn clock(&mut self, spec: &ObjectiveSpec, calendars: &Calendars) -> Option<Clock> {
        match (spec.clock, &spec.calendar) {
            (ClockKind::Wall, None) => Some(Clock::Wall),
            (ClockKind::Wall, Some(_)) => {
                let help = Some("add clock = \"business\", or remove the calendar".to_owned());
                let message = "has a calendar that its wall clock does not use";
                self.fault(SlaCode::CalendarMismatch, "calendar", message, help);
                None
            }
            (ClockKind::Business, None) => {
                let help = Some("add calendar = \"...\"".to_owned());
                self.fault(SlaCode::CalendarMismatch, "calendar", "has a business clock and no calendar", help);
                None
            }
            (ClockKind::Business, Some(name)) => self.business("calendar", name, calendars),
        }
    }

    /// The clocks of circles that have a calendar of their own.
    fn clocks(&mut self, spec: &ObjectiveSpec, calendars: &Calendars) -> HashMap<String, Clock> {
        if spec.clock == ClockKind::Wall && !spec.circles.is_empty() {
            let help = Some("add clock = \"business\", or remove the calendars".to_owned());
            let message = "has calendars of circles that its wall clock does not use";
            self.fault(SlaCode::CalendarMismatch, "circles", message, help);
            return HashMap::new();
        }
        let mut clocks = HashMap::new();
        for (circle, name) in &spec.circles {
            if let Some(clock) = self.business("circles", name, calendars) {
                clocks.insert(circle.clone(), clock);
            }
        }
        clocks
    }

    fn business(&mut self, setting: &'static str, name: &str, calendars: &Calendars) -> Option<Clock> {
        let Some(calendar) = calendars.get(name) else {
            let names: Vec<_> = calendars.keys().map(String::as_str).collect();
            let message = format!("names the calendar {name:?}, which does not exist");
            self.fault(SlaCode::UnknownCalendar, setting, message, nearest_help(name, &names));
            return None;
        };
        calendar.clone().map(Clock::Business)
    }
}
