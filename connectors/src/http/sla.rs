//! `GET /v1/sla/clocks/{entity}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::auth::Role;
use super::problem::{Problem, ProblemCode};
use super::server::Shared;

/// The longest entity that is looked for.
const ENTITY_BYTES: usize = 512;

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
    let found = tokio::task::spawn_blocking(move || shared.status.sla_clocks(&entity)).await;
    match found.unwrap_or_else(|_| Err("The clocks could not be read.".to_owned())) {
        Ok(Some(mut clocks)) => {
            clocks["schema_version"] = Value::from(1);
            Ok(Json(clocks).into_response())
        }
        Ok(None) => Err(none()),
        Err(why) => Err(Problem::new(ProblemCode::NotAccepting).detail(why)),
    }
}

fn none() -> Problem {
    Problem::new(ProblemCode::NotFound)
        .detail("This process keeps no clocks of the entity. Entities are written kind:id, such as order:7.")
}
