//! The Standard Webhooks signature: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const PREFIX: &str = "whsec_";
/// How far a timestamp may be from now, in seconds.
const TOLERANCE_SECONDS: i64 = 300;

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A header is missing or not text.
    Header,
    /// The timestamp is no number, or too far from now.
    Timestamp,
    /// No signature fits.
    Signature,
}

/// A signing key.
#[derive(Clone)]
pub(super) struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A secret for a partner of the sandbox; it guards nothing but toys.
pub(super) fn new_secret(seed: u64, partner: &str) -> String {
    let digest = Sha256::digest(format!("sandbox {seed} {partner}"));
    format!("{PREFIX}{}", STANDARD.encode(digest))
}

impl Key {
    pub(super) fn from_secret(secret: &str) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).map(Self)
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }

    /// The `webhook-signature` value.
    #[cfg(test)]
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.mac(id, timestamp, body).finalize().into_bytes()))
    }

    /// Checks a request and returns its `webhook-id`.
    pub(super) fn verify<'h>(&self, headers: &'h HeaderMap, body: &[u8], now_seconds: i64) -> Result<&'h str, Doubt> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Doubt::Header);
        let id = header("webhook-id")?;
        let timestamp = header("webhook-timestamp")?;
        let sent: i64 = timestamp.parse().map_err(|_| Doubt::Timestamp)?;
        if now_seconds.saturating_sub(sent).saturating_abs() > TOLERANCE_SECONDS {
            return Err(Doubt::Timestamp);
        }
        // Several signatures may stand side by side while a secret is rotated.
        let fits = header("webhook-signature")?.split(' ').any(|signature| {
            signature
                .strip_prefix("v1,")
                .and_then(|encoded| STANDARD.decode(encoded).ok())
                .is_some_and(|raw| self.mac(id, timestamp, body).verify_slice(&raw).is_ok())
        });
        if fits { Ok(id) } else { Err(Doubt::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::{Doubt, Key};

    // The worked example of the Standard Webhooks specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", ID.parse().unwrap());
        headers.insert("webhook-timestamp", TIMESTAMP.parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    #[test]
    fn the_specification_s_example_verifies() {
        let key = Key::from_secret(SECRET).unwrap();
        assert_eq!(key.sign(ID, TIMESTAMP, BODY), SIGNATURE);
        assert_eq!(key.verify(&headers(SIGNATURE), BODY, 1_614_265_400), Ok(ID));
        let rotated = format!("v1,AAAA {SIGNATURE}");
        assert_eq!(key.verify(&headers(&rotated), BODY, 1_614_265_400), Ok(ID));
    }

    #[test]
    fn what_was_changed_or_is_old_does_not() {
        let key = Key::from_secret(SECRET).unwrap();
        let now = 1_614_265_400;
        assert_eq!(key.verify(&headers(SIGNATURE), b"{}", now), Err(Doubt::Signature));
        assert_eq!(key.verify(&headers("v1,xx"), BODY, now), Err(Doubt::Signature));
        assert_eq!(key.verify(&headers(SIGNATURE), BODY, now + 600), Err(Doubt::Timestamp));
        assert_eq!(key.verify(&HeaderMap::new(), BODY, now), Err(Doubt::Header));
    }
}
