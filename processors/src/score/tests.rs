//! Cards against what a plain count of everything gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use schemas::{DeliveryOutcome, DeliveryResult, Family, LifecycleFact, Scorecard, Timestamp};
use topology::{TestDriver, Topology};

use super::{PeriodKind, ScoreSettings};
use crate::burn::default_slos;
use crate::entity::EntitySettings;
use crate::kpi::KpiSettings;
use crate::route::{Router, default_routes};
use crate::sla::{SlaSettings, default_calendars, default_objectives};
use crate::topology::{HubSettings, build};

const HOUR: i64 = 3_600_000;

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn settings() -> ScoreSettings {
    let mut settings = ScoreSettings {
        period: PeriodKind::Day,
        time_zone: TimeZone::get("Asia/Kolkata").unwrap(),
        min_events: 3,
        ..ScoreSettings::default()
    };
    settings.parts[2].weight = 3;
    settings
}

struct Hub {
    driver: TestDriver,
    /// The newest card of each key, as a reader of the compacted topic has it, and how many there were.
    cards: BTreeMap<String, Scorecard>,
    told: usize,
}

impl Hub {
    fn new(now: i64) -> Self {
        let driver = TestDriver::new(Self::topology(settings()), Timestamp(now));
        Self { driver, cards: BTreeMap::new(), told: 0 }
    }

    fn topology(score: ScoreSettings) -> Topology {
        let settings = HubSettings {
            entity: EntitySettings::default(),
            routes: Arc::new(Router::new(default_routes()).unwrap()),
            sla: Arc::new(SlaSettings::new(default_objectives(), default_calendars()).unwrap()),
            kpi: Arc::new(KpiSettings { grace_ms: 30 * 24 * HOUR, ..KpiSettings::default() }),
            slos: Arc::new(default_slos()),
            score: Arc::new(score),
            predict: false,
        };
        build(&settings).unwrap()
    }

    fn deliver(&mut self, outcome: &DeliveryOutcome) {
        self.driver.pipe("hub.delivery", "1", schemas::encode(outcome), outcome.finished_at);
    }

    fn take(&mut self, fact: &LifecycleFact) {
        let key = format!("{}:{}", fact.entity_kind, fact.entity_id);
        self.driver.pipe("hub.lifecycle", key, schemas::encode(fact), fact.occurred_at);
    }

    fn advance(&mut self, to: i64) {
        self.driver.advance_wall_clock(Timestamp(to));
        for record in self.driver.read(super::TOPIC) {
            let key = String::from_utf8_lossy(record.key.as_deref().unwrap()).into_owned();
            self.told += 1;
            match record.value {
                Some(value) => drop(self.cards.insert(key, schemas::decode(&value).unwrap())),
                None => drop(self.cards.remove(&key)),
            }
        }
    }
}

fn outcome(
    partner: &str,
    finished: i64,
    took: i64,
    result: DeliveryResult,
    http_status: Option<i32>,
) -> DeliveryOutcome {
    DeliveryOutcome {
        delivery_id: "d".into(),
        target: format!("partner:{partner}"),
        route: "r".into(),
        family: Family::Order,
        entity_kind: "order".into(),
        entity_id: "1".into(),
        result,
        attempts: 1,
        error_code: None,
        http_status,
        external_ref: None,
        occurred_at: Timestamp(finished - took),
        ingested_at: Timestamp(finished - took),
        finished_at: Timestamp(finished),
    }
}

fn fact(kind: &str, id: &str, at: i64, version: i64, state: &str) -> LifecycleFact {
    LifecycleFact {
        fact_id: format!("{kind}:{id}#{version}"),
        family: if kind == "order" { Family::Order } else { Family::Ticket },
        entity_kind: kind.into(),
        entity_id: id.into(),
        version,
        event_type: "E".into(),
        change: if version == 1 { "created" } else { "state_changed" }.into(),
        from_state: (version > 1).then(|| "before".into()),
        to_state: Some(state.into()),
        occurred_at: Timestamp(at),
        ingested_at: Timestamp(at),
        created_at: Some(Timestamp(at)),
        due_at: None,
        customer_id: None,
        customer_class: None,
        account_id: None,
        partner_ids: vec!["P".into()],
        class: None,
        category: None,
        priority: None,
        circle: None,
        channel: None,
        flags: vec![],
        order_id: None,
    }
}

