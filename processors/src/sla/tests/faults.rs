//! What is wrong with objectives and calendars is said at once, with the nearest right thing.

use schemas::Timestamp;

use super::driver::{at, london, objective};
use crate::sla::{
    ClockKind, ObjectiveSpec, SlaCode, SlaError, SlaPart, SlaSettings, StartSpec, default_calendars, default_objectives,
};

fn faults(objectives: Vec<ObjectiveSpec>) -> Vec<SlaError> {
    SlaSettings::new(objectives, vec![]).unwrap_err()
}

#[test]
fn the_defaults_have_none() {
    let settings = SlaSettings::new(default_objectives(), default_calendars()).unwrap();
    assert_eq!(settings.len(), default_objectives().len());
    assert!(settings.warnings(Timestamp(at("2026-06-01T00:00:00Z"))).is_empty());
    // A clock that starts in the last days of a listed year ends in one that is not.
    let warning = settings.warnings(Timestamp(at("2027-12-28T00:00:00Z"))).remove(0);
    assert_eq!((warning.code, warning.part), (SlaCode::NoHolidays, SlaPart::Calendar(0)));
    let said = r#"calendar "india-working-days" lists no holiday of 2028, which its objectives will need"#;
    assert_eq!(warning.to_string(), said);
}

#[test]
fn every_fault_of_every_objective_is_named() {
    let found = faults(vec![
        ObjectiveSpec { family: "ordr".into(), target: "4".into(), ..objective("a", "1h") },
        ObjectiveSpec { entity_kind: Some("tick".into()), ..objective("b", "1h") },
        ObjectiveSpec { stop: vec!["complted".into()], when: "order.id == \"1\"".into(), ..objective("c", "1h") },
        ObjectiveSpec { clock: ClockKind::Business, ..objective("d", "1h") },
        ObjectiveSpec { clock: ClockKind::Business, calendar: Some("londn".into()), ..objective("e", "1h") },
        ObjectiveSpec { calendar: Some("london".into()), ..objective("f", "1h") },
        ObjectiveSpec { pause: vec!["completed".into()], ..objective("g", "0s") },
        ObjectiveSpec { start: StartSpec::Word("inProgress".into()), warn_percent: vec![100], ..objective("h", "1h") },
        objective("h", "1h"),
        ObjectiveSpec { stop: vec![], ..objective("i|j", "1h") },
    ]);
    let codes: Vec<_> = found.iter().map(|fault| (fault.part, fault.code.name())).collect();
    let of = SlaPart::Objective;
    assert_eq!(
        codes,
        [
            (of(0), "bad_target"),
            (of(0), "unknown_family"),
            (of(1), "unknown_kind"),
            (of(2), "unknown_field"),
            (of(2), "unknown_state"),
            (of(3), "calendar_mismatch"),
            (of(4), "unknown_calendar"),
            (of(5), "calendar_mismatch"),
            (of(6), "bad_target"),
            (of(6), "role_conflict"),
            (of(7), "bad_target"),
            (of(7), "role_conflict"),
            (of(8), "duplicate_name"),
            (of(9), "bad_name"),
            (of(9), "role_conflict"),
        ]
    );
    assert_eq!(found[1].help.as_deref(), Some(r#"nearest: "order""#));
    assert_eq!(found[3].span, Some(0..8));
    assert_eq!(found[4].to_string(), r#"objective "c" names the state "complted" in stop, which order does not have"#);
    assert_eq!(found[4].help.as_deref(), Some(r#"nearest: "completed""#));
}

#[test]
fn objectives_that_contradict_themselves_or_each_other_are_named() {
    let again = |name| ObjectiveSpec { stop: vec!["failed".into(), "completed".into()], ..objective(name, "2h") };
    let apart = ObjectiveSpec { when: r#"fact.class == "vas""#.into(), ..again("vas") };
    let every = ["draft", "acknowledged", "inProgress", "pending", "held", "assessingCancellation"];
    let resting = ObjectiveSpec {
        pause: every.map(str::to_owned).to_vec(),
        stop: ["completed", "failed", "partial"].map(str::to_owned).to_vec(),
        cancel: ["cancelled", "rejected", "pendingCancellation"].map(str::to_owned).to_vec(),
        ..objective("resting", "1h")
    };
    let falling = ObjectiveSpec { warn_percent: vec![75, 50], when: apart.when.clone(), ..objective("falling", "1h") };
    let falling = ObjectiveSpec { pause: vec![], ..falling };
    let found = faults(vec![objective("first", "1h"), again("second"), apart, resting, falling]);
    let said: Vec<_> = found.iter().map(|fault| (fault.part, fault.code.number(), fault.setting)).collect();
    let of = SlaPart::Objective;
    assert_eq!(said, [(of(1), "HUB-1114", "when"), (of(3), "HUB-1115", "pause"), (of(4), "HUB-1105", "warn_percent")]);
    let overlap = r#"objective "second" is for the same entities as the objective "first", and counts the same time"#;
    assert_eq!(found[0].to_string(), overlap);
}

#[test]
fn every_fault_of_a_calendar_is_named() {
    let mut calendar = london(r#"munday = ["09:00-17:00"]"#, &["2026-02-30"]);
    calendar.time_zone = "Europe/Londn".into();
    calendar.hours.insert("friday".into(), vec!["09:00-17:00".into(), "16:00-18:00".into(), "18:00-09:00".into()]);
    let found = SlaSettings::new(vec![], vec![calendar]).unwrap_err();
    let codes: Vec<_> = found.iter().map(|fault| fault.code.name()).collect();
    assert_eq!(codes, ["unknown_time_zone", "bad_date", "bad_hours", "bad_hours", "bad_hours"]);
    assert_eq!(found[0].help.as_deref(), Some(r#"nearest: "Europe/London""#));
    let empty = SlaSettings::new(vec![], vec![london("", &[])]).unwrap_err();
    assert_eq!(empty[0].code, SlaCode::BadHours);
}

#[test]
fn a_known_calendar_is_suggested() {
    let spec = ObjectiveSpec { clock: ClockKind::Business, calendar: Some("londn".into()), ..objective("e", "1h") };
    let found = SlaSettings::new(vec![spec], vec![london(r#"monday = ["09:00-17:00"]"#, &[])]).unwrap_err();
    assert_eq!(found[0].help.as_deref(), Some(r#"nearest: "london""#));
}

#[test]
fn versions_of_an_objective_must_follow_each_other_and_be_for_the_same() {
    let version = |from: Option<&str>, to: Option<&str>| ObjectiveSpec {
        valid_from: from.map(str::to_owned),
        valid_to: to.map(str::to_owned),
        ..objective("port", "3d")
    };
    let chain = vec![version(None, Some("2026-04-01")), version(Some("2026-04-01"), None)];
    assert!(SlaSettings::new(chain, vec![]).is_ok());
    let other = ObjectiveSpec { family: "ticket".into(), stop: vec!["closed".into()], ..version(None, None) };
    let found = faults(vec![
        version(Some("2026-01-01"), Some("2026-04-01")),
        version(Some("2026-03-31"), Some("2026-05-01")),
        ObjectiveSpec { valid_from: Some("2026-06-01".into()), ..other },
        ObjectiveSpec { name: "a".into(), pause: vec![], ..version(Some("soon"), None) },
        ObjectiveSpec {
            name: "b".into(),
            reopen: vec!["held".into()],
            ..version(Some("2024-02-02"), Some("2024-02-01"))
        },
    ]);
    let said: Vec<_> =
        found.iter().map(|fault| (fault.part, fault.other, fault.code.number(), fault.setting)).collect();
    let of = SlaPart::Objective;
    assert_eq!(
        said,
        [
            (of(1), Some(of(0)), "HUB-1117", "valid_from"),
            (of(2), Some(of(0)), "HUB-1116", "start"),
            (of(3), None, "HUB-1112", "valid_from"),
            (of(4), None, "HUB-1112", "valid_to"),
        ]
    );
}

#[test]
fn a_date_has_no_classes_and_a_wall_clock_no_calendars() {
    let mut dated = objective("on-time", "fact.due_at");
    dated.classes.insert("vas".into(), "5m".into());
    let mut wall = ObjectiveSpec { pause: vec![], ..objective("wall", "1h") };
    wall.circles.insert("Kerala".into(), "kerala".into());
    let mut business =
        ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..objective("working", "1h") };
    business.circles.insert("Kerala".into(), "londn".into());
    let calendar = london(r#"monday = ["09:00-17:00"]"#, &[]);
    let found = SlaSettings::new(vec![dated, wall, business], vec![calendar]).unwrap_err();
    let said: Vec<_> = found.iter().map(|fault| (fault.code.name(), fault.setting, fault.help.as_deref())).collect();
    assert_eq!(
        said,
        [
            ("bad_target", "classes", Some("remove classes: the date on the entity is its own")),
            ("calendar_mismatch", "circles", Some("add clock = \"business\", or remove the calendars")),
            ("unknown_calendar", "circles", Some("nearest: \"london\"")),
        ]
    );
}
