//! The server on a real socket and the embedded log, with an intake of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Response, StatusCode};
use schemas::{Code, DeadLetter, SlaStatus, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use topology::sim::{FaultPlan, SimLog};
use topology::{Log, Offset, TopicPartition, TopicSpec};

use super::*;
use crate::embedded::{EmbeddedLog, Settings};
use crate::sink::Shutdown;

const TOKEN: &str = "publisher-token-for-tests";
const VIEWER: &str = "viewer-token-for-tests";

/// Takes lines `key=value` in, refuses `bad`.
struct Lines;

impl Intake for Lines {
    fn admit(&self, body: &[u8], hint: Option<&str>, now: Timestamp) -> Result<Admitted, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::new(Code::BadEncoding, "not UTF-8"))?;
        let Some((key, value)) = text.split_once('=') else {
            return Err(Refusal {
                code: Code::BadTimestamp,
                field: Some("/at".into()),
                detail: "The time is none.".into(),
            });
        };
        let value = hint.map_or_else(|| value.to_owned(), |hint| format!("{hint}:{value}"));
        Ok(Admitted {
            topic: "t".into(),
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: value.into(),
            family: "order",
            timestamp: now,
        })
    }
}

struct Fine;

impl Status for Fine {
    fn metrics(&self) -> String {
        "hub_build_info 1\n".into()
    }

    fn parts(&self) -> Vec<PartStatus> {
        let part = |label: &str, connected, required| PartStatus {
            label: label.into(),
            connected,
            required,
            error: None,
            since: "now".into(),
        };
        vec![part("log", true, true), part("target.partner:acme", false, false)]
    }

    fn sla_clocks(&self, entity: &str) -> Result<Option<Value>, NotTold> {
        match entity {
            "order:7/a" => Ok(Some(json!({ "entity": entity }))),
            "order:busy" => Err(NotTold::Silent("busy".into())),
            "order:moving" => Err(NotTold::Away("moving".into())),
            other if other.starts_with("at:") => Err(NotTold::Elsewhere(other["at:".len()..].into())),
            _ => Ok(None),
        }
    }

    fn sla(&self, question: &SlaQuestion) -> Result<Option<Value>, String> {
        Ok(Some(json!({ "asked": format!("{question:?}") })))
    }

    fn sla_news(&self) -> Option<tokio::sync::broadcast::Receiver<Arc<str>>> {
        let (sender, news) = tokio::sync::broadcast::channel(1);
        for number in 1..=3 {
            sender.send(format!("{{\"event\":\"breach\",\"number\":{number}}}").into()).unwrap();
        }
        // With the sender the hub stops.
        Some(news)
    }
}

#[tokio::test]
async fn news_of_clocks_come_line_by_line_until_the_hub_stops() {
    let hub = start(Limits::default()).await;
    let ask = || hub.client.get(format!("{}/v1/sla/events", hub.url));
    problem(ask().send().await.unwrap(), 401, "HUB-5001").await;
    problem(ask().bearer_auth(TOKEN).send().await.unwrap(), 403, "HUB-5002").await;
    let response = ask().bearer_auth(VIEWER).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let lines = response.text().await.unwrap();
    assert_eq!(lines, "\n{\"event\":\"skipped\",\"count\":2}\n{\"event\":\"breach\",\"number\":3}\n");
}

