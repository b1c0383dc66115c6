//! Ladders: who is called when, and called off.

use std::time::Duration;

use schemas::{LifecycleFact, SlaEscalation, Timestamp};

use super::driver::{MINUTE, Sla, fact, objective};
use crate::sla::{ObjectiveSpec, OnReopen, SlaCode, SlaSettings};

const HOUR: i64 = 60 * MINUTE;

/// Ten hours with steps at 50, 90 and 100 percent.
fn ladder() -> ObjectiveSpec {
    let steps = [("50", "shift-lead"), ("90", "manager"), ("100", "director")];
    let escalate = steps.map(|(percent, role)| (percent.to_owned(), role.to_owned())).into();
    ObjectiveSpec { escalate, reopen: vec!["inProgress".into()], ..objective("repair", "10h") }
}

fn said(escalations: &[SlaEscalation]) -> Vec<(i32, bool)> {
    escalations.iter().map(|found| (found.percent, found.withdrawn)).collect()
}

#[test]
fn each_step_is_called_once_as_its_share_is_used_up() {
    let mut sla = Sla::of(vec![ladder()]);
    sla.happen(0, 1, "inProgress");
    sla.advance(5 * HOUR - 1);
    assert!(sla.escalations().is_empty());
    sla.advance(5 * HOUR);
    let first = sla.escalations();
    assert_eq!(said(&first), [(50, false)]);
    assert_eq!((first[0].role.as_str(), first[0].level, first[0].reached_at.0), ("shift-lead", 1, 5 * HOUR));
    assert_eq!(first[0].breach_at.map(|at| at.0), Some(10 * HOUR));
    sla.driver.restart();
    // Two hours of rest move what follows.
    sla.happen(6 * HOUR, 2, "pending");
    sla.happen(8 * HOUR, 3, "inProgress");
    sla.advance(11 * HOUR - 1);
    assert!(sla.escalations().is_empty());
    sla.advance(11 * HOUR);
    sla.driver.restart();
    sla.advance(30 * HOUR);
    assert_eq!(said(&sla.escalations()), [(90, false), (100, false)]);
    let commands = sla.commands();
    let ids: Vec<_> = commands.iter().map(|command| command.delivery_id.as_str()).collect();
    assert_eq!(
        ids,
        [50, 90, 100].map(|percent| format!("repair|order:7|0|{percent}:floworx-escalations")),
        "a call is one delivery, whatever happens"
    );
    let last = commands.last().unwrap();
    assert_eq!((last.entity_kind.as_str(), last.entity_id.as_str(), last.cause.as_str()), ("order", "7", "escalation"));
    assert!(last.payload.contains(r#""role":"director""#), "{}", last.payload);
    assert_eq!(sla.violations().len(), 1);
    sla.advance(60 * HOUR);
    assert!(sla.escalations().is_empty() && sla.driver.imbalance() == 0);
}

#[test]
fn an_end_that_is_told_late_calls_off_what_it_came_before() {
    let mut sla = Sla::of(vec![ladder()]);
    sla.happen(0, 1, "inProgress");
    sla.advance(9 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, false), (90, false)]);
    // It was done after six hours: the first call was right.
    sla.take(&fact(6 * HOUR, 2, "completed"));
    assert_eq!(said(&sla.escalations()), [(90, true)]);
    let commands = sla.commands();
    assert_eq!(commands.last().unwrap().delivery_id, "repair|order:7|0|90|withdrawn:floworx-escalations");
    assert!(commands.last().unwrap().payload.contains(r#""change":"withdrawn""#));
    // Opened again, it comes there once more, and that is another call.
    sla.happen(20 * HOUR, 3, "inProgress");
    sla.advance(23 * HOUR);
    let again = sla.escalations();
    assert_eq!(said(&again), [(90, false)]);
    assert_eq!(again[0].escalation_id, "repair|order:7|0|90#1");
}

#[test]
fn a_clock_that_restarts_begins_at_the_foot() {
    let mut sla = Sla::of(vec![ObjectiveSpec { on_reopen: OnReopen::Restart, ..ladder() }]);
    sla.happen(0, 1, "inProgress");
    sla.happen(6 * HOUR, 2, "completed");
    sla.happen(7 * HOUR, 3, "inProgress");
    assert_eq!(said(&sla.escalations()), [(50, false)]);
    sla.advance(12 * HOUR);
    let again = sla.escalations();
    assert_eq!((said(&again), again[0].escalation_id.as_str()), (vec![(50, false)], "repair|order:7|0|50#1"));
}

#[test]
fn a_step_passed_in_silence_lets_those_below_it_be_called_off() {
    let mut sla = Sla::of(vec![ObjectiveSpec { target: "100h".into(), ..ladder() }]);
    sla.happen(0, 1, "inProgress");
    sla.advance(50 * HOUR);
    // The hub is away for longer than what is news.
    sla.advance(120 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, false), (100, false)]);
    sla.take(&fact(40 * HOUR, 2, "completed"));
    assert_eq!(said(&sla.escalations()), [(100, true), (50, true)]);
}

