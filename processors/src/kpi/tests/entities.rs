//! Tickets, payments and clocks.

use schemas::{Family, SlaState, SlaStatus, Timestamp};

use super::driver::{DAWN, HOUR, Kpis, MINUTE, course};
use crate::kpi::KpiSettings;

fn kpis() -> Kpis {
    Kpis::new(KpiSettings::default())
}

#[test]
fn a_ticket_is_acknowledged_waits_and_is_resolved() {
    let mut kpis = kpis();
    kpis.take_all(&course(
        "ticket:1",
        &[(0, "acknowledged"), (10, "inProgress"), (20, "pending"), (50, "inProgress"), (55, "resolved")],
    ));
    kpis.take_all(&course("ticket:2", &[(0, "acknowledged"), (20, "inProgress"), (55, "resolved"), (58, "closed")]));
    kpis.publish();
    let sum = |kpis: &Kpis, kpi| kpis.rows_of(kpi, "1d").iter().find(|row| row.by == "all").unwrap().sum_ms;
    assert_eq!(sum(&kpis, "ticket_acknowledge"), 30 * MINUTE);
    assert_eq!(sum(&kpis, "ticket_resolution"), (25 + 55) * MINUTE);
    assert_eq!(kpis.all("ticket_first_contact", "1d"), (1, 2, 0, 0));
    assert_eq!(kpis.all("ticket_reopen", "1d"), (0, 2, 0, 0));
}

#[test]
fn a_ticket_reopened_days_later_was_not_solved_at_first_contact() {
    let mut kpis = kpis();
    let day = 24 * 60;
    kpis.take_all(&course("ticket:1", &[(0, "acknowledged"), (10, "inProgress"), (20, "resolved")]));
    kpis.publish();
    assert_eq!(kpis.all("ticket_first_contact", "1d"), (1, 1, 0, 0));
    kpis.take_all(&course(
        "ticket:1",
        &[(0, "acknowledged"), (10, "inProgress"), (20, "resolved"), (3 * day, "inProgress")],
    ));
    kpis.publish();
    assert_eq!(kpis.all("ticket_first_contact", "1d"), (0, 1, 0, 0));
    // The reopening belongs to its own day; the time that was told stays, and is counted as amended too late.
    assert_eq!(kpis.all("ticket_reopen", "1d"), (1, 1, 0, 0));
    assert_eq!(kpis.all("ticket_resolution", "1d"), (0, 1, 0, 1));
}

#[test]
fn the_backlog_is_what_is_open_and_since_when() {
    let mut kpis = kpis();
    for ticket in 1..4 {
        let mut facts = course(&format!("ticket:{ticket}"), &[(0, "acknowledged"), (200, "inProgress")]);
        for fact in &mut facts {
            fact.created_at = Some(Timestamp(DAWN + ticket * HOUR));
        }
        kpis.take_all(&facts);
    }
    kpis.publish();
    let open = |kpis: &Kpis| kpis.rows_of("ticket_backlog", "open").into_iter().find(|row| row.by == "all").cloned();
    let row = open(&kpis).unwrap();
    assert_eq!((row.count, row.oldest_at.unwrap().0, row.mean_at.unwrap().0), (3, DAWN + HOUR, DAWN + 2 * HOUR));
    for (ticket, end) in [(1, "resolved"), (2, "cancelled")] {
        let mut facts = course(&format!("ticket:{ticket}"), &[(0, "acknowledged"), (200, "inProgress"), (210, end)]);
        for fact in &mut facts {
            fact.created_at = Some(Timestamp(DAWN + ticket * HOUR));
        }
        kpis.take(&facts[2]);
    }
    kpis.publish();
    let row = open(&kpis).unwrap();
    assert_eq!((row.count, row.oldest_at.unwrap().0), (1, DAWN + 3 * HOUR));
}

