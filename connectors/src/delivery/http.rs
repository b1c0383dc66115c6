//! The one HTTP client of the sinks, and how its answers and errors are read.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use reqwest::{Client, RequestBuilder, Response, header::RETRY_AFTER, redirect::Policy};
use schemas::{Code, Timestamp};
use sha2::{Digest, Sha256};

use super::{
    answer::{Answer, Cause, Reply},
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
        // A request that cannot be made is nobody's trouble, and another try makes it no better.
        Err(error) if error.is_builder() => (
            Reply { answer: Answer::Refused, http_status: None, code: Some(Code::DeliveryRefused), external_ref: None },
            Vec::new(),
        ),
        Err(error) => (Reply::unanswered(cause(&error)), Vec::new()),
    }
}

/// The longest id that a header carries as it is: servers bound what they read of a head.
const HEADER_ID_BYTES: usize = 256;

/// The id of a delivery as every header can carry it: the same for the same id, different for
/// different ones. Bytes that are not printable ASCII, and the percent sign, are percent-encoded;
/// what is too long is told by its SHA-256.
pub fn header_id(id: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if id.len() <= HEADER_ID_BYTES && id.bytes().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let encoded: String = id
        .bytes()
        .take(HEADER_ID_BYTES + 1)
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if encoded.len() <= HEADER_ID_BYTES {
        return Cow::Owned(encoded);
    }
    let hash = Sha256::digest(id.as_bytes());
    Cow::Owned(hash.iter().fold("%sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_fits_a_header_and_stays_itself() {
        assert_eq!(header_id("order:7#1:route"), "order:7#1:route");
        let long = "x".repeat(100_000);
        let ids = ["a b", "a%20b", "a\nb", "a\u{0}b", "\u{17c}", long.as_str(), &long[1..], "%sha256:00"];
        let mut seen: Vec<String> = ids.iter().map(|id| header_id(id).into_owned()).collect();
        for id in &seen {
            assert!(id.len() <= HEADER_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
        }
        assert_eq!((seen[0].as_str(), seen[4].as_str(), seen[7].as_str()), ("a%20b", "%C5%BC", "%25sha256:00"));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ids.len());
    }
}
