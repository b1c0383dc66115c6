//! The last word on a clock, whatever the order of its facts, against a walk through its whole
//! history from minute to minute.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use schemas::{LifecycleFact, SlaState, SlaStatus, SlaViolation, Timestamp};

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{ClockKind, ObjectiveSpec, SlaSettings};

const START: &str = "2026-03-26T06:00:00Z";
/// Five days, with a weekend and the change to summer time.
const MINUTES: i64 = 5 * 24 * 60;
const STATES: [&str; 7] = ["acknowledged", "inProgress", "pending", "held", "completed", "cancelled", "failed"];

fn objectives() -> Vec<ObjectiveSpec> {
    let business = |spec| ObjectiveSpec { clock: ClockKind::Business, calendar: Some("london".into()), ..spec };
    let reopening = |spec| ObjectiveSpec { reopen: vec!["inProgress".into()], ..spec };
    vec![
        objective("wall", "20h"),
        business(objective("business", "8h")),
        reopening(objective("reopening", "20h")),
        business(reopening(objective("both", "8h"))),
    ]
}

fn settings() -> SlaSettings {
    let hours = r#"thursday = ["09:00-17:00"]
        friday = ["09:00-17:00"]
        monday = ["09:00-17:00"]"#;
    SlaSettings::new(objectives(), vec![london(hours, &["2026-03-30"])]).unwrap()
}

/// What a clock comes to by the end: status, whether it is closed, minutes used if so, and when the
/// target was used up if it was overrun. Where one run uses it up exactly and a later one overruns
/// it, that is when the later one begins: a clock that rests in between breaches nothing.
type Word = (SlaStatus, bool, Option<i64>, Option<i64>);

