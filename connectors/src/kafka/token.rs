//! Access tokens for SASL/OAUTHBEARER: from a file that someone else keeps fresh, or from an identity provider.
//!
//! librdkafka asks for the next token when four fifths of a token's life are over, and could fetch it by itself only
//! with a second HTTP and TLS library linked in.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::blocking::Client;
use serde::Deserialize;

use super::settings::{Token, TokenSource};
use crate::delivery::http::wall_clock;
use crate::registry::cause;

/// Where an identity provider gives tokens for the hub's own credentials.
#[derive(Clone)]
pub struct TokenEndpoint {
    /// Its address.
    pub url: String,
    /// Who the hub is to it.
    pub client_id: String,
    /// The password that goes with that.
    pub client_secret: String,
    /// What the token is to allow, where the provider wants to know.
    pub scope: Option<String>,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The claims that the client has to know.
#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    /// Seconds since the epoch, which may have a fraction.
    exp: Option<f64>,
}

/// What a provider answers.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<f64>,
}

/// A token from a file, which is read whenever one is needed.
pub fn from_file(path: PathBuf) -> TokenSource {
    Arc::new(move || {
        let place = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{place} cannot be read: {error}"))?;
        let token = parse(text.trim(), None).ok_or_else(|| format!("{place} holds no JWT that says when it ends"))?;
        if token.expires_at_ms <= wall_clock().0 {
            return Err(format!("the token in {place} has ended: whoever writes the file is late"));
        }
        Ok(token)
    })
}

/// Tokens by the client credentials grant (RFC 6749, section 4.4). All clients of the hub share one token until
/// most of its life is over.
pub fn from_endpoint(endpoint: TokenEndpoint) -> TokenSource {
    let last: Mutex<Option<(i64, Token)>> = Mutex::default();
    Arc::new(move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = wall_clock().0;
        if let Some((since, token)) = &*last
            && now - since < (token.expires_at_ms - since) / 10 * 7
        {
            return Ok(token.clone());
        }
        // On a thread of its own: who asks may be on one that runs futures.
        let token = std::thread::scope(|scope| scope.spawn(|| fetch(&endpoint)).join())
            .unwrap_or_else(|_| Err("asking for a token panicked".to_owned()))?;
        *last = Some((now, token.clone()));
        Ok(token)
    })
}

fn fetch(endpoint: &TokenEndpoint) -> Result<Token, String> {
    let url = &endpoint.url;
    let client = Client::builder().timeout(endpoint.timeout).connect_timeout(endpoint.timeout).build();
    let client = client.map_err(|error| format!("no client for {url}: {}", cause(&error)))?;
    let mut form = reqwest::Url::parse(url).map_err(|_| format!("{url} is no address"))?;
    form.set_query(None);
    form.query_pairs_mut().append_pair("grant_type", "client_credentials");
    if let Some(scope) = &endpoint.scope {
        form.query_pairs_mut().append_pair("scope", scope);
    }
    let answer = client
        .post(url)
        .basic_auth(&endpoint.client_id, Some(&endpoint.client_secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form.query().unwrap_or_default().to_owned())
        .send()
        .map_err(|error| format!("{url} does not answer: {}", cause(&error)))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("{url} answers with status {}: check client_id, client_secret and scope", status.as_u16()));
    }
    let told: Answer = answer.json().map_err(|_| format!("{url} answers without an access_token"))?;
    let ends = told.expires_in.map(|seconds| wall_clock().0 + (seconds * 1_000.0) as i64);
    parse(&told.access_token, ends).ok_or_else(|| format!("{url} does not say when its token ends"))
}

/// A token with what it says of itself; `ends` is for one that is opaque or says nothing.
fn parse(token: &str, ends: Option<i64>) -> Option<Token> {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Option<Claims> = claims.and_then(|json| serde_json::from_slice(&json).ok());
    let (sub, exp) = claims.map_or((None, None), |claims| (claims.sub, claims.exp));
    let expires_at_ms = exp.map(|seconds| (seconds * 1_000.0) as i64).or(ends)?;
    // The broker goes by the token alone; the client only wants some name.
    Some(Token { token: token.to_owned(), principal: sub.unwrap_or_else(|| "hub".to_owned()), expires_at_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_whose_it_is_and_when_it_ends() {
        let token = parse(&jwt(r#"{"sub":"hub-1","exp":1700000000.5}"#), None).unwrap();
        assert_eq!((token.principal.as_str(), token.expires_at_ms), ("hub-1", 1_700_000_000_500));
        assert!(parse(&jwt(r#"{"sub":"hub-1"}"#), None).is_none());
        assert!(parse("opaque", None).is_none());
        assert_eq!(parse("opaque", Some(7)).unwrap().expires_at_ms, 7);
    }

    #[test]
    fn a_file_is_read_anew_and_its_faults_show_no_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = from_file(file.path().to_owned());
        let write = |claims: &str| std::fs::write(file.path(), format!("{}\n", jwt(claims))).unwrap();
        write(r#"{"sub":"a","exp":99999999999}"#);
        assert_eq!(source().unwrap().principal, "a");
        write(r#"{"sub":"b","exp":99999999999}"#);
        assert_eq!(source().unwrap().principal, "b");
        write(r#"{"sub":"b","exp":1}"#);
        assert!(source().is_err_and(|why| why.contains("has ended") && !why.contains("eyJ")));
        std::fs::write(file.path(), "not a token").unwrap();
        assert!(source().is_err_and(|why| why.contains("holds no JWT") && !why.contains("not a token")));
        drop(file);
        assert!(source().is_err_and(|why| why.contains("cannot be read")));
    }
}
