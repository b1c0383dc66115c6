//! What operators see of one clock, step by step.

use std::time::Duration;

use schemas::SlaStatus::{self, *};
use schemas::Timestamp;
use topology::Outcome;

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{ClockKind, ObjectiveSpec, SlaSettings, StartSpec};

const HOUR: i64 = 60 * MINUTE;

fn hour() -> Sla {
    Sla::of(vec![objective("done", "1h")])
}

#[test]
fn an_order_in_time_is_open_then_met() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    let open = &sla.states()[0];
    assert_eq!((open.status, open.closed, open.breach_at), (Open, false, Some(Timestamp(HOUR))));
    assert_eq!((open.consumed_ms, open.target_ms, open.customer_id.as_deref()), (0, HOUR, Some("C1")));
    sla.happen(10 * MINUTE, 2, "inProgress");
    assert_eq!(sla.news(), []);
    sla.happen(20 * MINUTE, 3, "completed");
    let met = &sla.states()[0];
    assert_eq!((met.status, met.closed, met.breach_at), (Met, true, None));
    assert_eq!((met.consumed_ms, met.stopped_at), (20 * MINUTE, Some(Timestamp(20 * MINUTE))));
    sla.advance(10 * HOUR);
    assert_eq!(sla.news(), []);
    assert!(sla.violations().is_empty() && sla.driver.imbalance() == 0);
}

#[test]
fn an_order_out_of_time_is_warned_of_breached_once_and_closed() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    for (minute, news) in
        [(1, (Open, false, 0)), (30, (Open, false, 50)), (46, (Open, false, 75)), (54, (Open, false, 90))]
    {
        sla.advance(minute * MINUTE);
        assert_eq!(sla.news(), [news], "minute {minute}");
    }
    sla.advance(HOUR);
    assert_eq!(sla.news(), [], "a target that is just met is met");
    sla.advance(HOUR + 5);
    assert_eq!(sla.news(), [(Breached, false, 90)]);
    let violations = sla.violations();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].violation_id, "done|order:7|0");
    assert_eq!(violations[0].breached_at, Timestamp(HOUR));
    assert_eq!((violations[0].actual_ms, violations[0].reference_ms), (HOUR + 5, HOUR));
    let billed = sla.billed();
    assert_eq!(billed.len(), 1);
    assert_eq!(billed[0].delivery_id, "done|order:7|0:billing-sla-violations");
    assert_eq!((billed[0].account_id.as_deref(), billed[0].entity_kind.as_str()), (Some("A1"), "sla_violation"));

    sla.happen(2 * HOUR, 2, "completed");
    let closed = &sla.states()[0];
    assert_eq!((closed.status, closed.closed, closed.consumed_ms), (Breached, true, 2 * HOUR));
    sla.advance(9 * HOUR);
    assert!(sla.violations().is_empty() && sla.news().is_empty());
}

#[test]
fn a_clock_rests_while_pending_and_goes_on_after_a_restart() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.happen(20 * MINUTE, 2, "pending");
    assert_eq!(sla.news(), [(Open, false, 0), (Paused, false, 0)]);
    sla.driver.restart();
    sla.advance(50 * HOUR);
    assert_eq!(sla.news(), [], "no time passes for a resting clock");
    sla.happen(50 * HOUR, 3, "inProgress");
    let resumed = &sla.states()[0];
    assert_eq!((resumed.status, resumed.breach_at), (Open, Some(Timestamp(50 * HOUR + 40 * MINUTE))));
    sla.driver.restart();
    sla.advance(50 * HOUR + 41 * MINUTE);
    assert_eq!(sla.violations().len(), 1, "the timer survived the restart");
    sla.driver.restart();
    sla.happen(51 * HOUR, 4, "completed");
    assert_eq!(sla.states().last().unwrap().consumed_ms, 80 * MINUTE);
    assert!(sla.violations().is_empty());
}

#[test]
fn held_does_not_stop_the_clock() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.happen(MINUTE, 2, "held");
    sla.advance(HOUR + 1);
    assert_eq!(sla.violations().len(), 1);
}

#[test]
fn a_late_fact_amends_a_breach_to_met() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.advance(HOUR + 1);
    sla.news();
    assert_eq!(sla.violations().len(), 1);
    let billed = sla.billed().remove(0);
    sla.take(&fact(50 * MINUTE, 2, "completed"));
    assert_eq!(sla.news(), [(Met, true, 90)]);
    let violations = sla.violations();
    assert_eq!(violations.len(), 1);
    assert_eq!((violations[0].violation_id.as_str(), violations[0].withdrawn), ("done|order:7|0", true));
    // Billing's row of the violation is overwritten, by a delivery of its own.
    let taken_back = sla.billed().remove(0);
    assert_eq!((billed.state.as_deref(), taken_back.state.as_deref()), (None, Some("withdrawn")));
    assert_eq!(billed.entity_id, taken_back.entity_id);
    assert_eq!((billed.version, taken_back.version), (1, 2));
    assert_eq!(taken_back.delivery_id, "done|order:7|0#2:billing-sla-violations");
}

