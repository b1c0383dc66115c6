//! Partners and billing.

use schemas::{BillingRecord, DeliveryOutcome, DeliveryResult, Family, Timestamp};

use super::driver::{DAWN, Kpis, MINUTE};
use crate::kpi::KpiSettings;

fn outcome(target: &str, result: DeliveryResult, attempts: i32, http_status: Option<i32>) -> DeliveryOutcome {
    DeliveryOutcome {
        delivery_id: format!("{target}-{attempts}"),
        target: target.into(),
        route: "r".into(),
        family: Family::Ticket,
        entity_kind: "ticket".into(),
        entity_id: "1".into(),
        result,
        attempts,
        error_code: None,
        http_status,
        external_ref: None,
        occurred_at: Timestamp(DAWN),
        ingested_at: Timestamp(DAWN + 1_000),
        finished_at: Timestamp(DAWN + 3_000),
    }
}

fn tell(kpis: &mut Kpis, outcome: &DeliveryOutcome) {
    kpis.driver.pipe("hub.delivery", "1", schemas::encode(outcome), outcome.finished_at);
}

#[test]
fn who_is_at_fault_is_decided_by_what_came_back() {
    use DeliveryResult::{DeadLettered, Delivered, Duplicate};
    let cases = [
        ("clean", Delivered, 1, Some(200), (1, 1)),
        ("again", Delivered, 3, Some(202), (1, 3)),
        ("known", Duplicate, 1, Some(409), (1, 1)),
        ("down", DeadLettered, 5, Some(503), (0, 5)),
        ("silent", DeadLettered, 4, None, (0, 4)),
        ("busy", DeadLettered, 2, Some(429), (0, 2)),
        ("ours", DeadLettered, 1, Some(422), (0, 0)),
        ("ours-after-trouble", DeadLettered, 3, Some(400), (0, 2)),
    ];
    let mut kpis = Kpis::new(KpiSettings::default());
    for (partner, result, attempts, status, _) in cases {
        tell(&mut kpis, &outcome(&format!("partner:{partner}"), result, attempts, status));
    }
    kpis.publish();
    for (partner, .., (good, all)) in cases {
        let rows = kpis.rows_of("partner_availability", "5m");
        let row = rows.iter().find(|row| row.by == "partner" && row.value == partner);
        assert_eq!(row.map_or((0, 0), |row| (row.hits, row.count)), (good, all), "{partner}");
    }
    assert_eq!(kpis.all("partner_availability", "5m"), (3, 18, 0, 0));
    // Acknowledged two seconds after the hub took the change in.
    assert_eq!(kpis.all("partner_response", "5m").1, 3);
    assert_eq!(kpis.rows_of("partner_response", "5m").iter().find(|row| row.by == "all").unwrap().sum_ms, 6_000);
}

#[test]
fn what_billing_has_not_acknowledged_is_open_whichever_record_comes_first() {
    let record = |minute: i64| BillingRecord {
        delivery_id: format!("d{minute}"),
        route: "r".into(),
        family: Family::Order,
        entity_kind: "order".into(),
        entity_id: "1".into(),
        version: 1,
        state: None,
        customer_id: None,
        account_id: None,
        currency: None,
        amount_micros: None,
        occurred_at: Timestamp(DAWN + minute * MINUTE),
        ingested_at: Timestamp(DAWN + minute * MINUTE + 5),
        payload: "{}".into(),
    };
    let answer = |minute: i64, result| DeliveryOutcome {
        occurred_at: Timestamp(DAWN + minute * MINUTE),
        ingested_at: Timestamp(DAWN + minute * MINUTE + 5),
        finished_at: Timestamp(DAWN + 30 * MINUTE),
        ..outcome("billing", result, 1, None)
    };
    let mut kpis = Kpis::new(KpiSettings::default());
    tell(&mut kpis, &answer(7, DeliveryResult::Delivered));
    for minute in [7, 8, 9] {
        let record = record(minute);
        kpis.driver.pipe("out.billing", "order:1", schemas::encode(&record), record.occurred_at);
    }
    kpis.publish();
    let open = |kpis: &Kpis| kpis.rows_of("billing_unacknowledged", "open").into_iter().next().cloned();
    let row = open(&kpis).unwrap();
    assert_eq!((row.count, row.oldest_at.unwrap().0), (2, DAWN + 8 * MINUTE));
    tell(&mut kpis, &answer(8, DeliveryResult::DeadLettered));
    tell(&mut kpis, &answer(9, DeliveryResult::Delivered));
    kpis.publish();
    assert_eq!(open(&kpis), None);
    // What was given up was never replicated.
    let lag = kpis.rows_of("billing_replication", "1h")[0].clone();
    assert_eq!((lag.count, lag.sum_ms), (2, (23 + 21) * MINUTE));
}
