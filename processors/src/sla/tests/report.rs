//! The life of a degradation report.

use std::time::Duration;

use schemas::{DegradationState, DegradationSubject, Timestamp};

use super::driver::{MINUTE, Sla, fact, objective};
use crate::sla::{ObjectiveSpec, SlaSettings};
use DegradationState::{Assigned, Cancelled, Cleared, Closed, Created};

const HOUR: i64 = 60 * MINUTE;
const ID: &str = "done|order:7|0";

fn owned(owner: Option<&str>) -> Sla {
    let spec =
        ObjectiveSpec { owner: owner.map(str::to_owned), reopen: vec!["held".into()], ..objective("done", "1h") };
    let settings = SlaSettings::new(vec![spec], vec![]).unwrap();
    Sla::new(settings.with_close_after(Duration::from_hours(2)).with_retention(Duration::from_hours(24)))
}

/// The customer's reports: version, state, when.
fn told(sla: &mut Sla) -> Vec<(i64, DegradationState, i64)> {
    let reports = sla.reports();
    let customers = reports.iter().filter(|report| report.subject == DegradationSubject::Customer);
    customers
        .map(|report| {
            assert_eq!(report.report_id, ID);
            (report.version, report.state, report.changed_at.0)
        })
        .collect()
}

#[test]
fn a_report_is_created_assigned_cleared_and_closed() {
    let mut sla = owned(Some("fulfilment"));
    sla.happen(0, 1, "acknowledged");
    sla.advance(HOUR);
    assert!(sla.reports().is_empty(), "nothing is violated yet");
    sla.advance(HOUR + 1);
    let reports = sla.reports();
    let said: Vec<_> =
        reports.iter().map(|report| (report.report_id.as_str(), report.state, report.assigned_to.as_deref())).collect();
    let partners = "done|order:7|0|P1";
    let expected = [
        (ID, Created, None),
        (partners, Created, None),
        (ID, Assigned, Some("fulfilment")),
        (partners, Assigned, Some("P1")),
    ];
    assert_eq!(said, expected);
    assert_eq!(reports[1].originating_report_id.as_deref(), Some(ID));
    assert_eq!((reports[1].partner_id.as_deref(), reports[1].subject), (Some("P1"), DegradationSubject::Partner));
    assert_eq!((reports[0].breached_at, reports[0].customer_id.as_deref()), (Timestamp(HOUR), Some("C1")));
    sla.driver.restart();
    sla.happen(2 * HOUR, 2, "completed");
    assert_eq!(told(&mut sla), [(3, Cleared, 2 * HOUR)]);
    // Reopened before it was closed: somebody works on it again.
    sla.happen(3 * HOUR, 3, "held");
    assert_eq!(told(&mut sla), [(4, Assigned, 3 * HOUR)]);
    sla.happen(5 * HOUR, 4, "completed");
    sla.driver.restart();
    sla.advance(7 * HOUR - 1);
    assert_eq!(told(&mut sla), [(5, Cleared, 5 * HOUR)]);
    sla.advance(7 * HOUR);
    assert_eq!(told(&mut sla), [(6, Closed, 7 * HOUR)]);
    sla.advance(40 * HOUR);
    let forgotten: Vec<_> =
        sla.driver.read("hub.degradation").into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(forgotten, [(Some(ID.into()), None), (Some(partners.into()), None)]);
}

#[test]
fn a_false_event_cancels_its_report_and_a_true_one_revives_it() {
    let mut sla = owned(None);
    let alone = |at, version, state| schemas::LifecycleFact { partner_ids: vec![], ..fact(at, version, state) };
    sla.take(&alone(0, 1, "acknowledged"));
    sla.advance(2 * HOUR);
    assert_eq!(told(&mut sla), [(1, Created, HOUR)], "nobody is there to work on it");
    sla.take(&alone(30 * MINUTE, 2, "pending"));
    assert_eq!(told(&mut sla).last().map(|(version, state, _)| (*version, *state)), Some((2, Cancelled)));
    sla.advance(3 * HOUR);
    sla.take(&alone(3 * HOUR, 3, "inProgress"));
    assert_eq!(told(&mut sla), []);
    sla.advance(3 * HOUR + 31 * MINUTE);
    assert_eq!(told(&mut sla), [(3, Created, 3 * HOUR + 30 * MINUTE)]);
}
