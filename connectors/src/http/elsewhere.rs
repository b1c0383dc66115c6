//! Questions that another hub can answer: they are passed on to it once, with the credential of who asked.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde_json::Value;

use super::problem::{Problem, ProblemCode};

/// A request that has this header comes from a hub, and is not passed on again.
const PASSED_ON: &str = "x-hub-passed-on";
/// How long the other hub may take: longer than its workers may.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whether a hub has passed the request on.
pub(super) fn is_passed_on(headers: &HeaderMap) -> bool {
    headers.contains_key(PASSED_ON)
}

/// Who has the answer does not give it now.
pub(super) fn away(why: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::OwnerAway).detail(why)
}

fn client() -> Option<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let make = || Client::builder().timeout(PATIENCE).redirect(Policy::none()).no_proxy().build().ok();
    CLIENT.get_or_init(make).as_ref()
}

/// The answer of the hub at `address` for this path. That there is nothing is its word; whatever else keeps it from
/// answering says nothing of what is asked for.
pub(super) async fn ask(address: &str, path: &[&str], headers: &HeaderMap) -> Result<Option<Response>, Problem> {
    let client = client().ok_or_else(|| away("This hub cannot ask others."))?;
    let mut url = Url::parse(&format!("http://{address}/")).map_err(|_| away("The other hub's address is none."))?;
    url.path_segments_mut().map_err(|()| away("The other hub's address is none."))?.clear().extend(path);
    let mut request = client.get(url).header(PASSED_ON, "1");
    if let Some(credential) = headers.get(header::AUTHORIZATION) {
        request = request.header(header::AUTHORIZATION, credential);
    }
    let answer = request.send().await.map_err(|_| away(format!("The hub at {address} does not answer.")))?;
    match answer.status() {
        StatusCode::OK => {
            let body: Value =
                answer.json().await.map_err(|_| away(format!("The hub at {address} broke its answer off.")))?;
            Ok(Some(Json(body).into_response()))
        }
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Problem::new(ProblemCode::Forbidden)
            .detail(format!("The hub at {address} does not know the credential: configure all hubs alike."))),
        status => Err(away(format!("The hub at {address} answers {} for now.", status.as_u16()))),
    }
}