#[tokio::test]
async fn followers_leave_room_for_others() {
    let hub = start(Limits { connections: 8, ..Limits::default() }).await;
    let place = hub.followers.clone().try_acquire_owned().unwrap();
    let ask = || hub.client.get(format!("{}/v1/sla/events", hub.url)).bearer_auth(VIEWER);
    problem(ask().send().await.unwrap(), 503, "HUB-5011").await;
    drop(place);
    assert_eq!(ask().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn lists_of_clocks_take_what_can_be_and_are_told_to_viewers_only() {
    let hub = start(Limits::default()).await;
    let ask = |path: &str| hub.client.get(format!("{}/v1/sla/{path}", hub.url));
    for path in ["clocks", "violations", "predictions"] {
        problem(ask(path).send().await.unwrap(), 401, "HUB-5001").await;
        problem(ask(path).bearer_auth(TOKEN).send().await.unwrap(), 403, "HUB-5002").await;
    }
    let wrong = [
        "clocks?limit=0",
        "clocks?limit=1001",
        "clocks?status=met",
        "clocks?state=open",
        "predictions?band=high",
        "violations?from=now",
    ];
    for path in wrong {
        problem(ask(path).bearer_auth(VIEWER).send().await.unwrap(), 400, "HUB-5013").await;
    }
    let asked = async |path: &str| -> String {
        let told: Value = ask(path).bearer_auth(VIEWER).send().await.unwrap().json().await.unwrap();
        told["asked"].as_str().unwrap().to_owned()
    };
    let clocks = SlaQuestion::Clocks { objective: Some("a b".into()), status: Some(SlaStatus::Paused), limit: 7 };
    assert_eq!(asked("clocks?objective=a%20b&status=paused&limit=7").await, format!("{clocks:?}"));
    let predictions = SlaQuestion::Predictions { objective: Some("a".into()), limit: 9 };
    assert_eq!(asked("predictions?objective=a&limit=9").await, format!("{predictions:?}"));
    let violations = SlaQuestion::Violations { from: Some(Timestamp(1_000)), limit: 50 };
    assert_eq!(asked("violations?from=1970-01-01T00:00:01Z").await, format!("{violations:?}"));
}

#[tokio::test]
async fn clocks_are_told_to_viewers_only() {
    let hub = start(Limits::default()).await;
    let ask = |entity: &str| hub.client.get(format!("{}/v1/sla/clocks/{entity}", hub.url));
    problem(ask("order:7%2Fa").send().await.unwrap(), 401, "HUB-5001").await;
    problem(ask("order:7%2Fa").bearer_auth(TOKEN).send().await.unwrap(), 403, "HUB-5002").await;
    let told: Value = ask("order:7%2Fa").bearer_auth(VIEWER).send().await.unwrap().json().await.unwrap();
    assert_eq!(told, json!({ "entity": "order:7/a", "schema_version": 1 }));
    problem(ask("order:8").bearer_auth(VIEWER).send().await.unwrap(), 404, "HUB-5004").await;
    problem(ask("order:busy").bearer_auth(VIEWER).send().await.unwrap(), 503, "HUB-5011").await;
}

#[tokio::test]
async fn what_another_hub_keeps_is_asked_of_it_once() {
    let (near, far) = (start(Limits::default()).await, start(Limits::default()).await);
    let entity = format!("at:{}", far.url.trim_start_matches("http://"));
    let ask = |hub: &Running, entity: &str| hub.client.get(format!("{}/v1/sla/clocks/{entity}", hub.url));
    // The other hub does not have it any more either, and does not pass it on again.
    let answer = ask(&near, &entity).bearer_auth(VIEWER).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2");
    let told = problem(answer, 503, "HUB-1025").await;
    assert!(told["detail"].as_str().unwrap().contains("answers 503"), "{told}");
    let passed_on = ask(&far, &entity).header("x-hub-passed-on", "1").bearer_auth(VIEWER).send().await.unwrap();
    let told = problem(passed_on, 503, "HUB-1025").await;
    assert!(told["detail"].as_str().unwrap().contains("moved on"), "{told}");
    // Only who may ask this hub has it ask another.
    problem(ask(&near, &entity).bearer_auth(TOKEN).send().await.unwrap(), 403, "HUB-5002").await;
    let nobody = problem(ask(&near, "at:127.0.0.1:1").bearer_auth(VIEWER).send().await.unwrap(), 503, "HUB-1025").await;
    assert!(nobody["detail"].as_str().unwrap().contains("does not answer"), "{nobody}");
    problem(ask(&near, "order:moving").bearer_auth(VIEWER).send().await.unwrap(), 503, "HUB-1025").await;
}

struct Running {
    url: String,
    client: Client,
    log: Arc<dyn Log>,
    ledger: IngestLedger,
    closed: Arc<std::sync::atomic::AtomicBool>,
    followers: Arc<tokio::sync::Semaphore>,
    stop: Shutdown,
    _directory: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.trigger();
    }
}

async fn start(limits: Limits) -> Running {
    let directory = TempDir::new().unwrap();
    let (log, _) = EmbeddedLog::open(directory.path(), Settings::default()).unwrap();
    let hub = start_on(log, directory, limits).await;
    // The committing thread has its producer a moment later.
    until_ready(&hub, true).await;
    hub
}

async fn start_on(log: Arc<dyn Log>, directory: TempDir, limits: Limits) -> Running {
    log.ensure_topics(&[TopicSpec::delete("t", 1, None), TopicSpec::delete("hub.dead_letter", 1, None)]).unwrap();
    let on_end = |error| panic!("{error}");
    let (committer, _thread) = Committer::start(log.clone(), &CommitterSettings::default(), on_end).unwrap();
    let credentials = Credentials::new().token(TOKEN, &[Role::Publisher]).token(VIEWER, &[Role::Viewer]).user(
        "u",
        "p",
        &[Role::Publisher],
    );
    let ledger = IngestLedger::default();
    let settings = ServerSettings { credentials, protect_metrics: true, limits };
    let server = Server::new(settings, Arc::new(Lines), Arc::new(Fine), Some(committer), ledger.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (closed, followers, stop) = (server.closed(), server.shared.followers.clone(), Shutdown::new());
    let stopping = stop.clone();
    tokio::spawn(async move { server.serve(listener, async move { stopping.triggered().await }).await });
    Running { url, client: Client::new(), log, ledger, closed, followers, stop, _directory: directory }
}

impl Running {
    async fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        request.header("content-type", content_type).body(body).send().await.unwrap()
    }

    fn values(&self, topic: &str) -> Vec<Bytes> {
        let mut records = Vec::new();
        self.log.read(&TopicPartition::new(topic, 0), Offset(0), 1 << 24, &mut records).unwrap();
        records.into_iter().filter_map(|record| record.value).collect()
    }

    fn letters(&self) -> Vec<DeadLetter> {
        self.values("hub.dead_letter").iter().map(|value| schemas::decode(value).unwrap()).collect()
    }
}

async fn problem(response: Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["type"], format!("urn:jcms:hub:error:{code}"));
    assert_eq!(body["status"], status);
    body
}

