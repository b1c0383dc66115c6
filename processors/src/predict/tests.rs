//! The clocks and the predictions of them in a topology that is driven by hand.

use std::sync::Arc;

use schemas::{Family, LifecycleFact, SlaPrediction, Timestamp};
use topology::{TestDriver, TopologyBuilder};

use super::{TOPIC, add_to};
use crate::route::{Router, default_routes};
use crate::sla::{self, SlaSettings};

const MINUTE: i64 = 60_000;

struct Run {
    driver: TestDriver,
}

impl Run {
    fn new() -> Self {
        let objective = toml::from_str(
            r#"
            name = "done"
            family = "order"
            start = "created"
            stop = ["completed"]
            pause = ["pending"]
            cancel = ["cancelled"]
            target = "60m"
            "#,
        );
        let settings = Arc::new(SlaSettings::new(vec![objective.unwrap()], vec![]).unwrap());
        let mut builder = TopologyBuilder::new();
        sla::add_to(&mut builder, settings.clone(), Arc::new(Router::new(default_routes()).unwrap()));
        add_to(&mut builder, settings);
        Self { driver: TestDriver::new(builder.build().unwrap(), Timestamp(0)) }
    }

    /// An order comes to a state at this minute.
    fn happen(&mut self, order: &str, minute: i64, version: i64, state: &str) {
        self.happen_in("sim", order, minute, version, state);
    }

    fn happen_in(&mut self, class: &str, order: &str, minute: i64, version: i64, state: &str) {
        let at = Timestamp(minute * MINUTE);
        self.driver.advance_wall_clock(at);
        let fact = LifecycleFact {
            fact_id: format!("order:{order}#{version}"),
            family: Family::Order,
            entity_kind: "order".into(),
            entity_id: order.into(),
            version,
            event_type: "ProductOrderStateChangeEvent".into(),
            change: if version == 1 { "created" } else { "state_changed" }.into(),
            from_state: None,
            to_state: Some(state.into()),
            occurred_at: at,
            ingested_at: at,
            created_at: (version == 1).then_some(at),
            due_at: None,
            customer_id: None,
            customer_class: None,
            account_id: None,
            partner_ids: vec![],
            class: Some(class.into()),
            category: None,
            priority: None,
            circle: None,
            channel: None,
            flags: vec![],
            order_id: None,
        };
        self.driver.pipe("hub.lifecycle", format!("order:{order}"), schemas::encode(&fact), at);
    }

    fn advance(&mut self, minute: i64) {
        self.driver.advance_wall_clock(Timestamp(minute * MINUTE));
    }

    /// What was told since: the band, or nothing where it was taken back.
    fn news(&mut self) -> Vec<Option<SlaPrediction>> {
        let records = self.driver.read(TOPIC);
        records.iter().map(|record| record.value.as_ref().map(|value| schemas::decode(value).unwrap())).collect()
    }

    fn bands(&mut self) -> Vec<String> {
        self.news().into_iter().map(|told| told.map_or("-".into(), |told| told.band)).collect()
    }
}

/// Two hundred orders, one a day: nine of ten take ten minutes in progress, one takes a hundred.
fn taught() -> Run {
    let mut run = Run::new();
    for number in 0..200 {
        let (order, start) = (format!("past-{number}"), number * 1_440);
        run.happen(&order, start, 1, "acknowledged");
        run.happen(&order, start + 5, 2, "inProgress");
        run.happen(&order, start + if number % 10 == 0 { 105 } else { 15 }, 3, "completed");
    }
    run.news();
    run
}

#[test]
fn a_warning_comes_long_before_the_breach() {
    let mut run = taught();
    let start = 300 * 1_440;
    run.happen("slow", start, 1, "acknowledged");
    assert_eq!(run.bands(), ["low"]);
    run.happen("slow", start + 5, 2, "inProgress");
    assert_eq!(run.bands(), [""; 0], "the band is the same");
    for minute in 6..=59 {
        run.advance(start + minute);
    }
    let told: Vec<SlaPrediction> = run.news().into_iter().flatten().collect();
    let last = told.last().expect("a warning");
    assert!(last.probability_ppm >= 500_000 && last.stage == "inProgress", "{last:?}");
    let breach_at = last.breach_at.expect("it runs");
    assert_eq!(breach_at, Timestamp((start + 60) * MINUTE));
    assert!(breach_at.millis_since(last.at) > 20 * MINUTE, "{} min before", breach_at.millis_since(last.at) / MINUTE);
    assert!(last.left_ms.is_some_and(|left| left > 40 * MINUTE), "{last:?}");
    // Past its target there is nothing to predict.
    run.advance(start + 61);
    assert_eq!(run.bands(), ["-"]);
}

