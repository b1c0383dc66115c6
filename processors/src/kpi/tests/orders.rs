//! Orders: cycle time, on time, fallout, right first time.

use schemas::{LifecycleFact, Timestamp};

use super::driver::{DAWN, Kpis, MINUTE, course, fact};
use crate::kpi::KpiSettings;

fn kpis() -> Kpis {
    Kpis::new(KpiSettings::default())
}

#[test]
fn an_order_that_goes_well_counts_well_everywhere() {
    let mut kpis = kpis();
    let mut facts = course("order:1", &[(0, "acknowledged"), (5, "inProgress"), (60, "completed")]);
    for fact in &mut facts {
        fact.due_at = Some(Timestamp(DAWN + 60 * MINUTE));
    }
    kpis.take_all(&facts);
    kpis.publish();
    for window in ["5m", "1h", "1d", "total"] {
        assert_eq!(kpis.all("order_on_time", window), (1, 1, 0, 0), "{window}");
        assert_eq!(kpis.all("order_fallout", window), (0, 1, 0, 0), "{window}");
        assert_eq!(kpis.all("order_right_first_time", window), (1, 1, 0, 0), "{window}");
        assert_eq!(kpis.all("order_cycle", window), (0, 1, 0, 0), "{window}");
    }
    let rows = kpis.rows_of("order_cycle", "5m");
    // The end of the order decides, and a window takes its start in and its end not.
    assert!(rows.iter().all(|row| row.start.0 == DAWN + 60 * MINUTE && row.end.0 == DAWN + 65 * MINUTE));
    let p95 = rows[0].p95_ms.unwrap();
    assert!((p95 - 60 * MINUTE).abs() <= 36_000, "{p95}");
    assert_eq!(rows[0].sum_ms, 60 * MINUTE);
    for (by, value) in [("class", "sim"), ("circle", "Mumbai"), ("channel", "Online"), ("customer_class", "gold")] {
        assert_eq!(kpis.values("order_cycle", "1h", by), [(value.to_owned(), 1)]);
    }
}

#[test]
fn waiting_for_the_customer_is_no_cycle_time_and_a_hold_is_a_fallout() {
    let mut kpis = kpis();
    kpis.take_all(&course("order:1", &[(0, "acknowledged"), (5, "pending"), (45, "inProgress"), (60, "completed")]));
    kpis.take_all(&course(
        "order:2",
        &[(0, "acknowledged"), (5, "inProgress"), (6, "held"), (9, "inProgress"), (60, "completed")],
    ));
    kpis.take_all(&course("order:3", &[(0, "acknowledged"), (5, "inProgress"), (60, "failed")]));
    kpis.take_all(&course("order:4", &[(0, "acknowledged"), (5, "pending"), (60, "cancelled")]));
    kpis.take_all(&course("order:5", &[(0, "rejected")]));
    kpis.publish();
    assert_eq!(kpis.rows_of("order_cycle", "1d").iter().find(|row| row.by == "all").unwrap().sum_ms, 80 * MINUTE);
    assert_eq!(kpis.all("order_fallout", "1d"), (2, 4, 0, 0));
    assert_eq!(kpis.all("order_right_first_time", "1d"), (1, 3, 0, 0));
    assert_eq!(kpis.all("order_on_time", "1d"), (0, 0, 0, 0), "nothing was promised");
}

#[test]
fn times_that_make_no_sense_are_counted_apart() {
    let mut kpis = kpis();
    // Born completed; completed before it was created; marked by its entity.
    kpis.take(&fact("order:1", DAWN + 9 * MINUTE, 1, "completed"));
    kpis.take_all(&course("order:2", &[(-20, "acknowledged"), (-10, "completed")]));
    let mut marked = course("order:3", &[(0, "acknowledged"), (7, "completed")]);
    marked[0].flags = vec!["sla_suspect".into()];
    kpis.take_all(&marked);
    kpis.publish();
    assert_eq!(kpis.all("order_cycle", "total"), (0, 0, 3, 0));
    assert!(kpis.rows_of("order_cycle", "1d").iter().all(|row| row.p50_ms.is_none() && row.sum_ms == 0));
}

#[test]
fn an_error_on_the_way_is_a_fallout_though_the_state_never_told() {
    let mut kpis = kpis();
    let mut facts = course("order:1", &[(0, "acknowledged"), (1, "inProgress"), (2, "x"), (3, "completed")]);
    facts[2].change = "error_message".into();
    facts[2].to_state = None;
    kpis.take_all(&facts);
    kpis.publish();
    assert_eq!(kpis.all("order_fallout", "1h"), (1, 1, 0, 0));
    assert_eq!(kpis.all("order_right_first_time", "1h"), (0, 1, 0, 0));
}

#[test]
fn an_order_that_a_ticket_is_about_within_thirty_days_was_not_right_the_first_time() {
    const DAY: i64 = 24 * 60 * MINUTE;
    let mut kpis = kpis();
    let order = |id: u8| course(&format!("order:{id}"), &[(0, "acknowledged"), (5, "inProgress"), (60, "completed")]);
    let ticket = |id: u8, version, order: Option<u8>, created: i64| LifecycleFact {
        created_at: Some(Timestamp(DAWN + created)),
        order_id: order.map(|order| order.to_string()),
        ..fact(&format!("ticket:{id}"), DAWN + created.max(60 * MINUTE), version, "acknowledged")
    };
    let right = |kpis: &mut Kpis| {
        kpis.publish();
        kpis.all("order_right_first_time", "1d")
    };
    // One comes before all that is told of its order, and one is about what came before its order was.
    kpis.take(&ticket(4, 1, Some(4), 2 * MINUTE));
    kpis.take(&ticket(3, 1, Some(3), -5 * MINUTE));
    (1..=4).for_each(|id| kpis.take_all(&order(id)));
    assert_eq!(right(&mut kpis), (3, 4, 0, 0));
    kpis.take(&ticket(1, 2, Some(1), 10 * DAY));
    kpis.take(&ticket(1, 2, Some(1), 10 * DAY));
    assert_eq!(right(&mut kpis), (2, 4, 0, 0), "once, however often it is told");
    kpis.driver.restart();
    // An older version that comes late changes nothing; a newer one says that it was about another order.
    kpis.take(&ticket(1, 1, Some(2), 10 * DAY));
    assert_eq!(right(&mut kpis), (2, 4, 0, 0));
    kpis.take(&ticket(1, 3, Some(3), 10 * DAY));
    assert_eq!(right(&mut kpis), (2, 4, 0, 0));
    kpis.take(&ticket(1, 4, None, 10 * DAY));
    assert_eq!(right(&mut kpis), (3, 4, 0, 0));
    kpis.take(&ticket(2, 1, Some(2), 31 * DAY));
    assert_eq!(right(&mut kpis), (3, 4, 0, 0), "too long after the end");
}