#[test]
fn a_clock_that_nothing_can_be_said_of_calls_everybody_off() {
    let called = || {
        let mut sla = Sla::of(vec![ObjectiveSpec { when: r#"fact.class == "fibre""#.into(), ..ladder() }]);
        sla.take(&LifecycleFact { class: Some("fibre".into()), ..fact(0, 1, "inProgress") });
        sla.advance(9 * HOUR);
        assert_eq!(said(&sla.escalations()), [(50, false), (90, false)]);
        sla
    };
    let next = |state| LifecycleFact { class: Some("fibre".into()), ..fact(9 * HOUR + 1, 2, state) };
    let both = [(90, true), (50, true)];

    let mut suspect = called();
    suspect.take(&LifecycleFact { flags: vec!["sla_suspect".into()], ..next("held") });
    assert_eq!(said(&suspect.escalations()), both);
    let mut other = called();
    other.take(&LifecycleFact { class: Some("copper".into()), ..next("held") });
    assert_eq!(said(&other.escalations()), both, "the objective was never for it");
    other.take(&LifecycleFact { version: 3, ..next("held") });
    other.advance(9 * HOUR + 2);
    assert_eq!(other.escalations().len(), 2, "it is for it after all");
    // What the customer calls off was late all the same.
    let mut cancelled = called();
    cancelled.take(&next("cancelled"));
    assert!(cancelled.escalations().is_empty());
}

#[test]
fn a_ladder_that_is_changed_calls_off_by_the_old_and_calls_by_the_new() {
    let changed = |steps: &[(&str, &str)]| {
        let escalate = steps.iter().map(|(percent, role)| ((*percent).to_owned(), (*role).to_owned())).collect();
        let mut sla = Sla::of(vec![ladder()]);
        sla.happen(0, 1, "inProgress");
        sla.advance(9 * HOUR);
        sla.escalations();
        sla.restart_by(SlaSettings::new(vec![ObjectiveSpec { escalate, ..ladder() }], vec![]).unwrap());
        sla.advance(9 * HOUR + 1);
        sla.advance(9 * HOUR + 2);
        let calls = sla.escalations().into_iter();
        calls.map(|call| (call.escalation_id, call.role, call.withdrawn)).collect::<Vec<_>>()
    };
    let call = |step: &str, role: &str, withdrawn| (format!("repair|order:7|0|{step}"), role.to_owned(), withdrawn);
    let (half, most) = (("50", "shift-lead"), ("90", "manager"));
    assert!(changed(&[half, most]).is_empty());
    assert_eq!(changed(&[half]), [call("90", "manager", true)]);
    let renamed = [call("50", "shift-lead", true), call("50#1", "team-lead", false)];
    assert_eq!(changed(&[("50", "team-lead"), most]), renamed);
    assert_eq!(changed(&[half, ("75", "lead"), most]), [call("75", "lead", false)]);
    assert_eq!(changed(&[]), [call("90", "manager", true), call("50", "shift-lead", true)]);

    // Who was called for a clock that has ended since was called by the ladder of that time.
    let mut sla = Sla::of(vec![ladder()]);
    sla.happen(0, 1, "inProgress");
    sla.happen(6 * HOUR, 2, "completed");
    assert_eq!(said(&sla.escalations()), [(50, false)]);
    sla.restart_by(SlaSettings::new(vec![ObjectiveSpec { escalate: [].into(), ..ladder() }], vec![]).unwrap());
    sla.advance(7 * HOUR);
    assert!(sla.escalations().is_empty());
}

#[test]
fn an_entity_that_comes_again_after_it_was_forgotten_has_other_calls() {
    let settings = SlaSettings::new(vec![ladder()], vec![]).unwrap();
    let mut sla = Sla::new(settings.with_retention(Duration::from_secs(3_600)));
    sla.happen(0, 1, "inProgress");
    sla.advance(5 * HOUR);
    sla.happen(6 * HOUR, 2, "completed");
    (7..9).for_each(|hour| sla.advance(hour * HOUR));
    let again =
        |version| LifecycleFact { created_at: Some(Timestamp(9 * HOUR)), ..fact(9 * HOUR, version, "inProgress") };
    sla.advance(9 * HOUR);
    sla.take(&again(1));
    sla.advance(14 * HOUR);
    let ids: Vec<_> = sla.escalations().into_iter().map(|call| call.escalation_id).collect();
    assert_eq!(ids, ["repair|order:7|0|50", "repair|order:7|32400000|50"]);
}

#[test]
fn a_new_beginning_that_is_told_before_the_end_calls_off_what_was_wrong() {
    let mut sla = Sla::of(vec![ObjectiveSpec { on_reopen: OnReopen::Restart, ..ladder() }]);
    sla.happen(0, 1, "inProgress");
    sla.advance(9 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, false), (90, false)]);
    // It was done after six hours, and opened again an hour later.
    sla.take(&fact(7 * HOUR, 3, "inProgress"));
    assert!(sla.escalations().is_empty());
    sla.take(&fact(6 * HOUR, 2, "completed"));
    assert_eq!(said(&sla.escalations()), [(90, true)]);
    sla.advance(16 * HOUR);
    let again: Vec<_> = sla.escalations().into_iter().map(|call| call.escalation_id).collect();
    assert_eq!(again, ["repair|order:7|0|50#1", "repair|order:7|0|90#1"]);
}

/// What a start that is told late does to calls where another version of the objective is for it.
fn called_by_both_versions(earlier: ObjectiveSpec) -> Vec<(String, bool)> {
    let hour_two = "1970-01-01T02:00:00Z";
    let mut sla = Sla::of(vec![
        ObjectiveSpec { valid_to: Some(hour_two.into()), ..earlier },
        ObjectiveSpec { valid_from: Some(hour_two.into()), ..ladder() },
    ]);
    let created =
        |version, at| LifecycleFact { created_at: Some(Timestamp(at)), ..fact(3 * HOUR, version, "inProgress") };
    sla.advance(3 * HOUR);
    sla.take(&created(2, 3 * HOUR));
    sla.advance(8 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, false)]);
    // It was created before the newer version came into force.
    sla.take(&created(1, HOUR));
    sla.driver.restart();
    sla.advance(12 * HOUR);
    sla.escalations().into_iter().map(|call| (call.escalation_id, call.withdrawn)).collect()
}

