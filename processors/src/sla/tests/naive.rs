//! The last word on a clock, whatever the order of its facts, against a walk through its whole
//! history from minute to minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use schemas::{LifecycleFact, SlaEscalation, SlaState, SlaStatus, SlaViolation, Timestamp};

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{CalendarSpec, ClockKind, ObjectiveSpec, OnReopen, SlaSettings, StartSpec};

pub(super) const START: &str = "2026-03-26T06:00:00Z";
/// Five days, with a weekend and the change to summer time.
pub(super) const MINUTES: i64 = 5 * 24 * 60;
/// From when on another target is valid.
const CHANGE: &str = "2026-03-27T18:00:00Z";
const STATES: [&str; 7] = ["acknowledged", "inProgress", "pending", "held", "completed", "cancelled", "failed"];

fn objectives() -> Vec<ObjectiveSpec> {
    let business = |spec| ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..spec };
    let reopening = |spec| ObjectiveSpec { reopen: vec!["inProgress".into()], ..spec };
    let restarting = |spec| ObjectiveSpec { on_reopen: OnReopen::Restart, ..reopening(spec) };
    let climbing = |spec| {
        let steps = STEPS.map(|percent| (percent.to_string(), "lead".to_owned()));
        ObjectiveSpec { escalate: steps.into(), ..spec }
    };
    let version = |from: Option<&str>, to: Option<&str>, target| ObjectiveSpec {
        valid_from: from.map(str::to_owned),
        valid_to: to.map(str::to_owned),
        start: StartSpec::States(vec!["inProgress".into(), "held".into()]),
        ..objective("versioned", target)
    };
    let by_circle = |spec| ObjectiveSpec { circles: [("Kerala".into(), "kerala".into())].into(), ..business(spec) };
    vec![
        ObjectiveSpec { tolerance: Some("90m".into()), ..restarting(objective("restarting", "8h")) },
        objective("due", "fact.due_at"),
        business(reopening(objective("due in working time", "fact.due_at"))),
        climbing(version(None, Some(CHANGE), "8h")),
        climbing(version(Some(CHANGE), None, "20h")),
        by_circle(ObjectiveSpec { stop: vec!["completed".into()], ..objective("circle", "8h") }),
        climbing(objective("wall", "20h")),
        climbing(business(objective("business", "8h"))),
        reopening(objective("reopening", "20h")),
        climbing(business(reopening(objective("both", "8h")))),
    ]
}

/// The ladder of the objectives that have one, in percent.
const STEPS: [i64; 3] = [40, 80, 100];

/// The holiday of the calendar as it is at first, and as it is declared later.
pub(super) const HOLIDAYS: [&str; 2] = ["2026-03-30", "2026-03-26"];

pub(super) fn settings(holiday: &str) -> SlaSettings {
    let hours = r#"thursday = ["09:00-17:00"]
        friday = ["09:00-17:00"]
        monday = ["09:00-17:00"]"#;
    let kerala = CalendarSpec { name: "kerala".into(), ..london(hours, &["2026-03-27"]) };
    let settings = SlaSettings::new(objectives(), vec![london(hours, &[holiday]), kerala]).unwrap();
    settings.with_notify_within(Duration::from_hours(30 * 24))
}

/// What a clock comes to by the end: status, whether it is closed, minutes used if so, and when the
/// target was used up if it was overrun. Where one run uses it up exactly and a later one overruns
/// it, that is when the later one begins: a clock that rests in between breaches nothing.
type Word = (SlaStatus, bool, Option<i64>, Option<i64>);

