//! Commands to Floworx: what each answer comes to.

use std::time::Duration;

use schemas::{DeliveryResult::*, Family, FloworxCommand, Timestamp};

use super::{
    Bench,
    outside::{Outside, Say},
};
use crate::{
    delivery::{BreakerSettings, RetryPolicy, http},
    floworx::{Floworx, FloworxSettings},
    sink::SinkSettings,
};

pub(super) const TOPIC: &str = "out.floworx";

/// Short waits, four attempts.
pub(super) const QUICK: RetryPolicy =
    RetryPolicy { initial_ms: 4, factor: 2.0, cap_ms: 20, max_attempts: 4, max_elapsed_ms: 30_000 };
/// A breaker that stays out of the way.
pub(super) const NEVER: BreakerSettings =
    BreakerSettings { failures_to_open: u32::MAX, open_ms: 10, open_max_ms: 10, probes: 1, successes_to_close: 1 };

pub(super) fn command(order: &str, delivery_id: &str) -> (String, FloworxCommand) {
    let command = FloworxCommand {
        delivery_id: delivery_id.to_owned(),
        route: "fulfil".to_owned(),
        entity_id: order.to_owned(),
        entity_kind: "order".to_owned(),
        family: Family::Order,
        cause: "fact".to_owned(),
        specification: "orderFulfilment".to_owned(),
        category: Some("broadband".to_owned()),
        priority: None,
        occurred_at: Timestamp(1_000),
        ingested_at: Timestamp(2_000),
        payload: "{}".to_owned(),
    };
    (order.to_owned(), command)
}

const TOKEN: &str = "floworx-token-for-tests";

pub(super) fn target(outside: &Outside, retry: RetryPolicy, breaker: BreakerSettings) -> Floworx {
    let token = Some(TOKEN.to_owned());
    let settings = FloworxSettings { retry, breaker, token, timeout_ms: 300, ..FloworxSettings::new(&outside.url) };
    assert!(!format!("{settings:?}").contains(TOKEN) && !serde_json::to_string(&settings).unwrap().contains(TOKEN));
    Floworx::new(http::client(Duration::from_secs(1)).unwrap(), settings).unwrap()
}

