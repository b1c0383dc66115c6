//! The one HTTP client of the sinks, and how its answers and errors are read.

use std::time::{Duration, SystemTime};

use reqwest::{Client, RequestBuilder, Response, header::RETRY_AFTER, redirect::Policy};
use schemas::Timestamp;

use super::{
    answer::{Cause, Reply},
    retry_after::parse_retry_after,
};

/// The most of an answer's body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// A client for all sinks of the process: connections are pooled, redirects are not followed, and
/// proxies of the environment are not used (targets are named in the configuration only).
///
/// # Errors
/// When the TLS set-up fails.
pub fn client(connect_timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("jcms-hub/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
}

/// Sends a request; `timeout` bounds everything, the body included. Returns the reply that its
/// status stands for, and the body up to a bound (empty when it could not be read).
pub async fn send(request: RequestBuilder, timeout: Duration) -> (Reply, Vec<u8>) {
    match request.timeout(timeout).send().await {
        Ok(response) => {
            let reply = Reply::from_status(response.status().as_u16(), retry_after(&response));
            // The status decides; a body that breaks off afterwards changes nothing of it.
            let body = read(response).await.unwrap_or_default();
            (reply, body)
        }
        Err(error) => (Reply::unanswered(cause(&error)), Vec::new()),
    }
}

/// Why a request brought no answer.
pub fn cause(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        Cause::TimedOut
    } else if error.is_connect() {
        Cause::Unreachable
    } else {
        Cause::Broken
    }
}

/// The wall clock.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn retry_after(response: &Response) -> Option<Duration> {
    parse_retry_after(response.headers().get(RETRY_AFTER)?.to_str().ok()?, wall_clock())
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY_LIMIT {
            break;
        }
    }
    Ok(body)
}
