//! `[sla]`: objectives and calendars, their own faults brought to their place in the file.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use processors::sla::{CalendarSpec, ClockKind, ObjectiveSpec, SlaError, SlaPart, SlaSettings, StartSpec};

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
                section.push(places.diagnostic(error));
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
    Sla { settings: Arc::new(settings), objectives: names }
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
    let target = places.text("target", section.required("target")).unwrap_or_else(|| "1h".into());
    let clock = match section.choice("clock", &["wall", "business"]) {
        Some((1, _)) => ClockKind::Business,
        _ => ClockKind::Wall,
    };
    let calendar = places.text("calendar", section.string("calendar"));
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
    let table = section.section("classes");
    let entries = table.string_entries();
    let mut classes = BTreeMap::new();
    for (class, target) in &entries {
        classes.insert(class.value.clone(), target.value.clone());
    }
    places.lists.insert("classes", entries.into_iter().map(|(_, target)| target).collect());
    let consequence = places.text("consequence", section.string("consequence"));
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
        target,
        clock,
        calendar,
        warn_percent,
        classes,
        consequence,
    };
    (spec, places)
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
