//! The sandbox over real sockets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::floworx_runner::plan;
use super::signature::Key;
use super::{Behaviour, FloworxSettings, Sandbox, SandboxSettings};

type Posted = (String, Option<String>, Value);

/// A hub that refuses each third request for now, and hands on what it accepts.
#[derive(Clone)]
struct FakeHub {
    requests: Arc<AtomicUsize>,
    accepted: mpsc::UnboundedSender<Posted>,
}

async fn listen(
    State(hub): State<FakeHub>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    match hub.requests.fetch_add(1, Ordering::Relaxed) % 6 {
        2 => return StatusCode::SERVICE_UNAVAILABLE,
        5 => return StatusCode::TOO_MANY_REQUESTS,
        _ => {}
    }
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    hub.accepted.send((name, token, serde_json::from_str(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

async fn fake_hub() -> (String, mpsc::UnboundedReceiver<Posted>) {
    let (accepted, receiver) = mpsc::unbounded_channel();
    let hub = FakeHub { requests: Arc::default(), accepted };
    let router = Router::new().route("/listener/{name}", post(listen)).with_state(hub);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, receiver)
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn quick(hub_url: &str, floworx: FloworxSettings) -> SandboxSettings {
    let pause = Duration::from_millis(1);
    SandboxSettings {
        floworx: FloworxSettings { pause_min: pause, pause_max: pause * 5, ..floworx },
        slow_partner: Behaviour::perfect(),
        ..SandboxSettings::new(hub_url, "secret-token", 7)
    }
}

async fn create(sandbox: &Sandbox, key: &str, order: &str) -> reqwest::Response {
    let url = format!("{}/tmf-api/processFlowManagement/v4/processFlow", sandbox.floworx_url);
    let body = json!({ "processFlowSpecification": "productOrderFulfilment",
        "relatedEntity": [{ "id": order, "@referredType": "ProductOrder" }] });
    client().post(url).header("Idempotency-Key", key).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn a_flow_is_created_once_and_reports_every_change_in_order() {
    let (hub_url, mut posted) = fake_hub().await;
    let sandbox = Sandbox::start(quick(&hub_url, FloworxSettings::perfect())).await.unwrap();
    let first = create(&sandbox, "key-1", "ORD-1").await;
    assert_eq!(first.status(), 201);
    let first: Value = first.json().await.unwrap();
    assert_eq!(first["state"], "active");
    let again = create(&sandbox, "key-1", "ORD-1").await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);

    let expected = plan(&sandbox.floworx.settings, 7, first["id"].as_str().unwrap());
    for change in expected {
        let (path, token, event) = posted.recv().await.unwrap();
        assert_eq!(token.as_deref(), Some("Bearer secret-token"));
        let (name, resource) = match change.task {
            Some(_) => ("taskFlowStateChangeEvent", "taskFlow"),
            None => ("processFlowStateChangeEvent", "processFlow"),
        };
        assert_eq!(path, name);
        assert!(event["eventType"].as_str().unwrap().eq_ignore_ascii_case(name));
        let entity = &event["event"][resource];
        assert_eq!(entity["state"], change.state);
        assert_eq!(entity["relatedEntity"][0]["id"], "ORD-1");
    }
    let counters = sandbox.stop().await.floworx;
    assert_eq!((counters.created, counters.repeated), (1, 1));
    assert!(counters.events_retried > 0, "the hub pushed back and was asked again");
    assert!(posted.try_recv().is_err(), "nothing is posted twice");
}

#[tokio::test]
async fn requests_without_key_or_order_are_refused() {
    let sandbox = Sandbox::start(quick("http://127.0.0.1:9", FloworxSettings::perfect())).await.unwrap();
    let url = format!("{}/tmf-api/processFlowManagement/v4/processFlow", sandbox.floworx_url);
    let no_key = client().post(&url).json(&json!({})).send().await.unwrap();
    assert_eq!(no_key.status(), 400);
    let no_order = client().post(&url).header("Idempotency-Key", "k").json(&json!({})).send().await.unwrap();
    assert_eq!(no_order.status(), 400);
    assert_eq!(sandbox.stop().await.floworx.refused, 2);
}

#[tokio::test]
async fn a_flow_that_fulfils_no_order_is_noted_and_reports_nothing() {
    let (hub_url, mut posted) = fake_hub().await;
    let sandbox = Sandbox::start(quick(&hub_url, FloworxSettings::perfect())).await.unwrap();
    let url = format!("{}/tmf-api/processFlowManagement/v4/processFlow", sandbox.floworx_url);
    let body = json!({ "processFlowSpecification": "slaEscalation",
        "relatedEntity": [{ "id": "T-1", "@referredType": "TroubleTicket" }] });
    for status in [201, 200] {
        let answer = client().post(&url).header("Idempotency-Key", "k").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.json::<Value>().await.unwrap()["relatedEntity"][0]["@referredType"], "TroubleTicket");
    }
    let counters = sandbox.stop().await.floworx;
    assert_eq!((counters.created, counters.noted, counters.repeated), (1, 1, 1));
    assert!(posted.try_recv().is_err(), "the hub hears of no order");
}

#[tokio::test]
async fn an_unavailable_floworx_says_when_to_come_back_and_the_seed_decides() {
    let floworx = FloworxSettings { unavailable: 0.5, ..FloworxSettings::perfect() };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sandbox = Sandbox::start(quick("http://127.0.0.1:9", floworx)).await.unwrap();
        let mut statuses = Vec::new();
        for order in 0..20 {
            let response = create(&sandbox, &format!("key-{order}"), "ORD-1").await;
            if response.status() == 503 {
                assert_eq!(response.headers()["retry-after"], "1");
            }
            statuses.push(response.status());
        }
        runs.push(statuses);
        sandbox.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].iter().any(|status| *status == 503));
    assert!(runs[0].iter().any(|status| *status == 201));
}

#[tokio::test]
async fn a_stalled_answer_is_late_though_the_flow_exists() {
    let floworx = FloworxSettings { stalling: 1.0, stall_for: Duration::from_mins(1), ..FloworxSettings::perfect() };
    let sandbox = Sandbox::start(quick("http://127.0.0.1:9", floworx)).await.unwrap();
    let patience = Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, create(&sandbox, "key", "ORD-1")).await.is_err());
    assert_eq!(create(&sandbox, "key", "ORD-1").await.status(), 200);
    sandbox.stop().await;
}

