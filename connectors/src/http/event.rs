//! `POST /v1/events` and `POST /listener/{eventType}`.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use schemas::Code;
use serde::Deserialize;
use tokio::time::timeout;
use topology::OutgoingRecord;

use super::committer::NotCommitted;
use super::intake::{Admitted, Refusal};
use super::ledger::IngestCounts;
use super::problem::{Problem, ProblemCode};
use super::server::Shared;
use super::{answer, batch};
use crate::delivery::http::wall_clock;

/// What a batch may be told.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    pub(super) on_invalid: Option<String>,
    pub(super) source: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Lines,
}

fn kind(headers: &HeaderMap) -> Option<Kind> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Kind::Lines),
        "application/json" => Some(Kind::One),
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Kind::One),
        _ => None,
    }
}

/// Whether the body is sent as it is. Compressed ones are not read: how large they would become
/// is the sender's word.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Everything that is checked before a body is read.
fn admit(shared: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    shared.admit_request(headers)?;
    if is_plain(headers) {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::UnsupportedMediaType).detail("The body is compressed: send it as it is."))
}

pub(super) async fn events(
    State(shared): State<Shared>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        admit(&shared, &headers)?;
        // The rejection would quote the query.
        let Query(parameters) = parameters.map_err(|_| Problem::new(ProblemCode::BadParameter))?;
        match kind(&headers) {
            Some(Kind::One) => take_one(&shared, body, None).await,
            Some(Kind::Lines) => batch::take_in(&shared, parameters, body).await,
            None => Err(Problem::new(ProblemCode::UnsupportedMediaType)),
        }
    };
    told(&shared, answer.await)
}

pub(super) async fn listener(
    State(shared): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        admit(&shared, &headers)?;
        let Path(event_type) = path.map_err(|_| Problem::new(ProblemCode::NotFound))?;
        if kind(&headers) != Some(Kind::One) {
            let detail = "A listener path takes application/json.";
            return Err(Problem::new(ProblemCode::UnsupportedMediaType).detail(detail));
        }
        take_one(&shared, body, Some(&event_type)).await
    };
    told(&shared, answer.await)
}

/// The answer, and a refusal in the books.
fn told(shared: &Shared, answer: Result<Response, Problem>) -> Response {
    answer.unwrap_or_else(|problem| {
        shared.ledger.reject(problem.code());
        problem.into_response()
    })
}

async fn take_one(shared: &Shared, body: Body, hint: Option<&str>) -> Result<Response, Problem> {
    let limits = &shared.settings.limits;
    let bytes = timeout(limits.body_timeout, read_whole(body, limits.event_bytes))
        .await
        .map_err(|_| Problem::new(ProblemCode::BodyTimeout))??;
    let admitted = shared.intake.admit(&bytes, hint, wall_clock())?;
    let family = admitted.family;
    let answer = shared
        .committer()?
        .try_submit(vec![record(admitted)])
        .ok_or_else(|| Problem::new(ProblemCode::Busy))?
        .await
        .unwrap_or(Err(NotCommitted::Failed));
    let positions = answer.map_err(not_committed)?;
    shared.ledger.add(&IngestCounts { accepted: [(family, 1)].into(), ..IngestCounts::default() });
    Ok(positions.first().map_or_else(|| Problem::new(ProblemCode::CommitFailed).into_response(), answer::accepted))
}

/// The whole body, which may not be larger than one event.
async fn read_whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut all = BytesMut::new();
    let mut first: Option<Bytes> = None;
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| Problem::new(ProblemCode::BodyBroken))?;
        let before = first.as_ref().map_or(all.len(), Bytes::len);
        if before + part.len() > limit {
            let detail = format!("The event has more than {limit} bytes.");
            return Err(Refusal::new(Code::Oversize, detail).into());
        }
        // Most events come in one part, which needs no copy.
        match first.take() {
            None if all.is_empty() => first = Some(part),
            None => all.extend_from_slice(&part),
            Some(earlier) => {
                all.extend_from_slice(&earlier);
                all.extend_from_slice(&part);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

pub(super) fn record(admitted: Admitted) -> OutgoingRecord {
    OutgoingRecord {
        topic: admitted.topic,
        partition: None,
        key: Some(admitted.key),
        value: Some(admitted.value),
        timestamp: admitted.timestamp,
        headers: Vec::new(),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
pub(super) fn not_committed(why: NotCommitted) -> Problem {
    match why {
        NotCommitted::TooLarge => {
            Refusal::new(Code::Oversize, "The event's record is larger than the log takes.").into()
        }
        NotCommitted::Failed => Problem::new(ProblemCode::CommitFailed),
    }
}
