//! `GET /v1/sla/events`: news of clocks as they come, a line of JSON each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::auth::Role;
use super::problem::{Problem, ProblemCode};
use super::server::Shared;

/// How long one may follow before it has to ask again.
const LIFE: Duration = Duration::from_hours(1);
/// After so long without news an empty line says that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(10);

pub(super) async fn events(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    shared.authorise(&headers, Role::Viewer)?;
    let news = shared.status.sla_news().ok_or_else(|| match shared.not_accepting() {
        Some(why) => Problem::new(ProblemCode::NotAccepting).detail(why),
        None => Problem::new(ProblemCode::NotFound).detail("This process was started without the part sla."),
    })?;
    let place = shared.followers.clone().try_acquire_owned().map_err(|_| {
        Problem::new(ProblemCode::NotAccepting).detail("As many follow the news already as may.").retry_after(30)
    })?;
    let until = Instant::now() + LIFE;
    // The head goes out at once: who follows knows that it is heard.
    let lines = futures_util::stream::unfold((news, place, true), move |(mut news, place, is_first)| async move {
        let line = match (is_first, Instant::now() < until) {
            (true, _) => Some(Bytes::from_static(b"\n")),
            (false, true) => next(&mut news).await,
            // Who follows asks again: a reader that is gone for good must not keep its place.
            (false, false) => None,
        };
        Some((Ok::<_, Infallible>(line?), (news, place, false)))
    });
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((content_type, Body::from_stream(lines)).into_response())
}

/// The next line; nothing once the hub stops.
async fn next(news: &mut Receiver<Arc<str>>) -> Option<Bytes> {
    match tokio::time::timeout(HEARTBEAT, news.recv()).await {
        Ok(Ok(told)) => Some(Bytes::from(format!("{told}\n"))),
        Ok(Err(RecvError::Lagged(count))) => {
            Some(Bytes::from(format!("{{\"event\":\"skipped\",\"count\":{count}}}\n")))
        }
        Ok(Err(RecvError::Closed)) => None,
        Err(_) => Some(Bytes::from_static(b"\n")),
    }
}
