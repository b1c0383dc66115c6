//! The door: who may send what, how much, how fast, and what each is told.

use std::time::Duration;

use reqwest::blocking::{Client, Response};
use serde_json::Value;

use crate::support::{Billing, Hub, free_port, order_created, run_hub};

const PUBLISHER: &str = "publisher-token-0001";
const VIEWER: &str = "viewer-token-0000001";
const LIMITED: &str = "another-publisher-01";

const CONFIGURATION: &str = r#"
[http]
protect_metrics = true

[[http.tokens]]
name = "shop"
token = "publisher-token-0001"
roles = ["publisher", "viewer"]

[[http.tokens]]
name = "prometheus"
token = "viewer-token-0000001"
roles = ["viewer"]

[[http.tokens]]
name = "crm"
token = "another-publisher-01"
roles = ["publisher"]

[[http.users]]
name = "ops"
password = "pass:word"

[http.limits]
event_bytes = 4_096
batch_bytes = 16_384
requests_per_second = 1
burst = 20
"#;

fn problem(answer: Response, status: u16, code: &str) -> Value {
    let found = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").cloned();
    let text = answer.text().expect("a body");
    assert_eq!(found, status, "{text}");
    assert_eq!(content_type.expect("a content type"), "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(problem["code"], code, "{text}");
    assert!(problem["help"].is_string(), "{text}");
    problem
}

#[test]
fn each_refusal_says_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::configured(data.path(), CONFIGURATION, PUBLISHER);
    let client = Client::new();
    let events = format!("{}/v1/events", hub.url);
    let event = order_created("door").to_string();
    let json = |request: reqwest::blocking::RequestBuilder| {
        request.header("content-type", "application/json").body(event.clone()).send().expect("an answer")
    };

    for request in [
        client.post(&events),
        client.post(&events).bearer_auth("publisher-token-0002"),
        client.post(&events).basic_auth("ops", Some("pass")),
    ] {
        let answer = json(request);
        let schemes: Vec<_> = answer
            .headers()
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().expect("text").to_owned())
            .collect();
        assert!(schemes.iter().any(|scheme| scheme.starts_with("Bearer")), "{schemes:?}");
        assert!(schemes.iter().any(|scheme| scheme.starts_with("Basic")), "{schemes:?}");
        problem(answer, 401, "HUB-5001");
    }
    problem(json(client.post(&events).bearer_auth(VIEWER)), 403, "HUB-5002");
    problem(client.get(format!("{}/metrics", hub.url)).send().expect("an answer"), 401, "HUB-5001");
    let metrics = client.get(format!("{}/metrics", hub.url)).bearer_auth(LIMITED).send().expect("an answer");
    problem(metrics, 403, "HUB-5002");
    let metrics = client.get(format!("{}/metrics", hub.url)).bearer_auth(VIEWER).send().expect("an answer");
    assert_eq!(metrics.status().as_u16(), 200);

    problem(hub.post("/v1/events", "text/plain", event.clone()).expect("an answer"), 415, "HUB-5006");
    problem(
        hub.post("/listener/productOrderCreateEvent", "application/x-ndjson", event.clone()).expect("an answer"),
        415,
        "HUB-5006",
    );
    problem(
        hub.post("/v1/events?on_invalid=ignore", "application/x-ndjson", event.clone()).expect("an answer"),
        400,
        "HUB-5013",
    );
    problem(hub.post("/v2/events", "application/json", event.clone()).expect("an answer"), 404, "HUB-5004");
    let get = client.get(&events).bearer_auth(PUBLISHER).send().expect("an answer");
    assert_eq!(get.headers().get("allow").expect("an Allow header"), "POST");
    problem(get, 405, "HUB-5005");
    let long = event.replace("mobile", &"m".repeat(5_000));
    problem(hub.post("/v1/events", "application/json", long.clone()).expect("an answer"), 413, "HUB-2009");
    let batch = [event.as_str(); 64].join("\n");
    assert!(batch.len() > 16_384);
    let answer = problem(hub.post("/v1/events", "application/x-ndjson", batch).expect("an answer"), 413, "HUB-5008");
    assert!(answer["accepted"].is_u64(), "{answer}");
    let answer = hub.post("/v1/events", "application/x-ndjson", format!("{long}\n{event}")).expect("an answer");
    let answer: Value = answer.json().expect("JSON");
    assert_eq!(answer["dead_lettered_lines"][0]["code"], "HUB-2009", "{answer}");

    let answer = json(client.post(&events).basic_auth("ops", Some("pass:word")));
    assert_eq!(answer.status().as_u16(), 202);

    // Another credential's bucket is full still: its burst, then 429 until the next second.
    LIMITED.clone_into(&mut hub.token);
    let answers: Vec<_> =
        (0..24).map(|_| hub.post("/v1/events", "application/json", event.clone()).expect("an answer")).collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert!(statuses[..20].iter().all(|status| *status == 202), "{statuses:?}");
    let limited =
        answers.into_iter().find(|answer| answer.status().as_u16() == 429).unwrap_or_else(|| panic!("{statuses:?}"));
    let wait: u64 = limited.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=2).contains(&wait), "Retry-After: {wait}");
    problem(limited, 429, "HUB-5003");
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn an_accepted_event_is_told_its_place_and_survives_sigterm() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    for (offset, state) in ["inProgress", "held", "inProgress"].iter().enumerate() {
        let event = if offset == 0 { order_created("placed") } else { crate::support::order_state("placed", state) };
        let answer = hub.post("/v1/events", "application/json", event.to_string()).expect("an answer");
        let header = answer.headers()["x-hub-position"].to_str().expect("text").to_owned();
        let answer: Value = answer.json().expect("JSON");
        let position = &answer["position"];
        assert_eq!(
            (&position["topic"], position["offset"].as_u64()),
            (&"hub.order".into(), Some(offset as u64)),
            "{answer}"
        );
        assert_eq!(header, format!("hub.order/{}/{offset}", position["partition"]));
    }
    let lines: Vec<_> = (0..50).map(|number| order_created(&format!("last-{number}")).to_string()).collect();
    let answer = hub.post("/v1/events", "application/x-ndjson", lines.join("\n")).expect("an answer");
    let answer: Value = answer.json().expect("JSON");
    let reached: u64 =
        answer["positions"].as_array().expect("a list").iter().filter_map(|place| place["records"].as_u64()).sum();
    assert_eq!((answer["accepted"].as_u64(), reached), (Some(50), 50), "{answer}");
    // What was answered with 202 is finished before the end, or by the next process.
    assert_eq!(hub.stop(), Some(0));
    let drained = Billing::open(data.path()).count("entity_id like 'last-%'");
    let hub = Hub::start(data.path(), None);
    Billing::open(data.path()).wait_for(50, "entity_id like 'last-%'");
    hub.settle(Duration::from_secs(30));
    assert_eq!(Billing::open(data.path()).count("entity_id like 'last-%'"), 50);
    assert_eq!(drained, 50, "SIGTERM drains: deliveries that were under way are made before the end");
    assert_eq!(hub.interrupt(), Some(130), "Ctrl-C drains too, and scripts can tell it from the end of the work");
}

#[test]
fn a_second_process_on_the_same_directory_is_told_who_holds_it() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::start(data.path(), None);
    let listen = format!("127.0.0.1:{}", free_port());
    let second = run_hub(&["run", "--data", &data.path().display().to_string(), "--listen", &listen], b"");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("in use by process {}", hub.pid())), "{said}");
    assert!(said.contains("choose another directory"), "{said}");
    hub.send(&order_created("undisturbed"));
    assert_eq!(hub.stop(), Some(0));
}
