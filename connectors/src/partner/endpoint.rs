//! Where one partner takes its webhooks, and how it is treated.

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::signature::Secret;
use crate::delivery::{BreakerSettings, RetryPolicy};

/// The settings of one partner.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerEndpoint {
    /// The partner's id, as deliveries name it.
    pub id: String,
    /// Where its webhooks go: https, or http on the loopback interface.
    pub url: String,
    /// Whether http may leave this machine.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Its secrets, `whsec_<base64>`: the newest first, and a second one while they change.
    #[serde(skip_serializing)]
    pub secrets: Vec<String>,
    /// Requests under way at a time.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// The longest a request may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How often and how long a delivery is tried.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// When the partner is left alone.
    #[serde(default)]
    pub breaker: BreakerSettings,
}

fn concurrency() -> usize {
    4
}

fn timeout_ms() -> u64 {
    10_000
}

impl std::fmt::Debug for PartnerEndpoint {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartnerEndpoint").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

impl PartnerEndpoint {
    /// The usual limits for a partner.
    pub fn new(id: impl Into<String>, url: impl Into<String>, secrets: Vec<String>) -> Self {
        Self {
            id: id.into(),
            url: url.into(),
            allow_plain_http: false,
            secrets,
            concurrency: concurrency(),
            timeout_ms: timeout_ms(),
            retry: RetryPolicy::default(),
            breaker: BreakerSettings::default(),
        }
    }

    /// The address and the secrets, checked.
    ///
    /// # Errors
    /// A sentence on what is wrong, without a secret.
    pub(super) fn check(&self) -> Result<(Url, Vec<Secret>), String> {
        let url = Url::parse(&self.url).map_err(|error| format!("partner {}: its url: {error}", self.id))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_plain_http || is_loopback(&url) => {}
            _ => {
                return Err(format!(
                    "partner {}: its url must be https (http only on the loopback interface)",
                    self.id
                ));
            }
        }
        if self.secrets.is_empty() {
            return Err(format!("partner {}: it has no secret to sign its webhooks with", self.id));
        }
        let secrets: Result<Vec<_>, String> = self.secrets.iter().map(|secret| Secret::parse(secret)).collect();
        Ok((url, secrets.map_err(|error| format!("partner {}: {error}", self.id))?))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn https_is_required_unless_loopback() {
        for (url, good) in [
            ("https://partner.example/hooks", true),
            ("http://127.0.0.1:9000/", true),
            ("http://[::1]:9000/", true),
            ("http://localhost/", true),
            ("http://partner.example/hooks", false),
            ("http://10.0.0.1/", false),
            ("http://localhost.partner.example/", false),
            ("http://127.0.0.1.partner.example/", false),
            ("ftp://partner.example/", false),
            ("partner.example", false),
        ] {
            let endpoint = PartnerEndpoint::new("acme", url, vec![SECRET.to_owned()]);
            assert_eq!(endpoint.check().is_ok(), good, "{url}");
        }
    }

    #[test]
    fn plain_http_beyond_this_machine_must_be_asked_for() {
        let mut endpoint = PartnerEndpoint::new("acme", "http://10.0.0.1/", vec![SECRET.to_owned()]);
        assert!(endpoint.check().is_err());
        endpoint.allow_plain_http = true;
        assert!(endpoint.check().is_ok());
    }

    #[test]
    fn a_partner_without_a_secret_is_refused_and_secrets_are_never_shown() {
        assert!(PartnerEndpoint::new("acme", "https://partner.example", vec![]).check().is_err());
        let endpoint = PartnerEndpoint::new("acme", "https://partner.example", vec![SECRET.to_owned()]);
        assert!(!format!("{endpoint:?}").contains("whsec"));
        assert!(!serde_json::to_string(&endpoint).unwrap().contains("whsec"));
    }
}
