//! Brokers that answer, and take no transaction: two of three are gone. A hub that starts then waits for them for
//! longer than any of its questions may take, says so, and goes on by itself.

use std::time::{Duration, Instant};

use crate::support::{Billing, Cluster, Running, ask, free_port, order_created, until};

const PATIENCE: Duration = Duration::from_secs(240);
const TOKEN: &str = "a-token-of-some-length";
/// Longer than a producer is waited for at once: three times the patience of a request, and a second attempt.
const AWAY: Duration = Duration::from_secs(10);

fn configuration(brokers: &str, billing: &std::path::Path) -> String {
    format!(
        r#"
[log]
kind = "kafka"
[log.kafka]
brokers = ["{}"]
session_timeout = "2s"
transaction_timeout = "5s"
request_timeout = "1s"
[[http.tokens]]
name = "test"
token = "{TOKEN}"
[billing]
kind = "sqlite"
path = "{}"
"#,
        brokers.replace(',', "\", \""),
        billing.display()
    )
}

/// What a part waits for by this answer of `/readyz`.
fn waits_for(told: &str, part: &str) -> String {
    let body = told.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let parts = body["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let found = parts.iter().find(|one| one["label"] == part && one["connected"] == false);
    found.and_then(|one| one["error"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_hub_goes_on_when_brokers_that_gave_no_producer_do() {
    let mut cluster = Cluster::start();
    let data = tempfile::tempdir().expect("a folder");
    let (file, billing) = (data.path().join("hub.toml"), data.path().join("billing.db"));
    std::fs::write(&file, configuration(&cluster.addresses(), &billing)).expect("a writable folder");
    let (port, folder, config) = (free_port(), data.path().display().to_string(), file.display().to_string());
    let address = format!("127.0.0.1:{port}");
    let start = || Running::start(&["run", "--data", &folder, "--listen", &address, "--config", &config]);
    let ready = || ask(port, "/readyz").unwrap_or_default();
    let is_ready = || ready().starts_with("HTTP/1.1 200").then_some(());

    // The topics are made, and the brokers' own ones.
    let first = start();
    until("the hub is ready", PATIENCE, is_ready);
    assert_eq!(first.stop(), Some(0));

    cluster.crash(2);
    cluster.crash(3);
    let mut hub = start();
    let all = ["sink.billing", "worker-0", "ingest"];
    let told = until("each says what it waits for", PATIENCE, || {
        assert!(hub.goes_on(), "the hub has ended");
        Some(ready()).filter(|told| all.iter().all(|part| waits_for(told, part).contains("transactional id")))
    });
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert!(ask(port, "/livez").expect("an answer").starts_with("HTTP/1.1 200"));
    let since = Instant::now();
    while since.elapsed() < AWAY {
        assert!(hub.goes_on(), "the hub has ended after {:?}", since.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }

    cluster.restart(2);
    cluster.restart(3);
    until("the hub is ready again", PATIENCE, || {
        assert!(hub.goes_on(), "the hub has ended");
        is_ready()
    });
    let answer = reqwest::blocking::Client::new()
        .post(format!("http://{address}/v1/events"))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(order_created("order-1").to_string())
        .send()
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), 202);
    Billing::open(data.path()).wait_for(1, "entity_id = 'order-1'");
    assert_eq!(hub.stop(), Some(0));
}