#[test]
fn a_breach_that_was_taken_back_may_come_true_again() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.advance(HOUR + 1);
    assert_eq!(sla.violations().len(), 1);
    sla.take(&fact(50 * MINUTE, 2, "pending"));
    sla.happen(3 * HOUR, 3, "inProgress");
    assert_eq!(sla.news().last(), Some(&(Open, false, 90)));
    sla.driver.restart();
    sla.advance(3 * HOUR + 10 * MINUTE + 1);
    assert_eq!(sla.news(), [(Breached, false, 90)]);
    let told: Vec<_> = sla.violations().into_iter().map(|told| (told.violation_id, told.withdrawn)).collect();
    assert_eq!(told, [true, false].map(|withdrawn| ("done|order:7|0".to_owned(), withdrawn)));
    let billed: Vec<_> = sla.billed().into_iter().map(|row| (row.version, row.state)).collect();
    assert_eq!(billed, [(1, None), (2, Some("withdrawn".to_owned())), (3, None)]);
}

#[test]
fn a_late_pause_amends_the_time_used() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.happen(70 * MINUTE, 4, "completed");
    assert_eq!(sla.news().last(), Some(&(Breached, true, 90)));
    assert_eq!(sla.violations()[0].actual_ms, 70 * MINUTE);
    sla.take(&fact(30 * MINUTE, 3, "inProgress"));
    sla.take(&fact(10 * MINUTE, 2, "pending"));
    let amended = sla.states();
    let amended = amended.last().unwrap();
    assert_eq!((amended.status, amended.consumed_ms), (Met, 50 * MINUTE));
    assert!(sla.violations()[0].withdrawn);
}

#[test]
fn a_late_fact_that_leaves_the_breach_amends_its_time() {
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    sla.happen(70 * MINUTE, 4, "completed");
    let told = sla.violations().remove(0);
    assert_eq!((told.version, told.replaces.as_deref()), (1, None));
    sla.billed();
    sla.take(&fact(15 * MINUTE, 3, "inProgress"));
    assert!(sla.violations().is_empty(), "the clock ran anyhow");
    sla.take(&fact(10 * MINUTE, 2, "pending"));
    let amended = sla.violations().remove(0);
    assert_eq!((amended.breached_at, amended.actual_ms), (Timestamp(65 * MINUTE), 65 * MINUTE));
    assert_eq!((amended.violation_id, amended.withdrawn), (told.violation_id, false));
    assert_eq!((amended.version, amended.replaces.as_deref()), (2, Some("done|order:7|0")));
    let row = sla.billed().remove(0);
    assert_eq!(
        (row.version, row.state, row.delivery_id.as_str()),
        (2, None, "done|order:7|0#2:billing-sla-violations")
    );
    // Taken back, it replaces what was said last; told anew, nothing that still stands.
    sla.take(&fact(50 * MINUTE, 5, "completed"));
    let taken_back = sla.violations().remove(0);
    assert_eq!((taken_back.version, taken_back.replaces.as_deref()), (3, Some("done|order:7|0#2")));
}

#[test]
fn a_replay_gives_the_same_violations_and_notifies_nobody() {
    let history = [fact(0, 1, "acknowledged"), fact(3 * HOUR, 2, "completed")];
    let mut live = Sla::notifying();
    for fact in &history {
        live.advance(fact.occurred_at.0);
        live.take(fact);
    }
    let mut replay = Sla::notifying();
    replay.advance(90 * 24 * HOUR);
    for fact in &history {
        replay.take(fact);
    }
    let said = |sla: &mut Sla| -> Vec<_> {
        sla.violations().into_iter().map(|said| (said.violation_id, said.breached_at, said.withdrawn)).collect()
    };
    let told = said(&mut live);
    assert_eq!(told.len(), 1);
    assert_eq!(said(&mut replay), told);
    assert_eq!((live.driver.read("out.notification").len(), replay.driver.read("out.notification").len()), (1, 0));
    assert_eq!(replay.billed().len(), 1, "a credit is due whenever it is told of");
}

#[test]
fn repeats_are_counted_and_change_nothing() {
    let mut sla = hour();
    for _ in 0..3 {
        sla.happen(0, 1, "acknowledged");
    }
    assert_eq!(sla.news().len(), 1);
    let ledger = sla.driver.outcomes();
    assert_eq!(ledger.ended("hub.lifecycle", Outcome::Duplicate), 2);
    assert_eq!(ledger.ended("hub.lifecycle", Outcome::Applied), 1);
}