#[test]
fn a_clock_of_another_version_goes_on_where_it_stood_on_the_same_ladder() {
    let id = |step: &str| format!("repair|order:7|10800000|{step}");
    assert_eq!(called_by_both_versions(ladder()), [(id("90"), false), (id("100"), false)]);
    // Half of twice the time is not over yet.
    let longer = ObjectiveSpec { target: "20h".into(), ..ladder() };
    assert_eq!(called_by_both_versions(longer), [(id("50"), true), (id("50#1"), false)]);
    let other = ObjectiveSpec { escalate: [("60".into(), "manager".into())].into(), ..ladder() };
    assert_eq!(called_by_both_versions(other), [(id("50"), true), (id("60"), false)]);
    let none = ObjectiveSpec { escalate: [].into(), ..ladder() };
    assert_eq!(called_by_both_versions(none), [(id("50"), true)]);
}

#[test]
fn a_version_that_is_configured_later_takes_over_with_the_next_fact() {
    let mut sla = Sla::of(vec![ladder()]);
    sla.advance(3 * HOUR);
    sla.take(&LifecycleFact { created_at: Some(Timestamp(3 * HOUR)), ..fact(3 * HOUR, 1, "inProgress") });
    sla.advance(8 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, false)]);
    let hour_two = || Some("1970-01-01T02:00:00Z".to_owned());
    let versions =
        vec![ObjectiveSpec { valid_to: hour_two(), ..ladder() }, ObjectiveSpec { valid_from: hour_two(), ..ladder() }];
    sla.restart_by(SlaSettings::new(versions, vec![]).unwrap());
    sla.advance(9 * HOUR);
    assert_eq!(said(&sla.escalations()), [(50, true)], "no version is known to be for it");
    sla.take(&LifecycleFact { created_at: Some(Timestamp(3 * HOUR)), ..fact(9 * HOUR, 2, "held") });
    sla.advance(12 * HOUR);
    let again: Vec<_> = sla.escalations().into_iter().map(|call| (call.escalation_id, call.withdrawn)).collect();
    assert_eq!(
        again,
        [("repair|order:7|10800000|50#1".to_owned(), false), ("repair|order:7|10800000|90".to_owned(), false)]
    );
}

