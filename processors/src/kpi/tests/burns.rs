//! Burn rates: what a naive count over the same events gives, and when they fire.

use schemas::BurnRate;

use super::driver::{DAWN, Kpis, MINUTE, course};
use crate::burn::TOPIC;
use crate::kpi::KpiSettings;

/// Orders that end at a minute, well or badly; the newest burn rate of order-fallout.
fn burn(kpis: &mut Kpis, ends: &[(i64, usize, usize)], run: usize) -> BurnRate {
    for (minute, good, bad) in ends {
        for number in 0..good + bad {
            let end = if number < *good { "completed" } else { "failed" };
            let id = format!("order:{run}-{minute}-{number}");
            kpis.take_all(&course(&id, &[(minute - 1, "acknowledged"), (*minute, end)]));
        }
    }
    kpis.publish();
    let records = kpis.driver.read(TOPIC);
    let rates = records.iter().filter_map(|record| schemas::decode::<BurnRate>(record.value.as_ref()?).ok());
    rates.filter(|rate| rate.slo == "order-fallout").last().expect("a rate")
}

#[test]
fn a_burn_is_the_share_of_bad_ones_to_the_budget_in_each_window() {
    let mut kpis = Kpis::new(KpiSettings::default());
    // Half of what ended in the last minutes is bad; none of what ended two hours before.
    let rate = burn(&mut kpis, &[(60, 10, 0), (178, 10, 10)], 0);
    let window = |minutes: i64| rate.windows.iter().find(|window| window.window_ms == minutes * MINUTE).unwrap();
    // 5 % may be bad: half is ten times as much, a third 6.667 times.
    assert_eq!((window(5).events, window(5).bad, window(5).burn_milli), (20, 10, 10_000));
    assert_eq!((window(360).events, window(360).bad, window(360).burn_milli), (30, 10, 6_667));
    assert_eq!((rate.period_events, rate.period_bad), (30, 10));
    // A budget of one and a half, and ten bad ones.
    assert_eq!(rate.budget_left_ppm, -5_666_667);
    // 6.667 is beyond 6 over six hours and over half an hour.
    assert_eq!(rate.severity, "page");
    assert_eq!(rate.at.0, DAWN + 178 * MINUTE);
}

#[test]
fn few_events_fire_nothing_and_a_short_window_that_recovered_ends_it() {
    let mut kpis = Kpis::new(KpiSettings::default());
    assert_eq!(burn(&mut kpis, &[(10, 0, 19)], 0).severity, "none", "19 are no alarm, all bad as they are");
    assert_eq!(burn(&mut kpis, &[(10, 0, 1)], 1).severity, "page");
    // An hour later all goes well: the long windows still burn, the short ones do not.
    let rate = burn(&mut kpis, &[(75, 30, 0)], 2);
    assert!(rate.windows.last().unwrap().burn_milli > 6_000, "{rate:?}");
    assert_eq!(rate.severity, "ticket", "two hours and six still burn beyond 3 and 1");
}

#[test]
fn one_partner_that_is_down_is_told_apart_from_one_that_is_not() {
    let mut kpis = Kpis::new(KpiSettings::default());
    for number in 0..40 {
        for (partner, result) in [("up", "delivered"), ("down", "dead_lettered")] {
            let outcome = serde_json::json!({
                "delivery_id": format!("{partner}-{number}"), "target": format!("partner:{partner}"), "route": "r",
                "family": "ticket", "entity_kind": "ticket", "entity_id": "1", "result": result, "attempts": 1,
                "http_status": if partner == "up" { 200 } else { 503 }, "occurred_at": DAWN, "ingested_at": DAWN,
                "finished_at": DAWN + 1_000,
            });
            let outcome: schemas::DeliveryOutcome = serde_json::from_value(outcome).unwrap();
            kpis.driver.pipe("hub.delivery", "1", schemas::encode(&outcome), outcome.finished_at);
        }
    }
    kpis.publish();
    let mut severities = std::collections::BTreeMap::new();
    for record in kpis.driver.read(TOPIC) {
        let rate: BurnRate = schemas::decode(record.value.as_ref().unwrap()).unwrap();
        if rate.slo == "partner-availability" {
            severities.insert(rate.value, rate.severity);
        }
    }
    let told: Vec<_> = severities.iter().map(|(value, severity)| (value.as_str(), severity.as_str())).collect();
    assert_eq!(told, [("down", "page"), ("up", "none")]);
}
