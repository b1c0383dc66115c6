//! `[sla]`: objectives and calendars, their own faults brought to their place in the file.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use processors::sla::{CalendarSpec, ClockKind, ObjectiveSpec, OnReopen, SlaError, SlaPart, SlaSettings, StartSpec};

use schemas::Timestamp;

use super::ConfigCode;
use super::diagnostic::Diagnostic;
use super::reader::{Located, Section};

/// The checked objectives, and their names for what is shown.
#[derive(Clone, Debug)]
pub struct Sla {
    /// What the processors work with.
    pub settings: Arc<SlaSettings>,
    /// The objectives' names, in the order of the file.
    pub objectives: Vec<String>,
    /// Whether it is told how likely open clocks breach.
    pub predict: bool,
    /// The lines at which the calendars' holidays stand; none for calendars that are not the file's.
    calendar_lines: Vec<usize>,
}

impl Sla {
    /// What clocks that start now will lack of the calendars, each with its line, if it has one.
    pub fn warnings(&self, now: Timestamp) -> Vec<(SlaError, Option<usize>)> {
        let line = |error: &SlaError| match error.part {
            SlaPart::Calendar(index) => self.calendar_lines.get(index).copied(),
            SlaPart::Objective(_) => None,
        };
        self.settings
            .warnings(now)
            .into_iter()
            .map(|error| {
                let at = line(&error);
                (error, at)
            })
            .collect()
    }
}

/// Where the settings of one objective or calendar stand.
struct Places {
    section: Range<usize>,
    settings: HashMap<&'static str, Located<String>>,
    lists: HashMap<&'static str, Vec<Located<String>>>,
}

impl Places {
    fn new(section: &Section<'_, '_>) -> Self {
        Self { section: section.span.clone(), settings: HashMap::new(), lists: HashMap::new() }
    }

    fn text(&mut self, key: &'static str, found: Option<Located<String>>) -> Option<String> {
        let value = found.as_ref().map(|found| found.value.clone());
        self.settings.extend(found.map(|found| (key, found)));
        value
    }

    fn list(&mut self, key: &'static str, found: Option<Vec<Located<String>>>) -> Vec<String> {
        let found = found.unwrap_or_default();
        let values = found.iter().map(|found| found.value.clone()).collect();
        self.lists.insert(key, found);
        values
    }

    fn diagnostic(&self, error: &SlaError) -> Diagnostic {
        let quoted = |found: &&Located<String>| error.message.contains(&format!("{:?}", found.value));
        let named = self.lists.get(error.setting).and_then(|list| list.iter().find(quoted).or_else(|| list.first()));
        let span = match (self.settings.get(error.setting).or(named), &error.span) {
            (Some(found), Some(inner)) => found.within(inner.clone()),
            (Some(found), None) => found.span.clone(),
            (None, _) => self.section.clone(),
        };
        Diagnostic { code: error.code.number(), message: error.to_string(), span, help: error.help.clone() }
    }
}

/// How long the end of a clock may be on its way unless configured: a hub that was down and
/// starts again must read what happened meanwhile before it declares a breach.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn read(section: &Section<'_, '_>) -> Sla {
    let grace =
        section.duration("grace", Duration::ZERO..=Duration::from_secs(86_400)).map_or(GRACE, |found| found.value);
    let retention = section
        .duration("retention", Duration::from_secs(60)..=Duration::from_secs(3_650 * 86_400))
        .map(|found| found.value);
    let notify_within = section
        .duration("notify_within", Duration::from_secs(60)..=Duration::from_secs(3_650 * 86_400))
        .map(|found| found.value);
    let close_after = section
        .duration("close_after", Duration::from_secs(60)..=Duration::from_secs(3_650 * 86_400))
        .map(|found| found.value);
    let predict = section.boolean("predict").is_none_or(|found| found.value);
    let (mut objectives, mut objective_places) = (Vec::new(), Vec::new());
    let configured = section.sections("objectives");
    for objective in configured.iter().flatten() {
        let (spec, places) = read_objective(objective);
        objectives.push(spec);
        objective_places.push(places);
    }
    let (mut calendars, mut calendar_places) = (Vec::new(), Vec::new());
    for calendar in section.sections("calendars").iter().flatten() {
        let (spec, places) = read_calendar(calendar);
        calendars.push(spec);
        calendar_places.push(places);
    }
    section.finish();
    if configured.is_none() {
        let (default_objectives, default_calendars) =
            (processors::sla::default_objectives(), processors::sla::default_calendars());
        objectives = default_objectives;
        calendars.extend(default_calendars);
    }
    let names = objectives.iter().map(|spec| spec.name.clone()).collect();
    let settings = SlaSettings::new(objectives, calendars).unwrap_or_else(|errors| {
        for error in &errors {
            let places = match error.part {
                SlaPart::Objective(index) => objective_places.get(index),
                SlaPart::Calendar(index) => calendar_places.get(index),
            };
            // What is missing was noted when it was read.
            if let Some(places) = places
                && (!error.name.is_empty() || error.setting != "name")
            {
                let mut diagnostic = places.diagnostic(error);
                if let Some(SlaPart::Objective(other)) = error.other
                    && let Some(other) = objective_places.get(other)
                {
                    let place = section.line(other.section.start);
                    diagnostic.message = format!("{}; the earlier one begins in line {place}", diagnostic.message);
                }
                section.push(diagnostic);
            }
        }
        SlaSettings::new(Vec::new(), Vec::new()).expect("no objective has no fault")
    });
    let settings = settings.with_grace(grace);
    let settings = match retention {
        Some(retention) => settings.with_retention(retention),
        None => settings,
    };
    let settings = match notify_within {
        Some(notify_within) => settings.with_notify_within(notify_within),
        None => settings,
    };
    let settings = match close_after {
        Some(close_after) => settings.with_close_after(close_after),
        None => settings,
    };
    let begins = |places: &Places| {
        let holidays = places.lists.get("holidays").and_then(|list| list.last());
        section.line(holidays.map_or(places.section.start, |last| last.span.start))
    };
    let calendar_lines = calendar_places.iter().map(begins).collect();
    Sla { settings: Arc::new(settings), objectives: names, predict, calendar_lines }
}