/// The whole history at once: facts once each, in the order of their times, minute by minute.
/// With it the minutes used. `None` where the clock never starts, or starts when another version is valid.
fn walk(spec: &ObjectiveSpec, holiday: &str, facts: &[LifecycleFact], created: i64, end: i64) -> Option<(Word, i64)> {
    let zone = TimeZone::get("Europe/London").unwrap();
    let newest = facts.iter().max_by_key(|fact| fact.version).unwrap();
    let in_kerala = newest.circle.as_deref() == Some("Kerala") && !spec.circles.is_empty();
    let holiday = if in_kerala { "2026-03-27" } else { holiday };
    let counts = |minute: i64| {
        if spec.clock == ClockKind::Wall {
            return true;
        }
        let local = jiff::Timestamp::from_millisecond(minute).unwrap().to_zoned_datetime(zone.clone());
        matches!(local.weekday(), Weekday::Thursday | Weekday::Friday | Weekday::Monday)
            && local.date().to_string() != holiday
            && (9..17).contains(&local.hour())
    };
    let mut history: Vec<_> =
        facts.iter().map(|fact| (fact.occurred_at.0, fact.version, fact.to_state.clone().unwrap())).collect();
    history.sort();
    let has = |states: &[String], state: &String| states.contains(state);
    let started = match &spec.start {
        StartSpec::Word(_) => created,
        StartSpec::States(states) => history.iter().find(|(_, _, state)| has(states, state))?.0,
    };
    let valid = |text: &Option<String>, unless| text.as_ref().map_or(unless, |text| at(text));
    if !(valid(&spec.valid_from, i64::MIN)..valid(&spec.valid_to, i64::MAX)).contains(&started) {
        return None;
    }
    // Facts before the start say nothing; the one that starts it may as well stop it later.
    let from_start = |(minute, _, state): &(i64, i64, String)| match &spec.start {
        StartSpec::Word(_) => true,
        StartSpec::States(states) => *minute > started || (*minute == started && has(states, state)),
    };
    let first = history.iter().position(from_start).unwrap_or(history.len());
    let history = &history[first..];
    let due = newest.due_at.map(|due| due.0);
    let target_from = |started: i64| match spec.target.as_str() {
        "fact.due_at" => {
            let due = due?;
            let minutes = (0..).map(|minute| started + minute * MINUTE).take_while(|minute| *minute < due);
            Some(minutes.filter(|minute| counts(*minute)).count() as i64)
        }
        hours => Some(hours.trim_end_matches('h').parse::<i64>().unwrap() * 60),
    };
    let tolerance = if spec.tolerance.is_some() { 90 } else { 0 };
    let mut begun = started;
    let mut limit = target_from(begun).map_or(i64::MAX, |target| target + tolerance);
    let (mut running, mut ended, mut used, mut over) = (true, None::<(&str, i64)>, 0, false);
    let (mut used_up_at, mut run_since, mut rested) = ((limit == 0).then_some(started), started, false);
    let mut next = 0;
    let mut minute = started;
    while minute <= end {
        while next < history.len() && history[next].0.max(started) == minute {
            let state = &history[next].2;
            next += 1;
            match ended {
                Some(("stopped", _)) if has(&spec.reopen, state) => {
                    (running, ended) = (true, None);
                    if spec.on_reopen == OnReopen::Restart && !over {
                        (used, used_up_at, begun, run_since, rested) = (0, None, minute, minute, false);
                        limit = target_from(begun).map_or(i64::MAX, |target| target + tolerance);
                    }
                }
                Some(_) => {}
                None if has(&spec.stop, state) => (running, ended) = (false, Some(("stopped", minute))),
                None if has(&spec.cancel, state) => (running, ended) = (false, Some(("cancelled", minute))),
                None => running = !has(&spec.pause, state),
            }
            rested |= !running;
        }
        if running && rested {
            (run_since, rested) = (minute, false);
        }
        if running && counts(minute) && minute < end {
            used += 1;
            if used == limit {
                used_up_at = Some(minute + MINUTE);
            }
        }
        if used > limit && !over {
            (over, used_up_at) = (true, used_up_at.max(Some(run_since)));
        }
        minute += MINUTE;
    }
    let no_sense = spec.target == "fact.due_at" && due.is_none_or(|due| due <= begun);
    let minutes = used;
    let (status, used) = match ended {
        Some(("stopped", at)) if at <= begun => (SlaStatus::Unknown, Some(used)),
        Some(_) if no_sense => (SlaStatus::Unknown, Some(used)),
        None if no_sense => (SlaStatus::Unknown, None),
        Some(_) if over => (SlaStatus::Breached, Some(used)),
        Some(("stopped", _)) => (SlaStatus::Met, Some(used)),
        Some(_) => (SlaStatus::Cancelled, Some(used)),
        None if over => (SlaStatus::Breached, None),
        None if running => (SlaStatus::Open, None),
        None => (SlaStatus::Paused, None),
    };
    Some(((status, ended.is_some(), used, used_up_at.filter(|_| status == SlaStatus::Breached)), minutes))
}

