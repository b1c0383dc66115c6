//! What an objective asks: dates on the entity, versions, calendars of circles, what is tolerated,
//! and when no verdict can be given.

use schemas::{LifecycleFact, SlaStatus, Timestamp};

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{CalendarSpec, ClockKind, ObjectiveSpec, OnReopen, SlaSettings};
use SlaStatus::{Breached, Met, Open, Unknown};

const HOUR: i64 = 60 * MINUTE;

fn due(due: Option<i64>, fact: LifecycleFact) -> LifecycleFact {
    LifecycleFact { due_at: due.map(Timestamp), ..fact }
}

fn created(created: i64, fact: LifecycleFact) -> LifecycleFact {
    LifecycleFact { created_at: Some(Timestamp(created)), ..fact }
}

#[test]
fn a_date_on_the_entity_is_a_target_and_may_be_moved() {
    let spec = || ObjectiveSpec { pause: vec![], ..objective("on-time", "fact.due_at") };
    let mut sla = Sla::of(vec![spec()]);
    sla.take(&due(Some(HOUR), fact(0, 1, "acknowledged")));
    let state = sla.states().remove(0);
    assert_eq!((state.status, state.breach_at, state.target_ms), (Open, Some(Timestamp(HOUR)), HOUR));
    sla.advance(HOUR + 1);
    assert_eq!(sla.violations()[0].breached_at, Timestamp(HOUR));
    // A later date takes the violation back, and the clock waits for it.
    sla.take(&due(Some(3 * HOUR), fact(2 * HOUR, 2, "inProgress")));
    assert!(sla.violations()[0].withdrawn);
    assert_eq!(sla.states().last().unwrap().breach_at, Some(Timestamp(3 * HOUR)));
    sla.happen(3 * HOUR, 3, "completed");
    // The newest fact does not have the date any more.
    let last = sla.states().pop().unwrap();
    assert_eq!((last.status, last.reason.as_deref()), (Unknown, Some("no_due_date")));

    let mut sla = Sla::of(vec![spec()]);
    sla.take(&due(Some(HOUR), fact(0, 1, "acknowledged")));
    sla.advance(HOUR);
    sla.take(&due(Some(HOUR), fact(HOUR, 2, "completed")));
    assert_eq!(sla.news().last(), Some(&(Met, true, 90)), "a promise that is just kept is kept");
}

#[test]
fn without_a_date_that_makes_sense_no_verdict_is_guessed() {
    let mut sla = Sla::of(vec![objective("on-time", "fact.due_at")]);
    sla.take(&fact(0, 1, "acknowledged"));
    let state = sla.states().remove(0);
    assert_eq!((state.status, state.closed, state.reason.as_deref()), (Unknown, false, Some("no_due_date")));
    sla.take(&due(Some(-HOUR), fact(MINUTE, 2, "inProgress")));
    assert_eq!(sla.states()[0].reason.as_deref(), Some("due_before_start"));
    sla.take(&due(Some(HOUR), fact(2 * MINUTE, 3, "held")));
    assert_eq!(sla.news(), [(Open, false, 0)]);
    sla.advance(9 * HOUR);
    assert_eq!(sla.violations().len(), 1, "the date that came later counts");
    let mut suspect = fact(9 * HOUR, 4, "inProgress");
    suspect.flags = vec!["sla_suspect".into()];
    sla.take(&suspect);
    assert_eq!(sla.states().pop().unwrap().reason.as_deref(), Some("suspect_times"));
    assert!(sla.violations()[0].withdrawn);
}