#[tokio::test]
async fn each_answer_ends_as_it_should() {
    let outside = Outside::start(|seen, before| match (seen.header("idempotency-key"), before) {
        ("created", _) => Say { body: r#"{"id":"flow-1"}"#.to_owned(), ..Say::status(201) },
        ("there", _) => Say { body: r#"{"id":"flow-2"}"#.to_owned(), ..Say::status(200) },
        ("conflict", _) => Say::status(409),
        ("bad", _) => Say::status(422),
        ("later", 0) => Say::status(503),
        ("later", _) => Say::status(201),
        ("slow", 0) => Say::status(201).after(Duration::from_secs(5)),
        ("slow", _) => Say::status(200),
        ("never", _) => Say::status(500),
        other => panic!("unexpected {other:?}"),
    })
    .await;
    let bench = Bench::new(TOPIC, 3);
    let ids = ["created", "there", "conflict", "bad", "later", "slow", "never"];
    bench.write(ids.map(|id| command(&format!("order-{id}"), id)));
    bench.write_raw([("torn".to_owned(), b"no frame".to_vec())]);
    let ledger = bench.run_until(target(&outside, QUICK, NEVER), SinkSettings::default(), 8).await;

    let bearer = format!("Bearer {TOKEN}");
    assert!(outside.seen().iter().all(|seen| seen.header("authorization") == bearer));

    let outcomes = bench.outcome_of_each();
    for (id, result, attempts, code, status, external_ref) in [
        ("created", Delivered, 1, None, Some(201), Some("flow-1")),
        ("there", Duplicate, 1, None, Some(200), Some("flow-2")),
        ("conflict", Duplicate, 1, None, Some(409), None),
        ("bad", DeadLettered, 1, Some("HUB-4002"), Some(422), None),
        ("later", Delivered, 2, Some("HUB-4006"), Some(201), None),
        ("slow", Duplicate, 2, Some("HUB-4003"), Some(200), None),
        ("never", DeadLettered, 4, Some("HUB-4001"), Some(500), None),
    ] {
        let outcome = &outcomes[id];
        assert_eq!(
            (outcome.result, outcome.attempts, outcome.error_code.as_deref(), outcome.http_status),
            (result, attempts, code, status),
            "{id}"
        );
        assert_eq!(outcome.external_ref.as_deref(), external_ref, "{id}");
        assert_eq!((outcome.entity_id.as_str(), outcome.target.as_str()), (format!("order-{id}").as_str(), "floworx"));
    }
    assert_eq!(outcomes.len(), 7);

    let mut letters = bench.dead_letters();
    letters.sort_by(|one, other| one.code.cmp(&other.code));
    let codes: Vec<_> = letters.iter().map(|letter| (letter.code.as_str(), letter.attempts)).collect();
    assert_eq!(codes, [("HUB-2016", 0), ("HUB-4001", 4), ("HUB-4002", 1)]);
    for letter in &letters {
        assert_eq!(
            (letter.payload.as_ref(), letter.part.as_str(), &*letter.origin_topic),
            (None, "sink.floworx", TOPIC)
        );
    }

    let books = ledger.snapshot();
    assert_eq!((books.taken_in, books.delivered, books.duplicate, books.dead_lettered), (8, 2, 3, 3));
    let first = &outside.seen()[0];
    assert_eq!(first.path, "/tmf-api/processFlowManagement/v4/processFlow");
    assert_eq!(first.body["processFlowSpecification"], "orderFulfilment");
}

#[tokio::test]
async fn an_id_that_no_header_takes_opens_no_breaker() {
    let outside = Outside::start(|_, _| Say { body: r#"{"id":"flow-1"}"#.to_owned(), ..Say::status(201) }).await;
    let bench = Bench::new(TOPIC, 1);
    let long = "x".repeat(100_000);
    let ids = ["two\nlines", "za\u{17c}\u{f3}\u{142}\u{107}", long.as_str(), "plain"];
    bench.write(ids.map(|id| command(&format!("order-{id}"), id)));
    let breaker = BreakerSettings { failures_to_open: 1, ..BreakerSettings::default() };
    let ledger = bench.run_until(target(&outside, QUICK, breaker), SinkSettings::default(), 4).await;
    assert_eq!(ledger.snapshot().delivered, 4);
    let outcomes = bench.outcome_of_each();
    assert!(ids.iter().all(|id| outcomes[*id].attempts == 1), "each is delivered at the first attempt");
    let mut keys: Vec<String> = outside.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let outside = Outside::start(|_, before| match before {
        0 => Say::status(429).header("retry-after", "1"),
        _ => Say::status(201),
    })
    .await;
    let bench = Bench::new(TOPIC, 1);
    bench.write([command("1", "1")]);
    bench.run_until(target(&outside, QUICK, NEVER), SinkSettings::default(), 1).await;
    let seen = outside.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_keys_order_holds_and_other_keys_pass_by() {
    // Every third attempt fails, and the first order's answers take their time.
    let outside = Outside::start(|seen, before| {
        let id = seen.header("idempotency-key");
        let turn = id.bytes().map(usize::from).sum::<usize>() + before;
        let slow = if id.starts_with("a/") { 30 } else { 0 };
        Say::status(if turn % 3 == 0 { 503 } else { 201 }).after(Duration::from_millis(slow))
    })
    .await;
    let bench = Bench::new(TOPIC, 2);
    let orders = ["a", "b", "c", "d"];
    bench.write((0..15).flat_map(|number| orders.map(|order| command(order, &format!("{order}/{number:02}")))));
    bench.run_until(target(&outside, QUICK, NEVER), SinkSettings::default(), 60).await;

    let seen: Vec<String> = outside.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    for order in orders {
        let of_order: Vec<_> = seen.iter().filter(|id| id.starts_with(order)).collect();
        assert!(of_order.is_sorted(), "{of_order:?}");
        assert!(of_order.len() > 15, "some attempts failed");
    }
    let last_of = |order: &str| seen.iter().rposition(|id| id.starts_with(order)).unwrap();
    assert!(last_of("b") < last_of("a") && last_of("c") < last_of("a"), "the slow order held the others up");
}

#[tokio::test]
async fn an_open_breaker_holds_records_without_burning_their_attempts() {
    let mended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_mended = mended.clone();
    let outside = Outside::start(move |_, _| {
        Say::status(if is_mended.load(std::sync::atomic::Ordering::SeqCst) { 201 } else { 503 })
    })
    .await;
    let breaker =
        BreakerSettings { failures_to_open: 3, open_ms: 20, open_max_ms: 40, probes: 1, successes_to_close: 1 };
    let retry = RetryPolicy { max_attempts: 40, ..QUICK };
    let bench = Bench::new(TOPIC, 1);
    bench.write((0..200).map(|number| command(&format!("order-{number}"), &format!("{number}"))));
    let running = bench.start(target(&outside, retry, breaker), SinkSettings::default());
    // Without a breaker 200 records with these waits would be asked for some thousand times by now.
    let began = std::time::Instant::now();
    super::eventually(|| outside.count() >= 30).await;
    let rests = began.elapsed().as_millis() / 20;
    assert!(outside.count() as u128 <= 16 + 3 + rests + 1, "{} attempts in {rests} rests", outside.count());
    mended.store(true, std::sync::atomic::Ordering::SeqCst);
    super::eventually(|| running.ledger.snapshot().delivered == 200).await;
    let books = running.stop().await.unwrap().snapshot();
    assert_eq!((books.delivered, books.dead_lettered), (200, 0));
    let most = bench.outcomes().iter().map(|outcome| outcome.attempts).max().unwrap();
    assert!(most < 40, "{most}");
}

#[tokio::test]
async fn what_a_breaker_holds_too_long_is_given_up() {
    let outside = Outside::start(|_, _| Say::status(503)).await;
    let breaker =
        BreakerSettings { failures_to_open: 2, open_ms: 60_000, open_max_ms: 60_000, ..BreakerSettings::default() };
    let retry = RetryPolicy { max_elapsed_ms: 200, ..QUICK };
    let bench = Bench::new(TOPIC, 1);
    bench.write((0..50).map(|number| command(&format!("order-{number}"), &format!("{number}"))));
    bench.run_until(target(&outside, retry, breaker), SinkSettings::default(), 50).await;
    let letters = bench.dead_letters();
    assert_eq!(letters.len(), 50);
    assert!(letters.iter().all(|letter| letter.code == "HUB-4005"), "{letters:?}");
    assert!(outside.count() <= 17, "{}", outside.count());
}