fn read_objective(section: &Section<'_, '_>) -> (ObjectiveSpec, Places) {
    let mut places = Places::new(section);
    let name = places.text("name", section.required("name")).unwrap_or_default();
    let family = places.text("family", section.required("family")).unwrap_or_default();
    let entity_kind = places.text("entity_kind", section.string("entity_kind"));
    let when = places.text("when", section.string("when")).unwrap_or_default();
    section.require("start");
    section.require("stop");
    let start = if section.is_list("start") {
        StartSpec::States(places.list("start", section.strings("start")))
    } else {
        StartSpec::Word(places.text("start", section.string("start")).unwrap_or_else(|| "created".into()))
    };
    let stop = places.list("stop", section.strings("stop"));
    let pause = places.list("pause", section.strings("pause"));
    let cancel = places.list("cancel", section.strings("cancel"));
    let reopen = places.list("reopen", section.strings("reopen"));
    let on_reopen = match section.choice("on_reopen", &["continue", "restart"]) {
        Some((1, _)) => OnReopen::Restart,
        _ => OnReopen::Continue,
    };
    let valid_from = places.text("valid_from", section.string("valid_from"));
    let valid_to = places.text("valid_to", section.string("valid_to"));
    let target = places.text("target", section.required("target")).unwrap_or_else(|| "1h".into());
    let tolerance = places.text("tolerance", section.string("tolerance"));
    let clock = match section.choice("clock", &["wall", "business"]) {
        Some((1, _)) => ClockKind::Business,
        _ => ClockKind::Wall,
    };
    let calendar = places.text("calendar", section.string("calendar"));
    let circles = read_map(&mut places, "circles", section);
    let mut warn_percent = vec![50, 75, 90];
    if let Some(percents) = section.integers("warn_percent", 1..=99) {
        warn_percent = percents.iter().map(|found| found.value as u8).collect();
        let places_of = percents.into_iter().map(|found| Located {
            value: found.value.to_string(),
            span: found.span,
            text_at: None,
        });
        places.lists.insert("warn_percent", places_of.collect());
    }
    let escalate = read_map(&mut places, "escalate", section);
    places.lists.insert("escalate", section.section("escalate").keys());
    let classes = read_map(&mut places, "classes", section);
    let consequence = places.text("consequence", section.string("consequence"));
    let owner = places.text("owner", section.string("owner"));
    section.finish();
    let spec = ObjectiveSpec {
        name,
        family,
        entity_kind,
        when,
        start,
        stop,
        pause,
        cancel,
        reopen,
        on_reopen,
        valid_from,
        valid_to,
        target,
        tolerance,
        clock,
        calendar,
        circles,
        warn_percent,
        escalate,
        classes,
        consequence,
        owner,
    };
    (spec, places)
}

/// A table of texts by name.
fn read_map(places: &mut Places, key: &'static str, section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let entries = section.section(key).string_entries();
    let map = entries.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect();
    places.lists.insert(key, entries.into_iter().map(|(_, value)| value).collect());
    map
}

fn read_calendar(section: &Section<'_, '_>) -> (CalendarSpec, Places) {
    let mut places = Places::new(section);
    let name = places.text("name", section.required("name")).unwrap_or_default();
    let time_zone = places.text("time_zone", section.required("time_zone")).unwrap_or_else(|| "UTC".into());
    let table = section.section("hours");
    if !table.is_present() {
        section.fault(
            ConfigCode::MissingKey,
            section.span.clone(),
            format!("[{}] needs the table \"hours\"", section.path),
        );
    }
    let mut hours = BTreeMap::new();
    let mut all = Vec::new();
    for (weekday, found) in table.list_entries() {
        let texts = found.iter().map(|found| found.value.clone()).collect();
        all.push(weekday.clone());
        all.extend(found);
        hours.insert(weekday.value, texts);
    }
    places.lists.insert("hours", all);
    let holidays = places.list("holidays", section.strings("holidays"));
    section.finish();
    (CalendarSpec { name, time_zone, hours, holidays }, places)
}