async fn deliver(url: &str, secret: &str, id: &str, body: &str) -> reqwest::Result<StatusCode> {
    let timestamp = jiff::Timestamp::now().as_second().to_string();
    let signature = Key::from_secret(secret).unwrap().sign(id, &timestamp, body.as_bytes());
    let request = client().post(url).header("webhook-id", id);
    let request = request.header("webhook-timestamp", timestamp);
    let request = request.header("webhook-signature", signature).body(body.to_owned());
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn partners_count_repeats_wrong_signatures_and_broken_order() {
    let sandbox = Sandbox::start(quick("http://127.0.0.1:9", FloworxSettings::perfect())).await.unwrap();
    let (url, secret) = (&sandbox.slow_partner_url, &sandbox.slow_partner_secret);
    let later = r#"{"entity_id":"ORD-1","occurred_at":2000}"#;
    let earlier = r#"{"entity_id":"ORD-1","occurred_at":1000}"#;
    assert_eq!(deliver(url, secret, "a", later).await.unwrap(), 204);
    assert_eq!(deliver(url, secret, "a", later).await.unwrap(), 204);
    assert_eq!(deliver(url, secret, "b", earlier).await.unwrap(), 204);
    assert_eq!(deliver(url, &sandbox.flaky_partner_secret, "c", later).await.unwrap(), 401);
    let counters = sandbox.stop().await.slow_partner;
    assert_eq!(counters.requests, 4);
    assert_eq!((counters.unique, counters.duplicates), (2, 1));
    assert_eq!((counters.bad_signatures, counters.order_violations), (1, 1));
}

#[tokio::test]
async fn the_flaky_partner_fails_in_every_way_and_takes_all_in_the_end() {
    let mut settings = quick("http://127.0.0.1:9", FloworxSettings::perfect());
    settings.flaky_partner = Behaviour { failing: 0.6, throttled: 0.1, ..Behaviour::perfect() };
    let sandbox = Sandbox::start(settings).await.unwrap();
    let (url, secret) = (&sandbox.flaky_partner_url, &sandbox.flaky_partner_secret);
    let seen: Mutex<Vec<String>> = Mutex::default();
    for number in 0..40 {
        let id = format!("id-{number}");
        loop {
            let answer = match deliver(url, secret, &id, "{}").await {
                Ok(status) => status.as_u16().to_string(),
                Err(_) => "cut".to_owned(),
            };
            let done = answer == "204";
            seen.lock().unwrap().push(answer);
            if done {
                break;
            }
        }
    }
    let seen = seen.into_inner().unwrap();
    for answer in ["204", "429", "500", "503", "cut"] {
        assert!(seen.iter().any(|one| one == answer), "{answer} is never seen");
    }
    let counters = sandbox.stop().await.flaky_partner;
    assert_eq!((counters.unique, counters.duplicates), (40, 0));
    assert_eq!(counters.requests as usize, seen.len());
}

#[test]
fn flows_walk_the_machine() {
    let settings = FloworxSettings { holding: 0.3, cancelling: 0.3, ..FloworxSettings::default() };
    let legal = [
        ("", "active"),
        ("active", "hold"),
        ("hold", "active"),
        ("active", "completed"),
        ("active", "cancelled"),
        ("hold", "cancelled"),
    ];
    let mut ends = std::collections::BTreeSet::new();
    for number in 0..500 {
        let plan = plan(&settings, 3, &format!("PF-{number}"));
        let mut states = std::collections::HashMap::new();
        for change in &plan {
            let state = states.entry(change.task).or_insert("");
            assert!(legal.contains(&(*state, change.state)), "{state} -> {}", change.state);
            *state = change.state;
        }
        ends.insert(states[&None]);
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["cancelled", "completed"]);
}