#[test]
fn the_version_that_is_valid_at_the_start_counts() {
    let change = at("2026-04-01T00:00:00Z");
    let old = ObjectiveSpec { valid_to: Some("2026-04-01".into()), ..objective("port", "7d") };
    let new = ObjectiveSpec { valid_from: Some("2026-04-01".into()), ..objective("port", "3d") };
    let targets = |created_at: i64| {
        let mut sla = Sla::of(vec![old.clone(), new.clone()]);
        sla.advance(created_at);
        sla.take(&created(created_at, fact(created_at, 1, "acknowledged")));
        let states = sla.states();
        assert!(states.iter().all(|state| state.objective == "port"));
        (states.iter().map(|state| state.target_ms / (24 * HOUR)).collect::<Vec<_>>(), sla)
    };
    assert_eq!(targets(change).0, [3]);
    let (told, mut sla) = targets(change - 1);
    assert_eq!(told, [7]);
    sla.advance(change + 8 * 24 * HOUR);
    assert_eq!(sla.violations().len(), 1);
    sla.states();
    // The creation turns out to have been a millisecond later: the other version's clock takes over,
    // under the same key, and what the first one was blamed for is taken back.
    let mut moved = created(change, fact(change + MINUTE, 0, "inProgress"));
    moved.version = -1;
    sla.take(&LifecycleFact { version: 2, ..moved.clone() });
    assert!(sla.violations().is_empty(), "of two creation times the first version's counts");
    let first = created(change, fact(change, 1, "acknowledged"));
    let mut late = Sla::of(vec![old.clone(), new.clone()]);
    late.advance(change + 8 * 24 * HOUR);
    late.take(&created(change - 1, fact(change + MINUTE, 2, "inProgress")));
    late.advance(change + 8 * 24 * HOUR + 1);
    assert_eq!(late.violations().len(), 1);
    late.states();
    late.take(&first);
    let states = late.states();
    let said: Vec<_> = states.iter().map(|state| (state.status, state.closed, state.target_ms / (24 * HOUR))).collect();
    assert_eq!(said, [(SlaStatus::Cancelled, true, 7), (Breached, false, 3)]);
    let told: Vec<_> = late.violations().iter().map(|said| (said.reference_ms / (24 * HOUR), said.withdrawn)).collect();
    assert_eq!(told, [(7, true), (3, false)]);
}

#[test]
fn a_circle_may_have_a_calendar_of_its_own() {
    let all_day = |name: &str, days: &[&str], holidays: &[&str]| {
        let hours: Vec<_> = days.iter().map(|day| format!("{day} = [\"00:00-24:00\"]")).collect();
        CalendarSpec { name: name.into(), ..london(&hours.join("\n"), holidays) }
    };
    let week = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let spec = ObjectiveSpec {
        clock: ClockKind::Business,
        calendar: Some("common".into()),
        circles: [("Kerala".to_owned(), "kerala".to_owned())].into(),
        ..objective("done", "2d")
    };
    let calendars = || vec![all_day("common", &week, &["2026-01-01"]), all_day("kerala", &week, &["2026-03-18"])];
    let settings = SlaSettings::new(vec![spec], calendars()).unwrap();
    let mut sla = Sla::new(settings);
    // A Tuesday in winter time; Wednesday is free in Kerala only.
    let start = at("2026-03-17T00:00:00Z");
    sla.advance(start);
    let first = created(start, fact(start, 1, "acknowledged"));
    sla.take(&first);
    assert_eq!(sla.states()[0].breach_at, Some(Timestamp(at("2026-03-19T00:00:00Z"))));
    sla.take(&LifecycleFact { circle: Some("Kerala".into()), ..created(start, fact(start + MINUTE, 2, "inProgress")) });
    assert_eq!(sla.states()[0].breach_at, Some(Timestamp(at("2026-03-20T00:00:00Z"))));
}