#[test]
fn what_ends_is_taken_back_and_a_restart_changes_nothing() {
    let mut run = taught();
    let start = 300 * 1_440;
    run.happen("quick", start, 1, "acknowledged");
    run.happen("quick", start + 5, 2, "inProgress");
    assert_eq!(run.bands(), ["low"]);
    run.driver.restart();
    run.happen("quick", start + 15, 3, "completed");
    assert_eq!(run.bands(), ["-"]);
    run.advance(start + 10_000);
    assert_eq!(run.bands(), [""; 0], "no timer speaks of it again");
}

#[test]
fn a_clock_that_rests_is_not_looked_at() {
    let mut run = taught();
    let start = 300 * 1_440;
    run.happen("rests", start, 1, "acknowledged");
    run.happen("rests", start + 1, 2, "pending");
    let before = run.bands();
    run.advance(start + 10_000);
    assert_eq!((before, run.bands()), (vec!["low".to_owned()], vec![]));
}

/// A generated history: orders of two classes whose times in progress differ, one of eight of them stuck; how long is drawn
/// from a fixed seed. What was told of the later half, and whether it came true.
fn history() -> Vec<(f64, f64, bool)> {
    const ORDERS: usize = 2_400;
    let mut seed = 42_u64;
    let mut draw = |below: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) as i64) % below
    };
    let (mut events, mut breached) = (Vec::new(), Vec::new());
    for order in 0..ORDERS {
        let (start, slow, stuck) = (order as i64 * 7, order % 2 == 1, draw(8) == 0);
        let begins = 1 + draw(10);
        // The sum of three draws: a hill, not a plain.
        let works =
            (0..3).map(|_| draw(if slow { 24 } else { 8 })).sum::<i64>() + if stuck { 30 + draw(40) } else { 2 };
        let ends = begins + works;
        let class = if slow { "slow" } else { "fast" };
        let steps = [(0, 1, "acknowledged"), (begins, 2, "inProgress"), (ends, 3, "completed")];
        events.extend(steps.map(|(minute, version, state)| (start + minute, order, version, state, class)));
        breached.push(ends > 60);
    }
    events.sort_by_key(|(minute, order, version, ..)| (*minute, *order, *version));
    let (mut run, mut told) = (Run::new(), Vec::new());
    let mut looked = 0;
    for (minute, order, version, state, class) in events {
        // Timers fire on their own, not when an order ends: between the minutes at which anything happens.
        for passed in looked..minute {
            run.driver.advance_wall_clock(Timestamp(passed * MINUTE + MINUTE / 2));
        }
        looked = minute;
        run.happen_in(class, &order.to_string(), minute, version, state);
        told.extend(run.news().into_iter().flatten());
    }
    let score = |told: SlaPrediction| {
        let order: usize = told.entity_id.parse().unwrap();
        let used = told.consumed_ms as f64 / told.target_ms as f64;
        (order >= ORDERS / 2).then(|| (told.probability_ppm as f64 / 1e6, used, breached[order]))
    };
    told.into_iter().filter_map(score).collect()
}

#[test]
fn what_is_called_likely_happens_as_often_and_the_page_says_so() {
    let told = history();
    let brier = |guess: fn(&(f64, f64, bool)) -> f64| {
        told.iter().map(|told| (guess(told) - f64::from(u8::from(told.2))).powi(2)).sum::<f64>() / told.len() as f64
    };
    let (ours, baseline) = (brier(|told| told.0), brier(|told| told.1.min(1.0)));
    let mut table = String::from("| told | predictions | mean told | breached |\n|---|---|---|---|\n");
    for (band, from, until) in [("low", 0.0, 0.2), ("some", 0.2, 0.5), ("likely", 0.5, 0.8), ("high", 0.8, 1.1)] {
        let within: Vec<_> = told.iter().filter(|told| (from..until).contains(&told.0)).collect();
        let count = within.len().max(1) as f64;
        let mean = within.iter().map(|told| told.0).sum::<f64>() / count;
        let share = within.iter().filter(|told| told.2).count() as f64 / count;
        assert!(within.len() >= 50 && (mean - share).abs() < 0.12, "{band}: told {mean}, was {share} of {count}");
        table += &format!("| {band} | {} | {:.0} % | {:.0} % |\n", within.len(), mean * 100.0, share * 100.0);
    }
    table += &format!("\nBrier score {ours:.3}; of the share used up, taken as the probability, {baseline:.3}.\n");
    assert!(ours < baseline * 0.9, "{ours} against {baseline}");
    let page = include_str!("../../../docs/prediction.md");
    assert!(page.contains(&table), "put this into docs/prediction.md:\n{table}");
}
