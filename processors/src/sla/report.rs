//! Degradation reports: one for each violated clock, and one for each partner on the entity.
//!
//! ```text
//!  Created --> Assigned --clock ends--> Cleared --close_after--> Closed
//!     |            ^--------reopened-------' |
//!     `--------------the violation is taken back--------------> Cancelled
//! ```
//!
//! A report that neither an owner nor a partner works on stays created until its clock ends. A violation that comes true again
//! is a report's next life, under the same id.

use schemas::{DegradationState, DegradationSubject, SlaDegradation, Timestamp};
use serde::{Deserialize, Serialize};

use super::entry::{ClockEntry, Told};
use super::objective::Objective;
use DegradationState::{Assigned, Cancelled, Cleared, Closed, Created};

/// What was told of a clock's report last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reported {
    pub(super) version: i64,
    pub(super) state: DegradationState,
}

/// A state that a report came to, and when.
pub(super) type Step = (DegradationState, i64);

/// The states that a clock's report comes to next, in order. `stopped_at` is when the clock ended,
/// if it has; `close_after` how long that must last; `at` the instant that is spoken of.
pub(super) fn steps(
    clock: &ClockEntry,
    has_owner: bool,
    stopped_at: Option<i64>,
    close_after: i64,
    at: i64,
) -> Vec<Step> {
    let last = clock.report.map(|report| report.state);
    let Some(told) = clock.told.filter(|_| clock.violated) else {
        let alive = last.is_some_and(|state| state != Cancelled);
        return if alive { vec![(Cancelled, at)] } else { Vec::new() };
    };
    let Told { breached_at, .. } = told;
    let mut steps = Vec::new();
    if matches!(last, None | Some(Cancelled)) {
        steps.push((Created, breached_at));
    }
    let is_assigned = last == Some(Assigned);
    match stopped_at {
        // What is not stopped is worked on, be it again.
        None => {
            let again = matches!(last, Some(Cleared | Closed));
            if has_owner && !is_assigned {
                steps.push((Assigned, if again { at } else { breached_at }));
            } else if !has_owner && again {
                steps.push((Created, at));
            }
        }
        Some(stopped_at) => {
            if has_owner && !steps.is_empty() {
                steps.push((Assigned, breached_at));
            }
            if !matches!(last, Some(Cleared | Closed)) {
                steps.push((Cleared, stopped_at));
            }
            let closes = stopped_at.saturating_add(close_after);
            if last != Some(Closed) && at >= closes {
                steps.push((Closed, closes));
            }
        }
    }
    steps
}

/// The entity and the people of a report.
pub(super) struct About<'a> {
    pub(super) objective: &'a Objective,
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    pub(super) violation_id: String,
    pub(super) breached_at: i64,
    pub(super) customer_id: &'a Option<String>,
    pub(super) account_id: &'a Option<String>,
    pub(super) partner_ids: &'a [String],
}

impl About<'_> {
    /// The customer's report, and that of each partner, as they come to a state.
    pub(super) fn reports(&self, version: i64, (state, at): Step) -> Vec<SlaDegradation> {
        let customers = SlaDegradation {
            report_id: self.violation_id.clone(),
            subject: DegradationSubject::Customer,
            originating_report_id: None,
            version,
            state,
            assigned_to: self
                .objective
                .owner
                .as_ref()
                .or(self.partner_ids.first())
                .filter(|_| state != Created)
                .cloned(),
            objective: self.objective.name.clone(),
            family: self.objective.family,
            entity_kind: self.kind.to_owned(),
            entity_id: self.id.to_owned(),
            violation_id: self.violation_id.clone(),
            breached_at: Timestamp(self.breached_at),
            customer_id: self.customer_id.clone(),
            account_id: self.account_id.clone(),
            partner_id: None,
            changed_at: Timestamp(at),
        };
        let mut reports = vec![customers];
        for (index, partner) in self.partner_ids.iter().enumerate() {
            // A partner that is named twice has one report.
            if !self.partner_ids[..index].contains(partner) {
                reports.push(SlaDegradation {
                    report_id: [self.violation_id.as_str(), "|", partner].concat(),
                    subject: DegradationSubject::Partner,
                    originating_report_id: Some(self.violation_id.clone()),
                    assigned_to: Some(partner.clone()).filter(|_| state != Created),
                    partner_id: Some(partner.clone()),
                    ..reports[0].clone()
                });
            }
        }
        reports
    }
}
