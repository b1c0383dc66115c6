//! `[scorecards]`: how partners are scored, and where the reports of a period go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use processors::score::{PeriodKind, ScoreSettings};

use super::ConfigCode;
use super::reader::Section;
use super::slo::share;

/// How partners are scored.
#[derive(Clone, Debug)]
pub struct Scorecards {
    /// What the processors work with.
    pub settings: Arc<ScoreSettings>,
    /// Where the report of each period that has ended is written; `None` for nowhere.
    pub reports: Option<PathBuf>,
}

pub(super) fn read(section: &Section<'_, '_>, data: &Path) -> Scorecards {
    let mut settings = ScoreSettings::default();
    let day = Duration::from_secs(86_400);
    if let Some((place, _)) = section.choice("period", &PeriodKind::ALL.map(PeriodKind::name)) {
        settings.period = PeriodKind::ALL[place];
    }
    if let Some(name) = section.string("time_zone") {
        match TimeZone::get(&name.value) {
            Ok(zone) => settings.time_zone = zone,
            Err(_) => section.fault_with_help(
                ConfigCode::BadChoice,
                name.span,
                format!("{:?} is no time zone", name.value),
                "write an IANA name, such as Asia/Kolkata",
            ),
        }
    }
    if let Some(events) = section.integer("min_events", 1..=1_000_000) {
        settings.min_events = events.value as i64;
    }
    if let Some(grace) = section.duration("grace", Duration::ZERO..=7 * day) {
        settings.grace_ms = grace.value.as_millis() as i64;
    }
    if let Some(publish) = section.duration("publish", Duration::from_millis(100)..=Duration::from_secs(3_600)) {
        settings.publish_ms = publish.value.as_millis() as i64;
    }
    let weights = section.section("weights");
    let targets = section.section("targets");
    for part in &mut settings.parts {
        if let Some(weight) = weights.integer(part.name, 0..=1_000) {
            part.weight = weight.value as u32;
        }
        if let Some(target) = share(&targets, part.name) {
            part.target_ppm = (target.value * 1e6).round() as i64;
        }
    }
    if settings.parts.iter().all(|part| part.weight == 0) {
        let message = "scorecards.weights leave no part in the score";
        section.fault_with_help(ConfigCode::Relation, weights.span.clone(), message, "give one of them more than 0");
    }
    weights.finish();
    targets.finish();
    let reports = match section.string("reports") {
        Some(found) if found.value.is_empty() => None,
        Some(found) => Some(found.value.into()),
        None => Some(data.join("reports")),
    };
    section.finish();
    Scorecards { settings: Arc::new(settings), reports }
}
