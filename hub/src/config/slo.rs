//! `[[slos]]`: which share of a KPI shall be good, and when that is in danger.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use processors::burn::{Alert, Severity, Slo, SloFault, default_alerts, default_slos};
use processors::kpi::{By, KPIS, Kpi, Measure};

use super::ConfigCode;
use super::reader::{Located, Section};

const DAY: Duration = Duration::from_secs(86_400);

/// Reads the SLOs; without any, the default ones hold.
pub(super) fn read(root: &Section<'_, '_>) -> Arc<Vec<Slo>> {
    let Some(sections) = root.sections("slos") else { return Arc::new(default_slos()) };
    let mut slos: Vec<Slo> = Vec::new();
    for section in &sections {
        let Some((slo, name)) = read_one(section) else { continue };
        if slos.iter().any(|other| other.name == slo.name) {
            section.fault(ConfigCode::DuplicateName, name, format!("two SLOs have the name {:?}", slo.name));
        }
        slos.push(slo);
    }
    Arc::new(slos)
}

fn read_one(section: &Section<'_, '_>) -> Option<(Slo, Range<usize>)> {
    let name = section.required("name");
    section.require("kpi");
    section.require("objective");
    let ratios: Vec<&str> = KPIS
        .iter()
        .filter(|definition| matches!(definition.measure, Measure::Ratio { .. }))
        .map(|definition| definition.name)
        .collect();
    let kpi = section.choice("kpi", &ratios).and_then(|(place, _)| Kpi::find(ratios[place]));
    let names = By::ALL.map(By::name);
    let by = section.choice("by", &names).map_or(By::All, |(place, _)| By::ALL[place]);
    let value = section.string("value").map(|found| found.value);
    let objective = share(section, "objective");
    let period = section.duration("period", DAY..=35 * DAY);
    let period_ms = period.as_ref().map_or(30 * DAY, |found| found.value).as_millis() as i64;
    let events_min = section.integer("events_min", 1..=1_000_000).map_or(20, |found| found.value as i64);
    let (mut alerts, mut places) = (default_alerts(), Vec::new());
    if let Some(sections) = section.sections("alerts") {
        alerts = Vec::new();
        for alert in &sections {
            if let Some(read) = read_alert(alert) {
                alerts.push(read);
                places.push(alert.span.clone());
            }
        }
    }
    section.finish();
    let (name, kpi, objective) = (name?, kpi?, objective?);
    match Slo::new(name.value.clone(), (kpi, by, value), objective.value, period_ms, events_min, alerts.clone()) {
        Ok(slo) => Some((slo, name.span)),
        Err(fault) => {
            // The alert that is at fault, where it stands in the file; else the objective.
            let of_alert =
                |alert: &Alert| Slo::new("", (kpi, by, None), objective.value, period_ms, 1, vec![*alert]).is_err();
            let place = places.iter().zip(&alerts).find(|(_, alert)| of_alert(alert)).map(|(span, _)| span.clone());
            let span = match fault {
                SloFault::BadPeriod => period.map(|found| found.span),
                SloFault::NoRatio(_) | SloFault::NoBudget(_) => None,
                _ => place,
            };
            let help = match fault {
                SloFault::NeverFires { .. } => {
                    "give [[slos.alerts]] with a smaller budget or a longer window, or raise the objective"
                }
                _ => "hub.toml of the documentation shows an SLO that holds",
            };
            section.fault_with_help(ConfigCode::SloUnsound, span.unwrap_or(objective.span), fault.to_string(), help);
            None
        }
    }
}

fn read_alert(section: &Section<'_, '_>) -> Option<Alert> {
    for key in ["severity", "long", "short", "budget"] {
        section.require(key);
    }
    let severity = section.choice("severity", &["page", "ticket"]);
    let length =
        |key| section.duration(key, Duration::from_secs(300)..=4 * DAY).map(|found| found.value.as_millis() as i64);
    let (long_ms, short_ms) = (length("long"), length("short"));
    let budget = share(section, "budget");
    section.finish();
    let severity = if severity?.0 == 0 { Severity::Page } else { Severity::Ticket };
    Some(Alert { severity, long_ms: long_ms?, short_ms: short_ms?, budget_share: budget?.value })
}

/// A share, written as `"99.5%"`.
pub(super) fn share(section: &Section<'_, '_>, key: &'static str) -> Option<Located<f64>> {
    let found = section.string(key)?;
    let number = found.value.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let Some(percent) = number.filter(|percent| (0.0..=100.0).contains(percent)) else {
        let message =
            format!("{}.{key} is {}, not a share of 0 to 100 percent", section.path, section.raw(&found.span));
        section.fault_with_help(ConfigCode::OutOfRange, found.span, message, "write it as \"99.5%\"");
        return None;
    };
    Some(Located { value: percent / 100.0, span: found.span, text_at: None })
}
