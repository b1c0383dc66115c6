//! `GET /v1/sla/clocks/{entity}`, `/v1/sla/clocks`, `/v1/sla/violations`, `/v1/sla/predictions` and
//! `/v1/sla/partners`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use schemas::{SlaStatus, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::auth::Role;
use super::elsewhere;
use super::health::NotTold;
use super::problem::{Problem, ProblemCode};
use super::server::Shared;

/// The longest entity that is looked for.
const ENTITY_BYTES: usize = 512;
/// How many clocks or violations are told where no limit is named, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1_000;

/// A question about the clocks and violations that a process sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlaQuestion {
    /// The clocks that have not ended, by the time to their breach; those that rest last.
    Clocks {
        /// Of this objective only.
        objective: Option<String>,
        /// In this status only: `Open`, `Paused` or `Breached`. Without, those in the first two.
        status: Option<SlaStatus>,
        /// At most so many.
        limit: usize,
    },
    /// What is expected of open clocks, the likeliest to breach first.
    Predictions {
        /// Of this objective only.
        objective: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// How well partners did, the lowest score first, or one of them, its newest period first.
    Partners {
        /// This one only.
        partner: Option<String>,
        /// In this period only; of all partners the newest one where absent.
        period: Option<String>,
    },
    /// The violations told last, by the time at which the target passed, newest first.
    Violations {
        /// Those since this instant only.
        from: Option<Timestamp>,
        /// At most so many.
        limit: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockParameters {
    objective: Option<String>,
    status: Option<SlaStatus>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PredictionParameters {
    objective: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViolationParameters {
    from: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartnerParameters {
    period: Option<String>,
}

pub(super) async fn partners(
    State(shared): State<Shared>,
    headers: HeaderMap,
    parameters: Result<Query<PartnerParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    scorecards(shared, &headers, None, parameters).await
}

pub(super) async fn partner(
    State(shared): State<Shared>,
    Path(partner): Path<String>,
    headers: HeaderMap,
    parameters: Result<Query<PartnerParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    scorecards(shared, &headers, Some(partner), parameters).await
}

async fn scorecards(
    shared: Shared,
    headers: &HeaderMap,
    partner: Option<String>,
    parameters: Result<Query<PartnerParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    shared.authorise(headers, Role::Viewer)?;
    let taken = "It takes period, such as 2026-11, 2026-W48 or 2026-11-24, once.";
    let Query(PartnerParameters { period }) = parameters.map_err(|_| refused(taken))?;
    answer(shared, SlaQuestion::Partners { partner, period }).await
}

pub(super) async fn list(
    State(shared): State<Shared>,
    headers: HeaderMap,
    parameters: Result<Query<ClockParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    shared.authorise(&headers, Role::Viewer)?;
    let taken = "It takes objective, status as open, paused or breached, and limit from 1 to 1000, each once.";
    let Query(ClockParameters { objective, status, limit }) = parameters.map_err(|_| refused(taken))?;
    let limit = limit.unwrap_or(LIMIT);
    let is_live = matches!(status, None | Some(SlaStatus::Open | SlaStatus::Paused | SlaStatus::Breached));
    if !is_live || !(1..=LIMIT_MAX).contains(&limit) {
        return Err(refused(taken));
    }
    answer(shared, SlaQuestion::Clocks { objective, status, limit }).await
}

pub(super) async fn violations(
    State(shared): State<Shared>,
    headers: HeaderMap,
    parameters: Result<Query<ViolationParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    shared.authorise(&headers, Role::Viewer)?;
    let taken = "It takes from as an instant in RFC 3339 and limit from 1 to 1000, each once.";
    let Query(ViolationParameters { from, limit }) = parameters.map_err(|_| refused(taken))?;
    let limit = limit.unwrap_or(LIMIT);
    let from = from.map(|text| text.parse::<jiff::Timestamp>()).transpose().map_err(|_| refused(taken))?;
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(refused(taken));
    }
    let from = from.map(|instant| Timestamp(instant.as_millisecond()));
    answer(shared, SlaQuestion::Violations { from, limit }).await
}

pub(super) async fn predictions(
    State(shared): State<Shared>,
    headers: HeaderMap,
    parameters: Result<Query<PredictionParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    shared.authorise(&headers, Role::Viewer)?;
    let taken = "It takes objective, and limit from 1 to 1000, each once.";
    let Query(PredictionParameters { objective, limit }) = parameters.map_err(|_| refused(taken))?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(refused(taken));
    }
    answer(shared, SlaQuestion::Predictions { objective, limit }).await
}

async fn answer(shared: Shared, question: SlaQuestion) -> Result<Response, Problem> {
    let told = tokio::task::spawn_blocking(move || shared.status.sla(&question)).await;
    match told.unwrap_or_else(|_| Err("The clocks could not be read.".to_owned())) {
        Ok(Some(mut told)) => {
            told["schema_version"] = Value::from(1);
            Ok(Json(told).into_response())
        }
        Ok(None) => {
            Err(Problem::new(ProblemCode::NotFound).detail("This process was started without the part that keeps it."))
        }
        Err(why) => Err(Problem::new(ProblemCode::NotAccepting).detail(why)),
    }
}

fn refused(taken: &str) -> Problem {
    Problem::new(ProblemCode::BadParameter).detail(taken)
}

pub(super) async fn clocks(
    State(shared): State<Shared>,
    Path(entity): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Who the customer is and how he is served is told to viewers only, whatever the metrics are.
    shared.authorise(&headers, Role::Viewer)?;
    if entity.len() > ENTITY_BYTES {
        return Err(none());
    }
    let asked = entity.clone();
    let found = tokio::task::spawn_blocking(move || shared.status.sla_clocks(&asked)).await;
    match found.unwrap_or_else(|_| Err(NotTold::Silent("The clocks could not be read.".to_owned()))) {
        Ok(Some(mut clocks)) => {
            clocks["schema_version"] = Value::from(1);
            Ok(Json(clocks).into_response())
        }
        Ok(None) => Err(none()),
        Err(NotTold::Silent(why)) => Err(Problem::new(ProblemCode::NotAccepting).detail(why)),
        Err(NotTold::Away(why)) => Err(elsewhere::away(why)),
        Err(NotTold::Elsewhere(_)) if elsewhere::is_passed_on(&headers) => {
            Err(elsewhere::away("The partition of the entity has moved on from this hub."))
        }
        Err(NotTold::Elsewhere(address)) => {
            elsewhere::ask(&address, &["v1", "sla", "clocks", &entity], &headers).await?.ok_or_else(none)
        }
    }
}

fn none() -> Problem {
    Problem::new(ProblemCode::NotFound)
        .detail("No clocks are kept of the entity. Entities are written kind:id, such as order:7.")
}
