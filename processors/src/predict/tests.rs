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
            class: Some("sim".into()),
            category: None,
            priority: None,
            circle: None,
            channel: None,
            flags: vec![],
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