/// The whole history at once: facts once each, in the order of their times, minute by minute.
fn walk(spec: &ObjectiveSpec, facts: &[LifecycleFact], created: i64, end: i64) -> Word {
    let zone = TimeZone::get("Europe/London").unwrap();
    let counts = |minute: i64| {
        if spec.clock == ClockKind::Wall {
            return true;
        }
        let local = jiff::Timestamp::from_millisecond(minute).unwrap().to_zoned_datetime(zone.clone());
        matches!(local.weekday(), Weekday::Thursday | Weekday::Friday | Weekday::Monday)
            && local.date().to_string() != "2026-03-30"
            && (9..17).contains(&local.hour())
    };
    let mut history: Vec<_> =
        facts.iter().map(|fact| (fact.occurred_at.0, fact.version, fact.to_state.clone().unwrap())).collect();
    history.sort();
    let has = |states: &[String], state: &String| states.contains(state);
    let target = if spec.target == "20h" { 20 * 60 } else { 8 * 60 };
    let (mut running, mut ended, mut used, mut over) = (true, None::<(&str, i64)>, 0, false);
    let (mut used_up_at, mut run_since, mut rested) = (None, created, false);
    let mut next = 0;
    let mut minute = created;
    while minute <= end {
        while next < history.len() && history[next].0.max(created) == minute {
            let state = &history[next].2;
            next += 1;
            match ended {
                Some(("stopped", _)) if has(&spec.reopen, state) => (running, ended) = (true, None),
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
            if used == target {
                used_up_at = Some(minute + MINUTE);
            }
        }
        if used > target && !over {
            (over, used_up_at) = (true, used_up_at.max(Some(run_since)));
        }
        minute += MINUTE;
    }
    let (status, used) = match ended {
        Some(("stopped", at)) if at <= created => (SlaStatus::Unknown, Some(used)),
        Some(_) if over => (SlaStatus::Breached, Some(used)),
        Some(("stopped", _)) => (SlaStatus::Met, Some(used)),
        Some(_) => (SlaStatus::Cancelled, Some(used)),
        None if over => (SlaStatus::Breached, None),
        None if running => (SlaStatus::Open, None),
        None => (SlaStatus::Paused, None),
    };
    (status, ended.is_some(), used, used_up_at.filter(|_| status == SlaStatus::Breached))
}

fn last_words(states: &[SlaState], violations: &[SlaViolation], spec: &ObjectiveSpec) -> Option<Word> {
    let state = states.iter().rev().find(|state| state.objective == spec.name)?;
    let violation = violations.iter().rev().find(|violation| violation.objective == spec.name);
    let stands = violation.filter(|violation| !violation.withdrawn);
    let used = state.closed.then_some(state.consumed_ms / MINUTE);
    Some((state.status, state.closed, used, stands.map(|violation| violation.breached_at.0)))
}

#[derive(Clone, Debug)]
struct History {
    facts: Vec<LifecycleFact>,
    /// Which fact is taken in when: every one at least once.
    order: Vec<usize>,
    /// How far the wall clock goes before each, in minutes.
    waits: Vec<i64>,
}

fn history() -> impl Strategy<Value = History> {
    let changes = prop::collection::vec((-30..MINUTES, 0..STATES.len()), 1..9);
    changes
        .prop_flat_map(|changes| {
            let count = changes.len();
            let repeats = prop::collection::vec(0..count, 0..5);
            let order = repeats.prop_map(move |repeats| (0..count).chain(repeats).collect::<Vec<_>>()).prop_shuffle();
            (Just(changes), order, prop::collection::vec(0..MINUTES / 6, 14))
        })
        .prop_map(|(changes, order, waits)| {
            let facts = changes.iter().enumerate().map(|(index, (minute, state))| {
                let version = index as i64 + 1;
                let mut fact = fact(at(START) + minute * MINUTE, version, STATES[*state]);
                fact.created_at = Some(Timestamp(at(START)));
                fact.from_state = Some(format!("before {version}"));
                fact
            });
            History { facts: facts.collect(), order, waits }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_last_word_is_that_of_the_whole_history(history in history(), restart in 0usize..14) {
        let mut sla = Sla::new(settings());
        let mut now = at(START);
        for (step, index) in history.order.iter().enumerate() {
            now += history.waits[step] * MINUTE;
            sla.advance(now);
            sla.take(&history.facts[*index]);
            if step == restart {
                sla.driver.restart();
            }
        }
        let end = now.max(at(START) + MINUTES * MINUTE) + 60 * MINUTE;
        sla.advance(end);
        let states = sla.states();
        let violations = sla.violations();
        for spec in objectives() {
            let word = walk(&spec, &history.facts, at(START), end);
            prop_assert_eq!(last_words(&states, &violations, &spec), Some(word), "{}", spec.name);
        }
        // Each version of a violation names the one that stood before it, and nothing is taken back
        // that does not stand.
        let billed = sla.billed();
        for spec in objectives() {
            let told: Vec<_> = violations.iter().filter(|violation| violation.objective == spec.name).collect();
            let mut standing = None;
            for (turn, said) in told.iter().enumerate() {
                let version = turn as i64 + 1;
                prop_assert_eq!((said.version, &said.replaces), (version, &standing), "{} told {:?}", spec.name, told);
                prop_assert!(!said.withdrawn || standing.is_some(), "{} told {told:?}", spec.name);
                let id = &said.violation_id;
                let name = if version == 1 { id.clone() } else { format!("{id}#{version}") };
                standing = (!said.withdrawn).then_some(name);
            }
            prop_assert!(told.windows(2).all(|pair| pair[0].violation_id == pair[1].violation_id));
            let stands = told.last().is_some_and(|said| !said.withdrawn);
            let breached = walk(&spec, &history.facts, at(START), end).0 == SlaStatus::Breached;
            prop_assert_eq!(stands, breached, "{} told {:?}", spec.name, told);
            let Some(last) = told.last() else { continue };
            let rows = billed.iter().filter(|row| row.entity_id == last.violation_id);
            let row = rows.max_by_key(|row| row.version).expect("billing hears of every violation");
            prop_assert_eq!(row.state.is_some(), !breached, "{}", spec.name);
        }
        prop_assert_eq!(sla.driver.imbalance(), 0);
    }
}