#[test]
fn an_unreadable_fact_is_a_dead_letter_and_the_next_one_counts() {
    let mut sla = hour();
    sla.driver.pipe("hub.lifecycle", "order:7", &b"nonsense"[..], Timestamp(0));
    sla.happen(0, 1, "acknowledged");
    assert_eq!(sla.news().len(), 1);
    assert_eq!(sla.driver.outcomes().ended("hub.lifecycle", Outcome::DeadLettered), 1);
    assert_eq!(sla.driver.imbalance(), 0);
}

#[test]
fn times_without_sense_give_no_verdict() {
    // Born in its last state.
    let mut sla = hour();
    sla.happen(0, 1, "completed");
    assert_eq!(sla.news(), [(Unknown, true, 0)]);
    // Stopped before it began.
    let mut sla = hour();
    sla.take(&fact(-5 * HOUR, 1, "completed"));
    assert_eq!(sla.news(), [(Unknown, true, 0)]);
    // Said to be in doubt, after a violation even.
    let mut sla = hour();
    sla.happen(0, 1, "acknowledged");
    let mut doubtful = fact(MINUTE, 2, "inProgress");
    doubtful.flags = vec!["sla_suspect".into()];
    sla.take(&doubtful);
    assert_eq!(sla.news().last(), Some(&(Unknown, true, 0)));
    sla.advance(9 * HOUR);
    assert!(sla.violations().is_empty());
}

#[test]
fn cancelling_or_deleting_ends_without_a_verdict() {
    for (state, change) in [("cancelled", "state_changed"), ("inProgress", "deleted")] {
        let mut sla = hour();
        sla.happen(0, 1, "acknowledged");
        let mut last = fact(MINUTE, 2, state);
        last.change = change.into();
        sla.take(&last);
        assert_eq!(sla.news().last(), Some(&(Cancelled, true, 0)), "{state}");
        sla.advance(9 * HOUR);
        assert!(sla.violations().is_empty());
    }
}