fn part<'a>(card: &'a Scorecard, name: &str) -> &'a schemas::ScorePart {
    card.parts.iter().find(|part| part.name == name).unwrap()
}

#[test]
fn a_card_is_provisional_until_its_day_is_over_and_amended_after_that() {
    let noon = at("2026-11-24T12:00:00+05:30");
    let mut hub = Hub::new(noon);
    for _ in 0..4 {
        hub.deliver(&outcome("P", noon, 500, DeliveryResult::Delivered, Some(200)));
    }
    hub.deliver(&outcome("P", noon, 60_000, DeliveryResult::Delivered, Some(200)));
    hub.deliver(&outcome("P", noon, 500, DeliveryResult::DeadLettered, Some(503)));
    // What it refused for what we sent counts against nobody.
    hub.deliver(&outcome("P", noon, 500, DeliveryResult::DeadLettered, Some(422)));
    hub.advance(noon + 10_000);
    let card = &hub.cards["P|2026-11-24"];
    assert_eq!((card.revision, card.our_faults, card.period_kind.as_str()), (0, 1, "day"));
    assert_eq!((card.start_at.0, card.end_at.0), (at("2026-11-24T00:00:00+05:30"), at("2026-11-25T00:00:00+05:30")));
    let (acknowledged, available) = (part(card, "acknowledgement"), part(card, "availability"));
    assert_eq!((acknowledged.good, acknowledged.count, acknowledged.share_ppm), (4, 6, Some(666_666)));
    assert_eq!((available.good, available.count), (5, 6));
    assert_eq!(part(card, "completion").share_ppm, None, "nothing was measured");
    // One part weighs once, the other three times.
    assert_eq!(card.score_ppm, Some((666_666 + 3 * 833_333) / 4));
    assert!(card.response_p50_ms.unwrap() <= 510 && card.response_p95_ms.unwrap() > 50_000);

    let midnight = at("2026-11-25T00:00:00+05:30");
    hub.advance(midnight + HOUR);
    assert_eq!(hub.cards["P|2026-11-24"].revision, 1, "final after the grace");
    let told = hub.told;
    hub.driver.restart();
    hub.advance(midnight + 5 * HOUR);
    assert_eq!(hub.told, told, "and told once");
    hub.deliver(&outcome("P", midnight - 1, 500, DeliveryResult::Delivered, Some(200)));
    hub.deliver(&outcome("P", midnight, 500, DeliveryResult::Delivered, Some(200)));
    hub.advance(midnight + 6 * HOUR);
    assert_eq!(hub.cards["P|2026-11-24"].revision, 2, "something late amends it");
    assert_eq!(part(&hub.cards["P|2026-11-25"], "availability").count, 1);
    assert_eq!(part(&hub.cards["P|2026-11-25"], "availability").share_ppm, None, "too little to go by");
    hub.advance(midnight + 500 * 24 * HOUR);
    assert!(hub.cards.is_empty(), "forgotten, on the topic too");
    assert_eq!(hub.driver.imbalance(), 0);
}

