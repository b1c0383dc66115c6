//! Webhooks to partners.

use std::time::Duration;

use schemas::{DeliveryResult, Family, PartnerDelivery, Timestamp};

use super::{
    Bench,
    floworx::{NEVER, QUICK},
    outside::{Outside, Say},
};
use crate::{
    delivery::http,
    partner::{PartnerEndpoint, Partners, Secret, signatures},
    sink::SinkSettings,
};

const TOPIC: &str = "out.partner";
const SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"];

fn delivery(partner: &str, delivery_id: &str) -> (String, PartnerDelivery) {
    let delivery = PartnerDelivery {
        delivery_id: delivery_id.to_owned(),
        route: "partners".to_owned(),
        partner_id: partner.to_owned(),
        event_type: "order.state_changed".to_owned(),
        family: Family::Order,
        entity_kind: "order".to_owned(),
        entity_id: format!("order-{delivery_id}"),
        occurred_at: Timestamp(1_700_000_000_123),
        ingested_at: Timestamp(1_700_000_000_456),
        payload: r#"{"state":"completed","price":10.10}"#.to_owned(),
    };
    (partner.to_owned(), delivery)
}

fn endpoint(id: &str, url: String) -> PartnerEndpoint {
    let secrets = SECRETS.map(str::to_owned).to_vec();
    PartnerEndpoint { retry: QUICK, breaker: NEVER, timeout_ms: 1_000, ..PartnerEndpoint::new(id, url, secrets) }
}

#[tokio::test]
async fn webhooks_are_signed_redirects_are_refused_and_strangers_are_dead_letters() {
    let outside = Outside::start(|seen, before| match (seen.path.as_str(), before) {
        ("/acme", 0) => Say::status(500),
        ("/acme", _) => Say::status(204),
        ("/moved", _) => Say::status(307).header("location", "/acme"),
        other => panic!("unexpected {other:?}"),
    })
    .await;
    let endpoints = ["acme", "moved"].map(|id| endpoint(id, format!("{}/{id}", outside.url)));
    let client = http::client(Duration::from_secs(1)).unwrap();
    let target = Partners::new(client, endpoints.to_vec()).unwrap();
    let bench = Bench::new(TOPIC, 1);
    bench.write([delivery("acme", "d-1"), delivery("moved", "d-2"), delivery("stranger", "d-3")]);
    let ledger = bench.run_until(target, SinkSettings::default(), 3).await;

    let outcomes = bench.outcome_of_each();
    assert_eq!((outcomes["d-1"].result, outcomes["d-1"].attempts), (DeliveryResult::Delivered, 2));
    assert_eq!((outcomes["d-2"].result, outcomes["d-2"].http_status), (DeliveryResult::DeadLettered, Some(307)));
    assert_eq!((outcomes["d-3"].result, outcomes["d-3"].attempts), (DeliveryResult::DeadLettered, 0));
    assert_eq!(outcomes["d-3"].target, "partner:stranger");
    let mut codes: Vec<_> = bench.dead_letters().into_iter().map(|letter| letter.reason).collect();
    codes.sort();
    assert_eq!(codes, ["delivery_bad_target", "delivery_refused"]);
    assert_eq!(ledger.snapshot().by_target["partner:acme"].delivered, 1);

    let secrets = SECRETS.map(|secret| Secret::parse(secret).unwrap());
    let seen = outside.seen();
    assert_eq!(seen.iter().filter(|seen| seen.path == "/acme").count(), 2, "the redirect was followed");
    for seen in seen {
        let sent_at: i64 = seen.header("webhook-timestamp").parse().unwrap();
        let expected = signatures(&secrets, seen.header("webhook-id"), sent_at, &seen.raw);
        assert_eq!(seen.header("webhook-signature"), expected);
        assert!((http::wall_clock().as_millis() / 1_000 - sent_at).abs() < 60);
        assert_eq!(
            String::from_utf8(seen.raw).unwrap(),
            r#"{"type":"order.state_changed","timestamp":"2023-11-14T22:13:20.123Z","data":{"state":"completed","price":10.10}}"#
        );
    }
}

#[tokio::test]
async fn a_slow_partner_does_not_hold_up_another_and_its_concurrency_is_kept() {
    let under_way = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = under_way.clone();
    let outside = Outside::start(move |seen, _| {
        log.lock().unwrap().push(seen.path.clone());
        Say::status(200).after(Duration::from_millis(if seen.path == "/slow" { 100 } else { 0 }))
    })
    .await;
    let slow = PartnerEndpoint { concurrency: 2, ..endpoint("slow", format!("{}/slow", outside.url)) };
    let fast = endpoint("fast", format!("{}/fast", outside.url));
    let target = Partners::new(http::client(Duration::from_secs(1)).unwrap(), vec![slow, fast]).unwrap();
    let bench = Bench::new(TOPIC, 1);
    bench.write((0..10).map(|number| delivery("slow", &format!("s-{number}"))));
    bench.write((0..40).map(|number| delivery("fast", &format!("f-{number}"))));
    bench.run_until(target, SinkSettings::default(), 50).await;

    let seen = outside.seen();
    let slow: Vec<_> = seen.iter().filter(|seen| seen.path == "/slow").map(|seen| seen.at).collect();
    for (earlier, third) in slow.iter().zip(&slow[2..]) {
        assert!(*third - *earlier >= Duration::from_millis(95), "more than two at a time");
    }
    let last_fast = seen.iter().filter(|seen| seen.path == "/fast").map(|seen| seen.at).max().unwrap();
    assert!(last_fast < slow[9], "the fast partner waited for the slow one");
}
