//! The account of a clock: every hour is told, and the sum is the verdict's.

use schemas::{SlaStatus, Timestamp};

use super::driver::{MINUTE, Sla, at, fact, london, objective};
use crate::sla::{EntityLedger, LineKind, STORE, SlaSettings, explain};

const HOUR: i64 = 60 * MINUTE;

fn settings(business: bool) -> SlaSettings {
    let mut spec = objective("repair", "20h");
    spec.reopen = vec!["inProgress".into()];
    if business {
        spec.clock = crate::sla::ClockKind::Business;
        spec.calendar = Some("london".into());
    }
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday"].map(|day| format!("{day} = [\"09:00-17:00\"]"));
    let calendars = vec![london(&days.join("\n"), &["2025-12-25", "2026-01-01"])];
    SlaSettings::new(vec![spec], if business { calendars } else { vec![] }).unwrap()
}

fn account(sla: &Sla, business: bool, now: i64) -> EntityLedger {
    let value = sla.driver.store_get(STORE, b"order:7").unwrap();
    explain(&settings(business), "order:7", &value, Timestamp(now)).unwrap()
}

#[test]
fn nights_holidays_and_pauses_are_told_and_the_sum_is_the_states() {
    let mut sla = Sla::new(settings(true));
    // Wednesday 15:00; Thursday is a holiday; Friday 10:00-12:00 it rests; Friday 13:00 it ends.
    let began = at("2025-12-31T15:00:00Z");
    let mut first = fact(began, 1, "acknowledged");
    first.created_at = Some(Timestamp(began));
    sla.advance(began);
    sla.take(&first);
    sla.happen(at("2026-01-02T10:00:00Z"), 2, "pending");
    sla.happen(at("2026-01-02T12:00:00Z"), 3, "inProgress");

    let open = account(&sla, true, at("2026-01-02T12:30:00Z"));
    assert_eq!((open.clocks[0].status, open.clocks[0].consumed_ms), (SlaStatus::Open, 3 * HOUR + HOUR / 2));
    assert_eq!(open.clocks[0].remaining_ms, Some(16 * HOUR + HOUR / 2));

    sla.happen(at("2026-01-02T13:00:00Z"), 4, "completed");
    let state = sla.states().pop().unwrap();
    let closed = account(&sla, true, at("2026-02-01T00:00:00Z"));
    let clock = &closed.clocks[0];
    let lines: Vec<_> = clock.lines.iter().map(|line| (line.kind, line.counted_ms / HOUR)).collect();
    let expected = [
        (LineKind::Start, 0),
        (LineKind::Run, 2),
        (LineKind::Holiday, 0),
        (LineKind::Run, 1),
        (LineKind::Pause, 0),
        (LineKind::Run, 1),
        (LineKind::Stop, 0),
    ];
    assert_eq!(lines, expected);
    assert_eq!(clock.lines[2].holidays, ["2026-01-01"]);
    assert_eq!((clock.consumed_ms, clock.status, clock.closed), (state.consumed_ms, SlaStatus::Met, true));
    assert_eq!(clock.lines.last().unwrap().total_ms, 4 * HOUR);
}

#[test]
fn transitions_that_are_not_kept_any_more_are_one_line_and_still_count() {
    let mut sla = Sla::new(settings(false));
    for step in 0..80 {
        let state = if step % 2 == 0 { "inProgress" } else { "pending" };
        sla.happen(step * MINUTE, step + 1, state);
    }
    let told = account(&sla, false, 100 * MINUTE);
    let clock = &told.clocks[0];
    assert_eq!((clock.lines[0].kind, clock.consumed_ms), (LineKind::Earlier, 40 * MINUTE));
    let counted: i64 = clock.lines.iter().map(|line| line.counted_ms).sum();
    assert_eq!(counted, clock.consumed_ms);
}

#[test]
fn a_stop_and_a_reopening_are_told_by_their_states() {
    let mut sla = Sla::new(settings(false));
    for (minute, version, state) in [(0, 1, "acknowledged"), (5, 2, "completed"), (9, 3, "inProgress")] {
        sla.happen(minute * MINUTE, version, state);
    }
    let told = account(&sla, false, 10 * MINUTE);
    let lines: Vec<_> = told.clocks[0].lines.iter().map(|line| (line.kind, line.state)).collect();
    let expected = [
        (LineKind::Start, None),
        (LineKind::Run, None),
        (LineKind::Stop, Some("completed")),
        (LineKind::Reopen, Some("inProgress")),
        (LineKind::Run, None),
    ];
    assert_eq!(lines, expected);
    assert_eq!(told.clocks[0].consumed_ms, 6 * MINUTE);
}