#[test]
fn a_replay_calls_nobody() {
    let history = [(0, 1, "inProgress"), (9 * HOUR, 2, "completed"), (10 * HOUR, 3, "inProgress")];
    let mut sla = Sla::of(vec![ladder()]);
    sla.advance(1_000 * HOUR);
    for (at, version, state) in history {
        sla.take(&fact(at, version, state));
    }
    // It is open, and past its target for weeks.
    sla.advance(1_001 * HOUR);
    assert!(sla.escalations().is_empty() && sla.commands().is_empty());
    // Nor is anybody called off who never was called.
    sla.take(&fact(10 * HOUR + 1, 4, "completed"));
    assert!(sla.escalations().is_empty());
}

#[test]
fn a_violation_may_open_a_ticket_and_tell_it_what_becomes_of_it() {
    let mut sla =
        Sla::of(vec![ObjectiveSpec { consequence: Some("trouble_ticket".into()), ..objective("done", "1h") }]);
    sla.happen(0, 1, "inProgress");
    sla.advance(2 * HOUR);
    sla.take(&fact(HOUR, 2, "completed"));
    let told: Vec<_> = sla.commands().into_iter().map(|command| (command.specification, command.payload)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|(specification, _)| specification == "troubleTicketCreation"));
    assert!(told[0].1.contains("breached") && told[1].1.contains("withdrawn"), "{told:?}");
    let replaced = r#""replaces":"done|order:7|0""#;
    assert!(!told[0].1.contains("replaces") && told[1].1.contains(replaced), "{told:?}");
}

#[test]
fn steps_that_cannot_be_are_refused() {
    for (percent, role, says) in [
        ("0", "lead", "no share"),
        ("101", "lead", "no share"),
        ("half", "lead", "no share"),
        ("50", " ", "calls nobody"),
    ] {
        let spec = ObjectiveSpec { escalate: [(percent.into(), role.into())].into(), ..objective("done", "1h") };
        let faults = SlaSettings::new(vec![spec], vec![]).unwrap_err();
        assert_eq!((faults.len(), faults[0].code), (1, SlaCode::BadLadder));
        assert!(faults[0].message.contains(says) && faults[0].help.is_some(), "{faults:?}");
    }
    let twice = [("50".into(), "lead".into()), ("050".into(), "head".into())];
    let spec = ObjectiveSpec { escalate: twice.into(), ..objective("done", "1h") };
    assert_eq!(SlaSettings::new(vec![spec], vec![]).unwrap_err()[0].code, SlaCode::BadLadder);
}