#[tokio::test]
async fn an_event_is_answered_with_its_position_once_it_is_durable() {
    let hub = start(Limits::default()).await;
    let response = hub.post("/v1/events", "application/json", "a=1").await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["x-hub-position"], "t/0/0");
    assert_eq!(hub.values("t"), ["1"]);
    let response = hub.post("/listener/productOrderCreateEvent", "application/json; charset=utf-8", "a=2").await;
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["position"], serde_json::json!({ "topic": "t", "partition": 0, "offset": 1 }));
    assert_eq!(hub.values("t"), ["1", "productOrderCreateEvent:2"]);
    assert_eq!(hub.ledger.snapshot().accepted["order"], 2);
}

/// Asks again and again until the hub is ready, or not, and says why it was not.
async fn until_ready(hub: &Running, ready: bool) -> String {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let answer = hub.client.get(format!("{}/readyz", hub.url)).send().await.unwrap();
        let status = answer.status();
        let told = answer.text().await.unwrap();
        if status == if ready { 200 } else { 503 } {
            return told;
        }
        assert!(std::time::Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_log_that_gives_no_producer_is_waited_for_and_events_are_refused_meanwhile() {
    let log = SimLog::new();
    log.ensure_topics(&[TopicSpec::delete("t", 1, None), TopicSpec::delete("hub.dead_letter", 1, None)]).unwrap();
    log.set_faults(FaultPlan { begin: 1_000, ..FaultPlan::NONE });
    let hub = start_on(Arc::new(log.clone()), TempDir::new().unwrap(), Limits::default()).await;
    while log.events().begins < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = until_ready(&hub, false).await;
    assert!(told.contains(r#""label":"ingest""#) && told.contains("broker does not answer"), "{told}");
    let refused = hub.post("/v1/events", "application/json", "a=1").await;
    let told = problem(refused, 503, "HUB-5011").await;
    assert!(told["detail"].as_str().unwrap().contains("cannot be written to yet"), "{told}");
    log.set_faults(FaultPlan::NONE);
    until_ready(&hub, true).await;
    assert_eq!(hub.post("/v1/events", "application/json", "a=1").await.status(), StatusCode::ACCEPTED);

    // Later too: what did not come through is told so, and then the door is closed until there is a producer again.
    log.set_faults(FaultPlan { begin: 1_000, failed_commit: 1_000, ..FaultPlan::NONE });
    problem(hub.post("/v1/events", "application/json", "a=2").await, 503, "HUB-5012").await;
    until_ready(&hub, false).await;
    problem(hub.post("/v1/events", "application/json", "a=3").await, 503, "HUB-5011").await;
    log.set_faults(FaultPlan::NONE);
    until_ready(&hub, true).await;
    assert_eq!(hub.post("/v1/events", "application/json", "a=4").await.status(), StatusCode::ACCEPTED);
    assert_eq!(hub.values("t"), ["1", "4"]);
}

#[tokio::test]
async fn concurrent_events_each_get_their_own_position() {
    let hub = start(Limits::default()).await;
    let posts = (0..64).map(|number| {
        let hub = &hub;
        async move {
            let response = hub.post("/v1/events", "application/json", format!("k{number}={number}")).await;
            let body: Value = response.json().await.unwrap();
            (body["position"]["offset"].as_u64().unwrap() as usize, number)
        }
    });
    let answers = futures_util::future::join_all(posts).await;
    let values = hub.values("t");
    assert_eq!(values.len(), 64);
    for (offset, number) in answers {
        assert_eq!(values[offset], number.to_string());
    }
}

#[tokio::test]
async fn a_refused_event_is_a_problem_without_its_value() {
    let hub = start(Limits::default()).await;
    let response = hub.post("/v1/events", "application/json", "very-secret-value").await;
    let body = problem(response, 422, "HUB-2003").await;
    assert_eq!(body["field"], "/at");
    assert!(!body.to_string().contains("very-secret-value"));
    assert_eq!(hub.ledger.snapshot().rejected["HUB-2003"], 1);
    assert!(hub.values("t").is_empty() && hub.letters().is_empty());
}

#[tokio::test]
async fn credentials_are_asked_for_and_roles_are_kept_apart() {
    let hub = start(Limits::default()).await;
    let url = format!("{}/v1/events", hub.url);
    let bare = || hub.client.post(&url).header("content-type", "application/json").body("a=1");
    let response = bare().send().await.unwrap();
    assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 2);
    problem(response, 401, "HUB-5001").await;
    problem(bare().bearer_auth("wrong").send().await.unwrap(), 401, "HUB-5001").await;
    problem(bare().basic_auth("u", Some("q")).send().await.unwrap(), 401, "HUB-5001").await;
    problem(bare().bearer_auth(VIEWER).send().await.unwrap(), 403, "HUB-5002").await;
    assert_eq!(bare().basic_auth("u", Some("p")).send().await.unwrap().status(), StatusCode::ACCEPTED);
    let metrics = format!("{}/metrics", hub.url);
    problem(hub.client.get(&metrics).send().await.unwrap(), 401, "HUB-5001").await;
    assert!(hub.client.get(&metrics).bearer_auth(VIEWER).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn sizes_rates_and_kinds_are_limited() {
    let limits = Limits { event_bytes: 100, batch_bytes: 1_000, ..Limits::default() };
    let hub = start(limits).await;
    let large = format!("a={}", "x".repeat(200));
    problem(hub.post("/v1/events", "application/json", large).await, 413, "HUB-2009").await;
    let lines = "a=1\n".repeat(400);
    problem(hub.post("/v1/events", "application/x-ndjson", lines).await, 413, "HUB-5008").await;
    problem(hub.post("/v1/events", "text/plain", "a=1").await, 415, "HUB-5006").await;
    problem(hub.post("/listener/x", "application/x-ndjson", "a=1").await, 415, "HUB-5006").await;
    problem(hub.post("/v1/nothing", "application/json", "a=1").await, 404, "HUB-5004").await;
    let wrong_method = hub.client.get(format!("{}/v1/events", hub.url)).send().await.unwrap();
    assert!(wrong_method.headers().contains_key("allow"));
    problem(wrong_method, 405, "HUB-5005").await;

    let hub = start(Limits { requests_per_second: 1, burst: 2, ..Limits::default() }).await;
    for _ in 0..2 {
        assert_eq!(hub.post("/v1/events", "application/json", "a=1").await.status(), StatusCode::ACCEPTED);
    }
    let response = hub.post("/v1/events", "application/json", "a=1").await;
    assert_eq!(response.headers()["retry-after"], "1");
    problem(response, 429, "HUB-5003").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let hub = start(Limits { body_timeout: Duration::from_millis(100), ..Limits::default() }).await;
    for content_type in ["application/json", "application/x-ndjson"] {
        let mut stream = tokio::net::TcpStream::connect(hub.url.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {content_type}\r\n\
             content-length: 100\r\n\r\na=1"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("HUB-5007"), "{answer}");
    }
    assert!(hub.values("t").is_empty());
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_a_problem_too_and_counted() {
    let hub = start(Limits::default()).await;
    let twice = "/v1/events?source=a&source=b";
    let unknown = hub.client.post(format!("{}{twice}", hub.url)).body("a=1").send().await.unwrap();
    problem(unknown, 401, "HUB-5001").await;
    problem(hub.post(twice, "application/json", "a=1").await, 400, "HUB-5013").await;
    problem(hub.post("/listener/%ff%fe", "application/json", "a=1").await, 404, "HUB-5004").await;
    for content_type in ["application/json", "application/x-ndjson"] {
        let request = hub.client.post(format!("{}/v1/events", hub.url)).bearer_auth(TOKEN);
        let request = request.header("content-type", content_type).header("content-encoding", "gzip");
        let body = problem(request.body("a=1").send().await.unwrap(), 415, "HUB-5006").await;
        assert!(body["detail"].as_str().unwrap().contains("compressed"), "{body}");
    }
    let rejected = hub.ledger.snapshot().rejected;
    assert_eq!((rejected["HUB-5001"], rejected["HUB-5006"]), (1, 2));
    assert!(hub.values("t").is_empty() && hub.letters().is_empty());
}

#[tokio::test]
async fn heads_that_do_not_come_and_too_many_connections_leave_room_for_others() {
    let limits = Limits { connections: 2, header_timeout: Duration::from_millis(300), ..Limits::default() };
    let hub = start(limits).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = tokio::net::TcpStream::connect(hub.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: h\r\n").await.unwrap();
        slow.push(stream);
    }
    // All places are taken, and each is given up in turn.
    assert_eq!(hub.post("/v1/events", "application/json", "a=1").await.status(), StatusCode::ACCEPTED);
    for stream in &mut slow {
        let mut answer = Vec::new();
        // Closed by the server, with an answer or without one.
        let _ = stream.read_to_end(&mut answer).await;
    }
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_names_its_bad_lines() {
    let hub = start(Limits::default()).await;
    let mut lines = String::new();
    for number in 1..=50_000 {
        lines.push_str(&if number % 10_000 == 7 { "secret\n".into() } else { format!("k={number}\n") });
    }
    lines.push_str("\nk=last");
    let response = hub.post("/v1/events?source=day.jsonl", "application/x-ndjson", lines).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["accepted"], &body["dead_lettered"]), (&49_996.into(), &5.into()));
    let bad: Vec<u64> =
        body["dead_lettered_lines"].as_array().unwrap().iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!(bad, [7, 10_007, 20_007, 30_007, 40_007]);
    let reached = body["positions"].as_array().unwrap().iter().find(|reached| reached["topic"] == "t").unwrap();
    assert_eq!(
        (&reached["first_offset"], &reached["last_offset"], &reached["records"]),
        (&0.into(), &49_995.into(), &49_996.into())
    );
    let values = hub.values("t");
    let numbers: Vec<u32> =
        values.iter().filter_map(|value| std::str::from_utf8(value).unwrap().parse().ok()).collect();
    assert!(numbers.is_sorted() && numbers.len() == 49_995);
    let letters = hub.letters();
    assert_eq!(letters.len(), 5);
    assert_eq!((letters[1].origin_topic.as_str(), letters[1].origin_offset), ("day.jsonl", 10_007));
    assert_eq!((letters[1].code.as_str(), &letters[1].payload, letters[1].payload_bytes), ("HUB-2003", &None, 6));
}

#[tokio::test]
async fn a_batch_may_refuse_instead_and_over_long_lines_do_not_stop_it() {
    let hub = start(Limits { event_bytes: 1_000, ..Limits::default() }).await;
    let lines = format!("a=1\n{}\na=2\nbad\n", "x".repeat(300_000));
    let response = hub.post("/v1/events?on_invalid=reject", "application/x-ndjson", lines).await;
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["accepted"], &body["rejected"]), (&2.into(), &2.into()), "{body}");
    assert_eq!(body["rejected_lines"][0], serde_json::json!({ "line": 2, "code": "HUB-2009" }));
    assert_eq!(body["rejected_lines"][1]["line"], 4);
    assert_eq!(hub.values("t"), ["1", "2"]);
    assert!(hub.letters().is_empty());
    problem(hub.post("/v1/events?on_invalid=what", "application/x-ndjson", "a=1").await, 400, "HUB-5013").await;
}

#[tokio::test]
async fn a_closed_door_takes_nothing_and_says_so() {
    let hub = start(Limits::default()).await;
    let ready = || hub.client.get(format!("{}/readyz", hub.url)).send();
    let answer = ready().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    // A partner that is away does not make the hub unready, and is named to viewers only.
    assert!(!answer.text().await.unwrap().contains("acme"));
    let viewed = hub.client.get(format!("{}/readyz", hub.url)).bearer_auth(VIEWER).send().await.unwrap();
    let body: Value = viewed.json().await.unwrap();
    assert_eq!((&body["ready"], &body["parts"][1]["connected"]), (&true.into(), &false.into()), "{body}");
    hub.closed.store(true, std::sync::atomic::Ordering::Release);
    let response = hub.post("/v1/events", "application/json", "a=1").await;
    assert_eq!(response.headers()["retry-after"], "5");
    problem(response, 503, "HUB-5011").await;
    assert_eq!(ready().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(hub.client.get(format!("{}/livez", hub.url)).send().await.unwrap().status().is_success());
}
