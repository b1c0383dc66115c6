//! What the outside is sent, and what it is told about who sends: the command to Floworx with its
//! token, a notification with its signature, and both outcomes in the books.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::support::{Hub, order_created, until};

const TOKEN: &str = "publisher-token-0001";
const FLOWORX_TOKEN: &str = "floworx-token-000001";
const SECRET: &str = "whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz";

/// A request that an outside system got.
pub(crate) struct Request {
    path: String,
    pub(crate) headers: String,
    body: String,
}

/// An outside system that takes whatever comes.
pub(crate) fn outside() -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || answer(stream, &sender));
        }
    });
    (url, requests)
}

/// Answers one request with 201 and closes.
fn answer(stream: TcpStream, requests: &Sender<Request>) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut headers) = (String::new(), String::new());
    reader.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if line.trim().is_empty() {
            break;
        }
        headers.push_str(&line.to_ascii_lowercase());
    }
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.trim().parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    let said = b"HTTP/1.1 201 Created\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"id\":\"flow\"}";
    reader.into_inner().write_all(said).expect("a reader");
    let path = first.split(' ').nth(1).expect("a path").to_owned();
    // The test may have seen enough.
    let _ = requests.send(Request { path, headers, body: String::from_utf8(body).expect("UTF-8") });
}

#[test]
fn floworx_gets_its_token_and_notifications_their_signature() {
    let ((floworx_url, commands), (notified_url, notifications)) = (outside(), outside());
    let configuration = format!(
        r#"
[[http.tokens]]
name = "shop"
token = "{TOKEN}"

[floworx]
url = "{floworx_url}"
token = "{FLOWORX_TOKEN}"

[notification]
url = "{notified_url}/hook"
secrets = ["{SECRET}"]

[[routes]]
name = "orders-to-floworx"
family = "order"
when = 'event.change == "created"'
target = "floworx"
specification = "fulfil"
fields = ["order.id"]

[[routes]]
name = "orders-to-notify"
family = "order"
when = 'event.change == "created"'
target = "notification"
fields = ["order.id"]
"#
    );
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::configured(data.path(), &configuration, TOKEN);
    hub.send(&order_created("told"));

    let command = commands.recv_timeout(Duration::from_secs(30)).expect("a command");
    assert_eq!(command.path, "/tmf-api/processFlowManagement/v4/processFlow");
    assert!(command.headers.contains(&format!("authorization: bearer {FLOWORX_TOKEN}")), "{}", command.headers);
    let notification = notifications.recv_timeout(Duration::from_secs(30)).expect("a notification");
    assert_eq!(notification.path, "/hook");
    for header in ["webhook-id: ", "webhook-timestamp: ", "webhook-signature: v1,"] {
        assert!(notification.headers.contains(header), "{}", notification.headers);
    }
    assert!(notification.body.contains("\"id\":\"told\""), "{}", notification.body);

    for target in ["floworx", "notification:notification"] {
        let labels = [format!("target=\"{target}\""), "outcome=\"delivered\"".to_owned()];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        until(&format!("{target} delivered"), Duration::from_secs(30), || {
            (hub.metric("hub_deliveries_total", &labels) == Some(1.0)).then_some(())
        });
        assert!(hub.get("/readyz").contains(&format!("target.{target}")), "{}", hub.get("/readyz"));
    }
    hub.settle(Duration::from_secs(30));
    assert!(hub.imbalance().abs() < f64::EPSILON);
    assert_eq!(hub.stop(), Some(0));
    let log = std::fs::read_to_string(data.path().join("test-hub.log")).expect("a log");
    assert!(!log.contains(FLOWORX_TOKEN) && !log.contains(SECRET), "{log}");
}

#[test]
fn every_step_of_a_ladder_calls_its_role_once_whatever_happens_to_the_hub() {
    let (floworx_url, commands) = outside();
    let configuration = format!(
        r#"
[floworx]
url = "{floworx_url}"

[[sla.objectives]]
name = "quick-order"
family = "order"
start = "created"
stop = ["completed"]
cancel = ["cancelled"]
target = "6s"
escalate = {{ 20 = "shift-lead", 60 = "team-manager", 100 = "duty-director" }}

[[routes]]
name = "escalations"
family = "escalation"
target = "floworx"
specification = "slaEscalation"
fields = ["escalation.role", "escalation.percent"]
"#
    );
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, configuration).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    hub.send(&order_created("late"));
    let called = |commands: &Receiver<Request>| {
        let command = commands.recv_timeout(Duration::from_secs(60)).expect("a command");
        let key = command.headers.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).expect("a key");
        let body: serde_json::Value = serde_json::from_str(&command.body).expect("JSON");
        assert_eq!(body["processFlowSpecification"], "slaEscalation", "{body}");
        assert_eq!(body["relatedEntity"][0]["id"], "late", "{body}");
        (key.trim().to_owned(), body["characteristic"].to_string())
    };
    let mut calls = std::collections::BTreeMap::from([called(&commands)]);
    hub.kill();
    let hub = Hub::start(data.path(), Some(&file));
    // A command whose answer the hub did not live to hear comes once more, under the same key.
    while calls.len() < 3 {
        calls.extend([called(&commands)]);
    }
    let roles: Vec<_> = calls.values().collect();
    for role in ["shift-lead", "team-manager", "duty-director"] {
        assert_eq!(roles.iter().filter(|call| call.contains(role)).count(), 1, "{calls:?}");
    }
    let called = until("the metric", Duration::from_secs(30), || {
        let steps = [20, 60, 100].map(|percent| {
            let percent = format!("percent=\"{percent}\"");
            hub.metric("hub_sla_escalations_total", &["objective=\"quick-order\"", &percent, "call=\"called\""])
        });
        steps.iter().all(Option::is_some).then_some(steps)
    });
    assert_eq!(called, [Some(1.0); 3]);
    hub.settle(Duration::from_secs(30));
    assert!(hub.imbalance() < 0.5);
    assert_eq!(hub.stop(), Some(0));
}
