//! What a changed calendar does to clocks that nothing happens to.

use schemas::{DegradationState, LifecycleFact, SlaStatus};

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{ClockKind, ObjectiveSpec, SlaSettings};

const HOURS: &str = r#"friday = ["09:00-17:00"]
    monday = ["09:00-17:00"]
    tuesday = ["09:00-17:00"]"#;

/// Eight hours of London's working time.
fn settings(holidays: &[&str]) -> SlaSettings {
    let day = ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..objective("day", "8h") };
    SlaSettings::new(vec![day], vec![london(HOURS, holidays)]).unwrap()
}

fn order(id: usize, state: &str, version: i64, time: &str) -> LifecycleFact {
    LifecycleFact { entity_id: id.to_string(), created_at: None, ..fact(at(time), version, state) }
}

#[test]
fn a_holiday_declared_late_takes_violations_back_and_sets_new_breaches() {
    // More than one turn of the sweep.
    const OPEN: usize = 700;
    let mut sla = Sla::new(settings(&[]));
    sla.advance(at("2026-11-27T12:00:00Z"));
    (0..OPEN).for_each(|id| sla.take(&order(id, "inProgress", 1, "2026-11-27T12:00:00Z")));
    // One waits for its customer, and has no breach to wait for.
    sla.take(&order(OPEN, "inProgress", 1, "2026-11-27T10:00:00Z"));
    sla.take(&order(OPEN, "pending", 2, "2026-11-27T11:00:00Z"));
    // One was done late on Monday.
    sla.take(&order(OPEN + 1, "inProgress", 1, "2026-11-27T09:00:00Z"));
    sla.advance(at("2026-11-30T15:00:00Z"));
    sla.take(&order(OPEN + 1, "completed", 2, "2026-11-30T15:00:00Z"));
    let told = sla.violations();
    assert_eq!(told.len(), OPEN + 1);
    sla.states();

    sla.restart_by(settings(&["2026-11-30"]));
    // It stops half way, and is begun by nobody anew.
    sla.driver.restart();
    (1..9).for_each(|millis| sla.advance(at("2026-11-30T15:00:00Z") + millis));
    let taken_back = sla.violations();
    assert!(taken_back.iter().all(|violation| violation.withdrawn), "{taken_back:?}");
    assert_eq!(taken_back.len(), OPEN + 1);
    let states = sla.states();
    let done = states.iter().find(|state| state.entity_id == (OPEN + 1).to_string()).unwrap();
    assert_eq!((done.status, done.closed), (SlaStatus::Met, true));
    let open = states.iter().find(|state| state.entity_id == "0").unwrap();
    assert_eq!((open.status, open.breach_at.unwrap().0), (SlaStatus::Open, at("2026-12-01T12:00:00Z")));

    sla.advance(at("2026-12-01T12:00:01Z"));
    let breached = sla.violations();
    assert_eq!(breached.len(), OPEN, "each that is open, once more");
    assert!(breached.iter().all(|violation| violation.version == 3 && !violation.withdrawn));
    assert_eq!(sla.driver.imbalance(), 0);
}

#[test]
fn a_paused_clock_is_found_though_nothing_is_due() {
    let mut sla = Sla::new(settings(&["2026-11-27"]));
    sla.advance(at("2026-11-30T09:00:00Z"));
    sla.take(&order(1, "inProgress", 1, "2026-11-26T09:00:00Z"));
    sla.take(&order(1, "pending", 2, "2026-11-27T17:00:00Z"));
    sla.take(&order(1, "inProgress", 3, "2026-11-30T09:00:00Z"));
    sla.take(&order(1, "pending", 4, "2026-11-30T10:00:00Z"));
    assert!(sla.violations().is_empty());
    // Friday was no holiday after all: nine hours are used.
    sla.restart_by(settings(&[]));
    sla.advance(at("2026-11-30T10:00:01Z"));
    assert_eq!(sla.violations().len(), 1);
}

