//! Floworx, the process orchestration, over HTTP: one process flow for each command (TMF701
//! `ProcessFlow_Create`).

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use schemas::{DecodeError, FloworxCommand};
use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Answer, BreakerSettings, Reply, RetryPolicy, http},
    sink::{Subject, Target, TargetSettings},
};

mod body;

pub use body::process_flow_create;

/// Where Floworx is, and how it is treated.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloworxSettings {
    /// The base URL, without `/tmf-api`.
    pub url: String,
    /// The bearer token that each request carries, where Floworx asks for one.
    #[serde(default, skip_serializing)]
    pub token: Option<String>,
    /// Requests under way at a time.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// The longest a request may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How often and how long a command is tried.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// When Floworx is left alone.
    #[serde(default)]
    pub breaker: BreakerSettings,
}

fn concurrency() -> usize {
    16
}

fn timeout_ms() -> u64 {
    10_000
}

impl FloworxSettings {
    /// The usual limits for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            concurrency: concurrency(),
            timeout_ms: timeout_ms(),
            retry: RetryPolicy::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

impl std::fmt::Debug for FloworxSettings {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FloworxSettings").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The target of `out.floworx`.
#[derive(Debug)]
pub struct Floworx {
    client: Client,
    endpoint: Url,
    /// `Bearer <token>`, marked so that nothing prints it.
    authorization: Option<HeaderValue>,
    settings: FloworxSettings,
}

impl Floworx {
    /// A target at the URL of the settings.
    ///
    /// # Errors
    /// A sentence when the URL is none, or the token cannot be sent.
    pub fn new(client: Client, settings: FloworxSettings) -> Result<Self, String> {
        let address = format!("{}/tmf-api/processFlowManagement/v4/processFlow", settings.url.trim_end_matches('/'));
        let endpoint = Url::parse(&address).map_err(|error| format!("the URL of Floworx: {error}"))?;
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(format!("the URL of Floworx has the scheme {}, not http or https", endpoint.scheme()));
        }
        let authorization = settings.token.as_ref().map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| "the token of Floworx has letters that no header takes".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        Ok(Self { client, endpoint, authorization: authorization.transpose()?, settings })
    }
}

impl Target for Floworx {
    type Record = FloworxCommand;

    fn name(&self) -> &'static str {
        "floworx"
    }

    fn targets(&self) -> Vec<TargetSettings> {
        let FloworxSettings { concurrency, retry, breaker, .. } = self.settings;
        vec![TargetSettings { name: self.name().to_owned(), concurrency, retry, breaker }]
    }

    fn decode(&self, value: &[u8]) -> Result<FloworxCommand, DecodeError> {
        schemas::decode(value)
    }

    fn target(&self, _: &FloworxCommand) -> Option<usize> {
        Some(0)
    }

    fn target_name(&self, _: &FloworxCommand) -> String {
        self.name().to_owned()
    }

    fn order_key(&self, command: &FloworxCommand) -> String {
        [command.entity_kind.as_str(), ":", &command.entity_id].concat()
    }

    fn subject<'a>(&self, command: &'a FloworxCommand) -> Subject<'a> {
        Subject {
            delivery_id: &command.delivery_id,
            route: &command.route,
            family: command.family,
            entity_kind: match command.cause.as_str() {
                "violation" => "sla_violation",
                "escalation" => "sla_escalation",
                _ => &command.entity_kind,
            },
            entity_id: &command.entity_id,
            occurred_at: command.occurred_at,
            ingested_at: command.ingested_at,
        }
    }

    async fn deliver(&self, command: &FloworxCommand, _: u32) -> Reply {
        let mut request = self
            .client
            .post(self.endpoint.clone())
            .header("Idempotency-Key", http::header_id(&command.delivery_id).as_ref())
            .json(&process_flow_create(command));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let (mut reply, body) = http::send(request, Duration::from_millis(self.settings.timeout_ms)).await;
        // 200 instead of 201: the flow was there already, made by an attempt whose answer was lost.
        if reply.http_status == Some(200) {
            reply.answer = Answer::Duplicate;
        }
        if matches!(reply.answer, Answer::Delivered | Answer::Duplicate) {
            reply.external_ref = serde_json::from_slice::<Created>(&body).ok().map(|created| created.id);
        }
        reply
    }
}

/// What is read of the created flow.
#[derive(Deserialize)]
struct Created {
    id: String,
}