#[test]
fn a_class_has_its_own_target_and_a_raised_priority_another_objective() {
    let mut vas = objective("done", "4h");
    vas.classes.insert("vas".into(), "5m".into());
    vas.classes.insert("gold".into(), "2m".into());
    let mut sla = Sla::of(vec![vas]);
    let mut first = fact(0, 1, "acknowledged");
    first.class = Some("vas".into());
    sla.take(&first);
    assert_eq!(sla.states()[0].target_ms, 5 * MINUTE);
    first.version = 2;
    first.customer_class = Some("gold".into());
    sla.take(&first);
    assert_eq!(sla.states()[0].target_ms, 2 * MINUTE, "of two that apply the shorter one");

    let low = ObjectiveSpec { when: r#"fact.priority != "0""#.into(), ..objective("low", "4h") };
    let high = ObjectiveSpec { when: r#"fact.priority == "0""#.into(), ..objective("high", "1h") };
    let mut sla = Sla::of(vec![low, high]);
    sla.happen(0, 1, "acknowledged");
    let mut raised = fact(30 * MINUTE, 2, "inProgress");
    raised.priority = Some("0".into());
    sla.take(&raised);
    let states: Vec<_> = sla.states().iter().map(|state| (state.objective.clone(), state.status)).collect();
    let said = |name: &str, status: SlaStatus| (name.to_owned(), status);
    assert_eq!(states, [said("low", Open), said("low", Cancelled), said("high", Open)]);
    sla.advance(HOUR + 1);
    assert_eq!(sla.violations()[0].objective, "high");
}

#[test]
fn a_clock_may_start_at_a_state_and_go_on_when_reopened() {
    let spec = ObjectiveSpec {
        start: StartSpec::States(vec!["inProgress".into()]),
        reopen: vec!["held".into()],
        ..objective("repair", "1h")
    };
    let mut sla = Sla::of(vec![spec]);
    sla.happen(10 * MINUTE, 1, "acknowledged");
    assert_eq!(sla.news(), []);
    sla.happen(20 * MINUTE, 2, "inProgress");
    sla.happen(40 * MINUTE, 3, "completed");
    assert_eq!(sla.news(), [(Open, false, 0), (Met, true, 0)]);
    sla.happen(10 * HOUR, 4, "held");
    let reopened = &sla.states()[0];
    assert_eq!((reopened.status, reopened.closed), (Open, false));
    assert_eq!(reopened.started_at, Timestamp(20 * MINUTE));
    assert_eq!(reopened.breach_at, Some(Timestamp(10 * HOUR + 40 * MINUTE)));
    sla.advance(11 * HOUR);
    assert_eq!(sla.violations().len(), 1);
}

#[test]
fn nights_weekends_and_holidays_do_not_count() {
    let hours = r#"friday = ["09:00-17:00"]
        monday = ["09:00-17:00"]
        tuesday = ["09:00-17:00"]"#;
    let spec =
        ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..objective("done", "10h") };
    let settings = SlaSettings::new(vec![spec], vec![london(hours, &["2026-03-30"])]).unwrap();
    let mut sla = Sla::new(settings);
    // Friday noon in winter time; Monday is a holiday, and on Sunday the clocks go forward.
    let start = at("2026-03-27T12:00:00Z");
    sla.advance(start);
    let mut first = fact(start, 1, "acknowledged");
    first.created_at = Some(Timestamp(start));
    sla.take(&first);
    assert_eq!(sla.states()[0].breach_at, Some(Timestamp(at("2026-03-31T13:00:00Z"))));
    sla.advance(at("2026-03-31T13:00:00Z"));
    assert!(sla.violations().is_empty());
    sla.advance(at("2026-03-31T13:00:01Z"));
    assert_eq!(sla.violations()[0].actual_ms, 10 * HOUR + 1_000);
}

#[test]
fn after_an_absence_facts_that_wait_in_the_log_come_first() {
    let grace = Duration::from_secs(2);
    let settings = SlaSettings::new(vec![objective("done", "1h")], vec![]).unwrap().with_grace(grace);
    let mut sla = Sla::new(settings);
    sla.happen(0, 1, "acknowledged");
    sla.news();
    // Away from minute 10 to hour 5, while the order was completed in time.
    sla.advance(5 * HOUR);
    assert_eq!(sla.news(), []);
    sla.take(&fact(40 * MINUTE, 2, "completed"));
    sla.advance(6 * HOUR);
    assert_eq!(sla.news(), [(Met, true, 0)]);
    assert!(sla.violations().is_empty());
    // Where no such fact comes, the breach is told after the grace.
    let settings = SlaSettings::new(vec![objective("done", "1h")], vec![]).unwrap().with_grace(grace);
    let mut sla = Sla::new(settings);
    sla.happen(0, 1, "acknowledged");
    sla.advance(5 * HOUR);
    sla.advance(5 * HOUR + 2_000);
    assert_eq!(sla.violations().len(), 1);
}

#[test]
fn an_ended_entity_is_forgotten_after_the_retention() {
    let settings = SlaSettings::new(vec![objective("done", "1h")], vec![]).unwrap();
    let mut sla = Sla::new(settings.with_retention(Duration::from_hours(24)));
    sla.happen(0, 1, "acknowledged");
    sla.happen(MINUTE, 2, "completed");
    assert!(sla.driver.store_get(crate::sla::STORE, "order:7").is_some());
    sla.driver.read("hub.sla.state");
    sla.advance(25 * HOUR);
    assert!(sla.driver.store_get(crate::sla::STORE, "order:7").is_none());
    let last = sla.driver.read("hub.sla.state");
    assert_eq!(last.len(), 1);
    assert_eq!((last[0].key.as_deref(), last[0].value.as_deref()), (Some(&b"done|order:7"[..]), None));
}

#[test]
fn a_violation_is_taken_back_by_the_id_that_it_was_told_by() {
    let mut sla = hour();
    // Without its creation the clock starts with what was heard first.
    let unborn = |at, version, state| schemas::LifecycleFact { created_at: None, ..fact(at, version, state) };
    sla.take(&unborn(10 * MINUTE, 2, "inProgress"));
    sla.advance(2 * HOUR);
    let told = sla.violations().remove(0);
    sla.take(&unborn(0, 1, "acknowledged"));
    sla.take(&unborn(50 * MINUTE, 3, "completed"));
    let said = sla.violations();
    let withdrawn: Vec<_> = said.iter().map(|said| said.withdrawn).collect();
    assert_eq!(withdrawn, [false, true], "amended to the earlier start, then taken back");
    assert!(said.iter().all(|said| said.violation_id == told.violation_id));
}

#[test]
fn advancing_the_time_costs_what_is_due_and_not_what_is_open() {
    let mut sla = Sla::of(vec![objective("done", "1h")]);
    // One order a second: of 1 200 open clocks few come to a level at a time.
    for second in 0..1_200 {
        sla.advance(second * 1_000);
        let first = fact(second * 1_000, 1, "inProgress");
        sla.take(&schemas::LifecycleFact { entity_id: second.to_string(), created_at: None, ..first });
    }
    let fired = |sla: &Sla| sla.driver.snapshot().timers;
    let before = fired(&sla);
    sla.advance(30 * MINUTE - 1);
    assert_eq!(fired(&sla), before, "nothing is due");
    sla.advance(30 * MINUTE + 2_000);
    assert_eq!(fired(&sla) - before, 3, "three are at half of their time");
    sla.advance(90 * MINUTE);
    // Each warns at 50, 75 and 90 percent and breaches, once.
    assert!(fired(&sla) - before <= 4 * 1_200, "{}", fired(&sla) - before);
    assert_eq!(sla.violations().len(), 1_200);
}
