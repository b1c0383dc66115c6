//! An outside system that does as it is told and remembers what it was asked.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::HeaderName},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: serde_json::Value,
    pub(super) raw: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Say {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) after: Duration,
}

impl Say {
    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Script = Box<dyn Fn(&Seen, usize) -> Say + Send + Sync>;

/// A running server. `script` is given each request, and how many with its idempotency key came before.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    script: Script,
    seen: Mutex<Vec<Seen>>,
}

impl Outside {
    pub(super) async fn start(script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner { script: Box::new(script), seen: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.inner.seen.lock().unwrap().len()
    }
}

/// The idempotency key of either protocol.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").or_else(|| headers.get("webhook-id"))?.to_str().ok()
}

async fn answer(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let seen = Seen {
        at: Instant::now(),
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        raw: body.to_vec(),
    };
    let say = {
        let mut all = inner.seen.lock().unwrap();
        let before = all.iter().filter(|other| key(&other.headers) == key(&seen.headers)).count();
        let say = (inner.script)(&seen, before);
        all.push(seen);
        say
    };
    tokio::time::sleep(say.after).await;
    let mut response = (StatusCode::from_u16(say.status).unwrap(), say.body).into_response();
    for (name, value) in say.headers {
        response.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    response
}