#[test]
fn what_did_not_change_is_not_told_again() {
    let mut sla = Sla::new(settings(&[]));
    sla.advance(at("2026-11-27T10:00:00Z"));
    sla.take(&order(1, "inProgress", 1, "2026-11-27T10:00:00Z"));
    sla.take(&order(2, "inProgress", 1, "2026-11-27T09:00:00Z"));
    sla.take(&order(2, "completed", 2, "2026-11-27T09:30:00Z"));
    sla.states();
    let changes = |sla: &Sla| sla.driver.log().records("test.sla-clocks.changelog").len();
    let before = changes(&sla);
    // The same settings begin no sweep; others that come to the same tell nothing.
    sla.restart_by(settings(&[]));
    sla.advance(at("2026-11-27T10:00:01Z"));
    sla.restart_by(settings(&["2026-08-31"]));
    sla.advance(at("2026-11-27T10:00:02Z"));
    assert!(sla.states().is_empty());
    assert_eq!(changes(&sla), before);
}

#[test]
fn clocks_of_an_objective_that_is_taken_out_are_let_go() {
    let escalate = [("50".to_owned(), "lead".to_owned())];
    let gone = || ObjectiveSpec { escalate: escalate.clone().into(), ..objective("gone", "1h") };
    let kept = || ObjectiveSpec { pause: vec![], ..objective("kept", "8h") };
    let of = |objectives| SlaSettings::new(objectives, vec![]).unwrap();
    let mut sla = Sla::new(of(vec![gone(), kept()]));
    let order = |id: &str, version, minutes: i64, state: &str| LifecycleFact {
        entity_id: id.into(),
        created_at: None,
        ..fact(minutes * MINUTE, version, state)
    };
    sla.take(&order("late", 1, 0, "inProgress"));
    sla.advance(60 * MINUTE + 1);
    sla.take(&order("next", 1, 60, "inProgress"));
    sla.advance(90 * MINUTE);
    assert_eq!((sla.violations().len(), sla.reports().len()), (1, 4), "created and assigned, of customer and partner");
    assert_eq!(sla.escalations().len(), 2);
    sla.states();

    sla.restart_by(of(vec![kept()]));
    // A fact finds one of them before the sweep does.
    sla.take(&order("next", 2, 90, "held"));
    sla.advance(90 * MINUTE + 1);
    sla.advance(90 * MINUTE + 2);
    let deleted = sla.driver.read("hub.sla.state").into_iter().filter(|record| record.value.is_none());
    let mut deleted: Vec<_> =
        deleted.map(|record| String::from_utf8_lossy(record.key.as_deref().unwrap()).into_owned()).collect();
    deleted.sort();
    assert_eq!(deleted, ["gone|order:late", "gone|order:next"]);
    assert!(sla.violations().is_empty() && sla.escalations().is_empty(), "what was told was right");
    let closed = sla.reports();
    assert!(closed.len() == 2 && closed.iter().all(|report| report.state == DegradationState::Closed), "{closed:?}");
    // The other objective goes on.
    sla.advance(10 * 60 * MINUTE);
    assert_eq!(sla.violations().len(), 2);
    assert_eq!(sla.driver.imbalance(), 0);
}

#[test]
fn a_timer_that_comes_before_the_sweep_lets_clocks_go_as_the_sweep_does() {
    // Three turns of the sweep.
    const OPEN: usize = 700;
    let kept = || ObjectiveSpec { when: r#"fact.class == "fibre""#.into(), ..objective("kept", "8h") };
    let of = |objectives| SlaSettings::new(objectives, vec![]).unwrap();
    let mut sla = Sla::new(of(vec![objective("gone", "1h"), kept()]));
    for id in 0..OPEN {
        let class = (id % 2 == 0).then(|| "fibre".to_owned());
        sla.take(&LifecycleFact { entity_id: id.to_string(), class, created_at: None, ..fact(0, 1, "inProgress") });
    }
    // In the next millisecond all of them breach what is taken out.
    sla.advance(60 * MINUTE);
    sla.states();
    sla.restart_by(of(vec![kept()]));
    (1..5).for_each(|millis| sla.advance(60 * MINUTE + millis));
    let told = sla.driver.read("hub.sla.state");
    assert_eq!(told.iter().filter(|record| record.value.is_none()).count(), OPEN);
    assert!(sla.violations().is_empty());
    // The other clocks are remembered, and go on.
    sla.advance(9 * 60 * MINUTE);
    assert_eq!(sla.violations().len(), OPEN / 2);
    assert_eq!(sla.driver.imbalance(), 0);
}