#[test]
fn what_is_taken_out_of_a_card_was_put_into_it_whatever_the_period_is_now() {
    let noon = at("2026-11-24T12:00:00+05:30");
    let mut hub = Hub::new(noon);
    hub.take(&fact("order", "1", noon - 3 * HOUR, 1, "acknowledged"));
    hub.take(&fact("order", "1", noon, 2, "completed"));
    hub.advance(noon + 10_000);
    let completion = |hub: &Hub, card: &str| {
        let found = part(&hub.cards[card], "completion");
        (found.good, found.count)
    };
    assert_eq!(completion(&hub, "P|2026-11-24"), (1, 1));

    hub.driver.restart_as(Hub::topology(ScoreSettings { period: PeriodKind::Month, ..settings() }));
    hub.advance(noon + HOUR);
    hub.take(&fact("order", "2", noon, 1, "acknowledged"));
    hub.take(&fact("order", "2", noon + HOUR, 2, "completed"));
    hub.take(&LifecycleFact { flags: vec!["sla_suspect".into()], ..fact("order", "1", noon, 3, "completed") });
    hub.driver.restart();
    hub.advance(noon + HOUR + 10_000);
    assert_eq!(completion(&hub, "P|2026-11-24"), (0, 0), "it is taken out of the day");
    assert_eq!(completion(&hub, "P|2026-11"), (1, 1), "and the month has what it was begun with");
    assert_eq!(hub.driver.imbalance(), 0);
}

#[test]
fn orders_and_tickets_make_the_other_parts() {
    let noon = at("2026-11-24T12:00:00+05:30");
    let mut hub = Hub::new(noon);
    for order in 0..4 {
        let id = order.to_string();
        let mut first = fact("order", &id, noon - 3 * HOUR, 1, "acknowledged");
        if order == 0 {
            first.flags = vec!["adopted".into()];
        }
        hub.take(&first);
        hub.take(&fact("order", &id, noon, 2, "completed"));
    }
    hub.take(&fact("ticket", "T", noon, 1, "acknowledged"));
    hub.advance(noon + 10_000);
    let card = &hub.cards["P|2026-11-24"];
    let found = |name| (part(card, name).good, part(card, name).count);
    assert_eq!(found("disputes"), (3, 4));
    assert_eq!(found("data_quality"), (3, 4));
    assert_eq!(found("completion"), (4, 4), "four hours were allowed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cards_come_to_what_a_plain_count_gives(
        outcomes in prop::collection::vec((0_usize..3, 0_i64..60, 0_i64..6_000, 0_usize..4), 1..40),
        restart in 0_usize..40,
    ) {
        let noon = at("2026-11-24T12:00:00+05:30");
        let mut hub = Hub::new(noon + 100 * HOUR);
        // By partner and day: taken in time and all that could be; good calls and all; ours.
        let mut plain: BTreeMap<String, [i64; 5]> = BTreeMap::new();
        for (turn, (partner, hours, took, kind)) in outcomes.iter().enumerate() {
            let (result, status) = [
                (DeliveryResult::Delivered, Some(200)),
                (DeliveryResult::Duplicate, Some(200)),
                (DeliveryResult::DeadLettered, Some(404)),
                (DeliveryResult::DeadLettered, None),
            ][*kind];
            let finished = noon + hours * HOUR;
            hub.deliver(&outcome(&format!("P{partner}"), finished, *took + 1, result, status));
            let day = ["24", "25", "26"][((hours + 12) / 24) as usize];
            let count = plain.entry(format!("P{partner}|2026-11-{day}")).or_default();
            let (taken, ours) = (*kind < 2, *kind == 2);
            count[0] += i64::from(taken && *took < 2_000);
            count[1] += i64::from(!ours);
            count[2] += i64::from(taken);
            count[3] += i64::from(!ours);
            count[4] += i64::from(ours);
            if turn == restart {
                hub.driver.restart();
            }
        }
        hub.advance(noon + 101 * HOUR);
        let found: BTreeMap<String, [i64; 5]> = hub.cards.iter().map(|(key, card)| {
            let (taken, calls) = (part(card, "acknowledgement"), part(card, "availability"));
            (key.clone(), [taken.good, taken.count, calls.good, calls.count, card.our_faults])
        }).collect();
        prop_assert_eq!(found, plain);
        prop_assert!(hub.cards.values().all(|card| card.revision == 1));
        prop_assert_eq!(hub.driver.imbalance(), 0);
    }
}