#[test]
fn payments_fail_for_technical_and_for_business_reasons() {
    let mut kpis = kpis();
    for (payment, channel, end) in [
        (1, "App", "done"),
        (2, "App", "failed"),
        (3, "AutoPay", "denied"),
        (4, "autopay", "done"),
        (5, "App", "canceled"),
    ] {
        let mut facts = course(&format!("payment:{payment}"), &[(0, "pendingAuthorization"), (2, end)]);
        for fact in &mut facts {
            fact.channel = Some(channel.into());
        }
        // Of one debit nobody knows whether its customer was told, of another that he was told too late.
        facts[1].flags = match payment {
            3 => vec!["notice_short".into()],
            4 => vec!["notice_unknown".into()],
            _ => vec![],
        };
        kpis.take_all(&facts);
    }
    let mut told = course("payment:6", &[(0, "pendingAuthorization"), (2, "done")]);
    for fact in &mut told {
        fact.channel = Some("autopay".into());
    }
    kpis.take_all(&told);
    kpis.publish();
    assert_eq!(kpis.all("autopay_notice", "1h"), (1, 2, 0, 0));
    assert_eq!(kpis.all("payment_success", "1h"), (3, 5, 0, 0));
    assert_eq!(kpis.all("payment_technical_failure", "1h"), (1, 5, 0, 0));
    assert_eq!(kpis.all("payment_business_decline", "1h"), (1, 5, 0, 0));
    assert_eq!(kpis.all("autopay_attempt_failure", "1h"), (1, 3, 0, 0));
}

fn clock(objective: &str, status: SlaStatus, closed: bool, minute: i64) -> SlaState {
    SlaState {
        objective: objective.into(),
        family: Family::Order,
        entity_kind: "order".into(),
        entity_id: "1".into(),
        status,
        closed,
        warned_percent: 0,
        started_at: Timestamp(DAWN),
        consumed_ms: 0,
        target_ms: HOUR,
        breach_at: None,
        stopped_at: closed.then_some(Timestamp(DAWN + minute * MINUTE)),
        customer_id: None,
        partner_ids: vec!["P1".into()],
        updated_at: Timestamp(DAWN + minute * MINUTE),
        reason: None,
    }
}

#[test]
fn a_breach_counts_where_it_was_found_and_an_amended_one_is_taken_back() {
    let mut kpis = kpis();
    kpis.driver.advance_wall_clock(Timestamp(DAWN + 3 * HOUR));
    let mut tell = |state: SlaState| {
        let key = format!("{}|order:1", state.objective);
        kpis.driver.pipe("hub.sla.state", key, schemas::encode(&state), state.updated_at);
        kpis.publish();
        let found = kpis.rows_of("sla_met", "5m").into_iter().filter(|row| row.by == "objective");
        let rows: Vec<_> =
            found.map(|row| ((row.start.0 - DAWN) / MINUTE, row.hits, row.count, row.value.clone())).collect();
        (rows, kpis.all("mnp_on_time", "1d"))
    };
    let mnp = || "mnp-port-in".to_owned();
    assert_eq!(tell(clock("mnp-port-in", SlaStatus::Open, false, 10)), (vec![], (0, 0, 0, 0)));
    assert_eq!(tell(clock("mnp-port-in", SlaStatus::Breached, false, 61)), (vec![(60, 0, 1, mnp())], (0, 1, 0, 0)));
    // It ends at last: the breach stays where it was.
    assert_eq!(tell(clock("mnp-port-in", SlaStatus::Breached, true, 90)).0, [(60, 0, 1, mnp())]);
    // A late fact shows that it ended in time.
    assert_eq!(tell(clock("mnp-port-in", SlaStatus::Met, true, 40)), (vec![(40, 1, 1, mnp())], (1, 1, 0, 0)));
    assert_eq!(tell(clock("mnp-port-in", SlaStatus::Cancelled, true, 41)), (vec![], (0, 0, 0, 0)));
}