/// What comes of all versions of an objective: at most one of them has a word to say.
pub(super) fn word(name: &str, holiday: &str, facts: &[LifecycleFact], end: i64) -> Option<Word> {
    let versions = objectives().into_iter().filter(|spec| spec.name == name);
    let words: Vec<_> =
        versions.filter_map(|spec| walk(&spec, holiday, facts, at(START), end)).map(|(word, _)| word).collect();
    assert!(words.len() <= 1, "{words:?}");
    words.into_iter().next()
}

/// Who was called and not called off must be whoever the minutes used say, while time has told of each.
fn check_ladder(spec: &ObjectiveSpec, history: &History, holiday: &str, end: i64, told: &[SlaEscalation]) {
    let mut calls: BTreeMap<&String, Vec<&SlaEscalation>> = BTreeMap::new();
    for call in told.iter().filter(|call| call.objective == spec.name) {
        calls.entry(&call.escalation_id).or_default().push(call);
    }
    for (id, calls) in &calls {
        let withdrawn: Vec<bool> = calls.iter().map(|call| call.withdrawn).collect();
        assert!(withdrawn == [false] || withdrawn == [false, true], "{id} {withdrawn:?}");
    }
    let stand = calls.values().filter(|calls| calls.len() == 1).map(|calls| i64::from(calls[0].percent));
    let stand: BTreeSet<i64> = stand.collect();
    let Some((word, used)) = walk(spec, holiday, &history.facts, at(START), end) else { return };
    let target = spec.target.trim_end_matches('h').parse::<i64>().unwrap() * 60;
    let reached: BTreeSet<i64> = STEPS.into_iter().filter(|percent| target * percent / 100 <= used).collect();
    if word.0 == SlaStatus::Open {
        assert_eq!(stand, reached, "{}", spec.name);
    } else if word.0 != SlaStatus::Unknown {
        assert!(stand.is_subset(&reached), "{} {stand:?} {reached:?}", spec.name);
    }
}

pub(super) fn names() -> Vec<String> {
    let mut names: Vec<_> = objectives().into_iter().map(|spec| spec.name).collect();
    names.dedup();
    names
}

pub(super) fn last_words(states: &[SlaState], violations: &[SlaViolation], name: &str) -> Option<Word> {
    let state = states.iter().rev().find(|state| state.objective == name)?;
    let stands = standing(violations, name);
    let used = state.closed.then_some(state.consumed_ms / MINUTE);
    Some((state.status, state.closed, used, stands.last().map(|violation| violation.breached_at.0)))
}

/// The violations of an objective that were not taken back, each as it was told last.
fn standing<'a>(violations: &'a [SlaViolation], name: &str) -> Vec<&'a SlaViolation> {
    let newest: BTreeMap<_, _> = violations
        .iter()
        .filter(|violation| violation.objective == name)
        .map(|violation| (&violation.violation_id, violation))
        .collect();
    newest.into_values().filter(|violation| !violation.withdrawn).collect()
}

#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) facts: Vec<LifecycleFact>,
    /// Which fact is taken in when: every one at least once.
    pub(super) order: Vec<usize>,
    /// How far the wall clock goes before each, in minutes.
    pub(super) waits: Vec<i64>,
}