#[test]
fn a_year_that_a_calendar_does_not_list_gives_no_verdict() {
    let hours = r#"monday = ["00:00-24:00"]
        thursday = ["00:00-24:00"]
        friday = ["00:00-24:00"]"#;
    let spec = ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..objective("done", "2d") };
    let settings = |holidays: &[&str]| SlaSettings::new(vec![spec.clone()], vec![london(hours, holidays)]).unwrap();
    // A Thursday; the second day of work is in the next year.
    let start = at("2026-12-31T00:00:00Z");
    let take = |settings, state: &str, version| {
        let mut sla = Sla::new(settings);
        sla.advance(start + HOUR);
        sla.take(&created(start, fact(start, 1, "acknowledged")));
        if version > 1 {
            sla.take(&created(start, fact(start + HOUR, version, state)));
        }
        let last = sla.states().pop().unwrap();
        (last.status, last.reason)
    };
    assert_eq!(take(settings(&["2026-12-25"]), "", 1), (Unknown, Some("no_calendar_year".to_owned())));
    assert_eq!(take(settings(&["2026-12-25"]), "completed", 2), (Met, None), "it ended in a year that is listed");
    assert_eq!(take(settings(&["2026-12-25", "2027-01-26"]), "", 1), (Open, None));
    assert_eq!(take(settings(&[]), "", 1), (Open, None), "a calendar without holidays has none");
}

#[test]
fn what_is_tolerated_is_no_violation() {
    let spec = ObjectiveSpec { tolerance: Some("10m".into()), ..objective("done", "1h") };
    let mut sla = Sla::of(vec![spec]);
    sla.happen(0, 1, "acknowledged");
    assert_eq!(sla.states()[0].breach_at, Some(Timestamp(70 * MINUTE)));
    sla.advance(70 * MINUTE);
    assert!(sla.violations().is_empty());
    sla.advance(70 * MINUTE + 1);
    let told = sla.violations().remove(0);
    assert_eq!((told.reference_ms, told.tolerance_ms, told.unit.as_str()), (HOUR, 10 * MINUTE, "ms"));
    assert_eq!((told.breached_at, told.operator.as_str()), (Timestamp(70 * MINUTE), "le"));
}

#[test]
fn a_reopened_clock_goes_on_or_starts_anew_and_a_breach_stands() {
    let spec = |on_reopen| ObjectiveSpec { reopen: vec!["held".into()], on_reopen, ..objective("repair", "1h") };
    let reopened = |on_reopen| {
        let mut sla = Sla::of(vec![spec(on_reopen)]);
        sla.happen(0, 1, "acknowledged");
        sla.happen(50 * MINUTE, 2, "completed");
        sla.happen(2 * HOUR, 3, "held");
        sla
    };
    let mut sla = reopened(OnReopen::Continue);
    assert_eq!(sla.states().pop().unwrap().breach_at, Some(Timestamp(2 * HOUR + 10 * MINUTE)));
    let mut sla = reopened(OnReopen::Restart);
    let state = sla.states().pop().unwrap();
    assert_eq!((state.breach_at, state.started_at), (Some(Timestamp(3 * HOUR)), Timestamp(2 * HOUR)));
    sla.driver.restart();
    sla.advance(3 * HOUR + 1);
    assert_eq!(sla.violations()[0].actual_ms, HOUR + 1);
    sla.happen(4 * HOUR, 4, "completed");
    sla.happen(5 * HOUR, 5, "held");
    sla.happen(6 * HOUR, 6, "completed");
    let state = sla.states().pop().unwrap();
    assert_eq!((state.status, state.consumed_ms), (Breached, 3 * HOUR), "the target is not given again after a breach");
    assert!(sla.violations().is_empty());
}

#[test]
fn an_entity_whose_clock_never_started_is_forgotten_too() {
    let spec =
        ObjectiveSpec { start: crate::sla::StartSpec::States(vec!["inProgress".into()]), ..objective("repair", "1h") };
    let settings = SlaSettings::new(vec![spec], vec![]).unwrap();
    let mut sla = Sla::new(settings.with_retention(std::time::Duration::from_hours(24)));
    sla.happen(0, 1, "acknowledged");
    sla.happen(MINUTE, 2, "rejected");
    assert!(sla.driver.store_get(crate::sla::STORE, "order:7").is_some());
    sla.advance(25 * HOUR);
    assert!(sla.driver.store_get(crate::sla::STORE, "order:7").is_none());
    assert!(sla.states().is_empty());
}
