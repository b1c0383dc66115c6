//! Checks of objectives against each other: versions of one, and two that count the same time.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::SlaCode;
use super::check::{Check, DUE_AT};
use super::objective::{OnReopen, Validity};
use super::spec::{ClockKind, ObjectiveSpec, StartSpec};

/// The objectives so far.
#[derive(Default)]
pub(super) struct Versions {
    seen: Vec<Seen>,
}

struct Seen {
    index: usize,
    id: u32,
    name: String,
    /// Family, kind and start.
    is_for: (String, String, Vec<String>),
    validity: Validity,
}

impl Versions {
    /// Notes an objective, and gives the number that stored clocks call it by.
    pub(super) fn add(&mut self, check: &mut Check<'_>, index: usize, spec: &ObjectiveSpec, validity: Validity) -> u32 {
        let id = match &spec.valid_from {
            None => objective_id(&spec.name),
            Some(from) => objective_id(&[spec.name.as_str(), "@", from].concat()),
        };
        let kind = spec.entity_kind.as_ref().unwrap_or(&spec.family);
        let is_for = (spec.family.clone(), kind.clone(), start_names(spec));
        // The first contradiction is enough: what is told of one is often true of all.
        for other in &self.seen {
            if other.name != spec.name {
                if other.id == id {
                    let message = format!("cannot be told from the objective {:?} in stored state", other.name);
                    check.fault_with(other.index, SlaCode::DuplicateName, "name", message, "give it another name");
                    break;
                }
            } else if validity == Validity::ALWAYS && other.validity == Validity::ALWAYS {
                let message = "has the name of an earlier objective".to_owned();
                let help = "give it another name, or make them versions by valid_from and valid_to";
                check.fault_with(other.index, SlaCode::DuplicateName, "name", message, help);
                break;
            } else if validity.meets(other.validity) {
                let message = "is valid at the same time as an earlier version of it".to_owned();
                let help = "let valid_to of the one be valid_from of the next";
                check.fault_with(other.index, SlaCode::VersionOverlap, "valid_from", message, help);
                break;
            } else if other.is_for != is_for {
                let message = "is for other entities, or starts otherwise, than an earlier version of it".to_owned();
                let help = "versions share family, entity_kind and start; what differs in them is another objective";
                check.fault_with(other.index, SlaCode::VersionMismatch, "start", message, help);
                break;
            }
        }
        self.seen.push(Seen { index, id, name: spec.name.clone(), is_for, validity });
        id
    }
}

impl Check<'_> {
    /// The starts that an objective is for. A date begins in the objective's time zone.
    pub(super) fn validity(&mut self, spec: &ObjectiveSpec, zone: &TimeZone) -> Validity {
        let mut bound = |setting: &'static str, text: &Option<String>, unless: i64| {
            let Some(text) = text else { return unless };
            let day = || zone.to_ambiguous_zoned_datetime(text.parse::<Date>().ok()?.into()).compatible().ok();
            let exact = text.parse::<jiff::Timestamp>().ok();
            exact.or_else(|| day().map(|day| day.timestamp())).map_or_else(
                || {
                    let help = Some("write a date such as 2026-04-01, or a time such as 2026-04-01T00:00:00Z".into());
                    self.fault(SlaCode::BadDate, setting, format!("has the date {text:?}, which is none"), help);
                    unless
                },
                jiff::Timestamp::as_millisecond,
            )
        };
        let from = bound("valid_from", &spec.valid_from, i64::MIN);
        let to = bound("valid_to", &spec.valid_to, i64::MAX);
        if from >= to {
            let help = Some("valid_to is the first instant at which it is valid no more".to_owned());
            self.fault(SlaCode::BadDate, "valid_to", "is valid to a time that is not after valid_from", help);
        }
        Validity { from, to }
    }
}

/// An objective, as far as it decides which time its clock counts.
pub(super) struct ClockPlan {
    index: usize,
    name: String,
    validity: Validity,
    plan: Plan,
}

/// What decides which time an objective's clock counts; two of the same always agree.
#[derive(PartialEq, Eq)]
struct Plan {
    /// Family, kind, condition and calendar.
    texts: [String; 4],
    circles: Vec<(String, String)>,
    is_business: bool,
    /// Whether the target is a date on the entity: that is another promise than a duration.
    is_date: bool,
    on_reopen: OnReopen,
    /// Start, stop, pause, cancel and reopen, each in order.
    roles: [Vec<String>; 5],
}

impl ClockPlan {
    pub(super) fn of(index: usize, spec: &ObjectiveSpec, validity: Validity) -> Self {
        let kind = spec.entity_kind.as_ref().unwrap_or(&spec.family);
        let calendar = spec.calendar.clone().unwrap_or_default();
        let start = start_names(spec);
        let roles = [&start, &spec.stop, &spec.pause, &spec.cancel, &spec.reopen].map(|states| {
            let mut states = states.clone();
            states.sort_unstable();
            states
        });
        let texts = [spec.family.clone(), kind.clone(), spec.when.trim().to_owned(), calendar];
        let circles = spec.circles.clone().into_iter().collect();
        let plan = Plan {
            texts,
            circles,
            is_business: spec.clock == ClockKind::Business,
            is_date: spec.target == DUE_AT,
            on_reopen: spec.on_reopen,
            roles,
        };
        Self { index, name: spec.name.clone(), validity, plan }
    }

    /// Notes a fault where an earlier objective always counts the same time.
    pub(super) fn check(&self, check: &mut Check<'_>, earlier: &[Self]) {
        let same =
            |other: &&Self| other.name != self.name && other.plan == self.plan && other.validity.meets(self.validity);
        if let Some(other) = earlier.iter().find(same) {
            let message =
                format!("is for the same entities as the objective {:?}, and counts the same time", other.name);
            let help = "tell them apart by when, or keep one: warn_percent and classes take several levels";
            check.fault_with(other.index, SlaCode::Overlap, "when", message, help);
        }
    }
}

fn start_names(spec: &ObjectiveSpec) -> Vec<String> {
    match &spec.start {
        StartSpec::Word(word) => vec![format!("({word})")],
        StartSpec::States(states) => {
            let mut states = states.clone();
            states.sort_unstable();
            states
        }
    }
}

/// What stored clocks call an objective (FNV-1a): the name would be most of their size.
fn objective_id(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