pub(super) fn history() -> impl Strategy<Value = History> {
    let due = prop::option::weighted(0.8, -60..MINUTES);
    let changes = prop::collection::vec((-30..MINUTES, 0..STATES.len(), due, any::<bool>()), 1..9);
    changes
        .prop_flat_map(|changes| {
            let count = changes.len();
            let repeats = prop::collection::vec(0..count, 0..5);
            let order = repeats.prop_map(move |repeats| (0..count).chain(repeats).collect::<Vec<_>>()).prop_shuffle();
            (Just(changes), order, prop::collection::vec(0..MINUTES / 6, 14))
        })
        .prop_map(|(changes, order, waits)| {
            let facts = changes.iter().enumerate().map(|(index, (minute, state, due, is_kerala))| {
                let version = index as i64 + 1;
                let mut fact = fact(at(START) + minute * MINUTE, version, STATES[*state]);
                fact.created_at = Some(Timestamp(at(START)));
                fact.from_state = Some(format!("before {version}"));
                fact.due_at = due.map(|due| Timestamp(at(START) + due * MINUTE));
                fact.circle = is_kerala.then(|| "Kerala".to_owned());
                fact
            });
            History { facts: facts.collect(), order, waits }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_last_word_is_that_of_the_whole_history(
        history in history(), restart in 0usize..14, declared in 0usize..28,
    ) {
        let mut sla = Sla::new(settings(HOLIDAYS[0]));
        let mut now = at(START);
        for (step, index) in history.order.iter().enumerate() {
            now += history.waits[step] * MINUTE;
            sla.advance(now);
            sla.take(&history.facts[*index]);
            if step == restart {
                sla.driver.restart();
            }
            if step == declared {
                sla.restart_by(settings(HOLIDAYS[1]));
            }
        }
        let holiday = HOLIDAYS[usize::from(declared < history.order.len())];
        let end = now.max(at(START) + MINUTES * MINUTE) + 60 * MINUTE;
        sla.advance(end);
        let states = sla.states();
        let escalations = sla.escalations();
        for spec in objectives().iter().filter(|spec| !spec.escalate.is_empty()) {
            check_ladder(spec, &history, holiday, end, &escalations);
        }
        let violations = sla.violations();
        for name in names() {
            let word = word(&name, holiday, &history.facts, end);
            prop_assert_eq!(last_words(&states, &violations, &name), word, "{}", name);
        }
        // Each version of a violation names the one that stood before it, and nothing is taken back
        // that does not stand.
        let billed = sla.billed();
        let mut told: BTreeMap<&String, Vec<&SlaViolation>> = BTreeMap::new();
        for violation in &violations {
            told.entry(&violation.violation_id).or_default().push(violation);
        }
        for (id, told) in &told {
            let mut stands = None;
            for (turn, said) in told.iter().enumerate() {
                let version = turn as i64 + 1;
                prop_assert_eq!((said.version, &said.replaces), (version, &stands), "{} told {:?}", id, told);
                prop_assert!(!said.withdrawn || stands.is_some(), "{} told {:?}", id, told);
                let name = if version == 1 { (*id).clone() } else { format!("{id}#{version}") };
                stands = (!said.withdrawn).then_some(name);
            }
            let rows = billed.iter().filter(|row| row.entity_id == **id);
            let row = rows.max_by_key(|row| row.version).expect("billing hears of every violation");
            prop_assert_eq!(row.state.is_some(), stands.is_none(), "{}", id);
        }
        for name in names() {
            let breached = word(&name, holiday, &history.facts, end).is_some_and(|word| word.0 == SlaStatus::Breached);
            prop_assert_eq!(standing(&violations, &name).len(), usize::from(breached), "{} told {:?}", name, violations);
        }
        prop_assert_eq!(sla.driver.imbalance(), 0);
    }
}
