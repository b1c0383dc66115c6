//! Refusals as `application/problem+json` (RFC 9457), never with a value of the payload.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use schemas::Code;
use serde_json::{Map, Value, json};

use super::intake::Refusal;

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal, $status:literal, $title:literal, $help:literal;)+) => {
        /// A stable code for what is wrong with a request, rather than with an event in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemCode {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number that people search for: `HUB-5001`.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$variant => concat!("HUB-", $number),)+ }
            }

            /// The name: `unauthenticated`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The status of the answer.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// One sentence on what is wrong.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// One sentence on what to do.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

problems! {
    /// No credential, or a wrong one.
    Unauthenticated = "5001", "unauthenticated", 401,
        "The request has no credential that the hub knows.",
        "Send Authorization: Bearer with a configured token, or Basic with a configured user.";
    /// A credential without the role.
    Forbidden = "5002", "forbidden", 403,
        "The credential does not have the role that the path needs.",
        "Use a credential with the role publisher to send events, viewer to read metrics and SLA clocks.";
    /// Too many requests of one credential.
    RateLimited = "5003", "rate_limited", 429,
        "The credential has sent more requests than its limit allows.",
        "Wait as long as Retry-After says; send batches instead of single events.";
    /// No such path.
    NotFound = "5004", "not_found", 404,
        "There is nothing at this path.",
        "Post events to /v1/events or /listener/{eventType}.";
    /// Another method is needed.
    MethodNotAllowed = "5005", "method_not_allowed", 405,
        "The path does not take this method.",
        "Use the method that the Allow header names.";
    /// A body of another kind.
    UnsupportedMediaType = "5006", "unsupported_media_type", 415,
        "The body has a content type that the hub does not read.",
        "Send application/json for one event, or application/x-ndjson for a batch, not compressed.";
    /// The body does not come.
    BodyTimeout = "5007", "body_timeout", 408,
        "The body did not arrive in time.",
        "Send the body without pauses, or in smaller batches.";
    /// A body larger than allowed.
    BatchTooLarge = "5008", "batch_too_large", 413,
        "The batch is larger than the limit.",
        "Split the batch; what was accepted before is named in accepted.";
    /// The connection broke.
    BodyBroken = "5009", "body_broken", 400,
        "The body ended before its end.",
        "Send it again; repeats are recognised.";
    /// The queue to the log is full.
    Busy = "5010", "busy", 503,
        "The hub has more waiting for the log than it may keep.",
        "Wait as long as Retry-After says, then send again; repeats are recognised.";
    /// The hub takes nothing in.
    NotAccepting = "5011", "not_accepting", 503,
        "The hub is stopping, or its log refuses writes.",
        "Look at /readyz; send again when it answers 200.";
    /// The commit failed.
    CommitFailed = "5012", "commit_failed", 503,
        "The log could not make the event durable.",
        "Look at the hub's log; send again, repeats are recognised.";
    /// Another process takes events in.
    IngestElsewhere = "5020", "ingest_elsewhere", 503,
        "This process was started without the part that takes events in.",
        "Send events to a hub that runs ingest, or start this one with --only ingest among its parts.";
    /// The partition moves, or its hub is not to be reached.
    OwnerAway = "1025", "owner_away", 503,
        "The hub that keeps the answer cannot give it at the moment.",
        "Wait as long as Retry-After says and ask again; where it lasts, check http.advertise of all hubs.";
    /// A parameter that cannot be.
    BadParameter = "5013", "bad_parameter", 400,
        "A query parameter has a value that it does not take.",
        "Events take source once, with any name, and on_invalid once, as reject or dead_letter; of other paths the detail says it.";
}

/// An answer that says what is wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    number: &'static str,
    status: u16,
    title: &'static str,
    help: &'static str,
    detail: Option<String>,
    field: Option<String>,
    more: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    close: bool,
}

impl Problem {
    pub(super) fn new(code: ProblemCode) -> Self {
        Self {
            number: code.number(),
            status: code.http_status(),
            title: code.title(),
            help: code.help(),
            detail: None,
            field: None,
            more: Map::new(),
            retry_after_seconds: match code {
                ProblemCode::Busy | ProblemCode::CommitFailed => Some(1),
                ProblemCode::OwnerAway => Some(2),
                ProblemCode::NotAccepting => Some(5),
                _ => None,
            },
            // An unread body would be taken for the next request.
            close: matches!(code, ProblemCode::BodyTimeout | ProblemCode::BatchTooLarge | ProblemCode::BodyBroken),
        }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    pub(super) const fn code(&self) -> &'static str {
        self.number
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code: Code = refusal.code;
        Self {
            number: code.number(),
            status: code.http_status(),
            title: code.title(),
            help: code.help(),
            detail: Some(refusal.detail),
            field: refusal.field,
            more: Map::new(),
            retry_after_seconds: None,
            close: false,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut body = self.more;
        body.insert("type".into(), json!(format!("urn:jcms:hub:error:{}", self.number)));
        body.insert("code".into(), json!(self.number));
        body.insert("title".into(), json!(self.title));
        body.insert("status".into(), json!(self.status));
        body.insert("detail".into(), json!(self.detail.as_deref().unwrap_or(self.title)));
        body.insert("help".into(), json!(self.help));
        if let Some(field) = self.field {
            body.insert("field".into(), json!(field));
        }
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hub\""));
            headers
                .append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"hub\", charset=\"UTF-8\""));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
