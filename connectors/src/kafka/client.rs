//! What every client tells: errors, statistics, and its wish for a token.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::settings::{KafkaSettings, Sasl, TokenSource};
use super::statistics;

/// Whether the brokers can be reached, as far as the clients of this process have told.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    /// What is wrong, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was answered.
    pub(super) fn well(&self) {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            tracing::info!("the brokers answer again");
        }
    }

    pub(super) fn ill(&self, why: String) {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::warn!(why, "the brokers do not answer");
        }
        *trouble = Some(why);
    }
}

/// What the clients of a log share.
pub(super) struct Context {
    role: &'static str,
    health: Arc<Health>,
    token: Option<TokenSource>,
}

impl Context {
    pub(super) fn new(role: &'static str, settings: &KafkaSettings, health: &Arc<Health>) -> Self {
        let token = match &settings.sasl {
            Some(Sasl::OAuthBearer(token)) => Some(token.clone()),
            _ => None,
        };
        Self { role, health: health.clone(), token }
    }
}

/// The methods of [`ClientContext`], for contexts that hold a [`Context`] under `shared`.
macro_rules! tell_through {
    ($context:ty, $shared:ident) => {
        impl rdkafka::ClientContext for $context {
            const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

            fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
                self.$shared.log(level, facility, message);
            }

            fn stats_raw(&self, statistics: &[u8]) {
                self.$shared.stats_raw(statistics);
            }

            fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
                self.$shared.error(error, reason);
            }

            fn generate_oauth_token(
                &self,
                config: Option<&str>,
            ) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
                self.$shared.generate_oauth_token(config)
            }
        }
    };
}
pub(super) use tell_through;

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes as an error to whoever asked; these lines are for looking closer.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(role = self.role, facility, message, "librdkafka");
            }
            _ => tracing::debug!(role = self.role, facility, message, "librdkafka"),
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        statistics::publish(self.role, statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.health.ill("no broker can be reached".to_owned()),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                self.health.ill("the brokers do not accept the credentials".to_owned());
            }
            Some(RDKafkaErrorCode::SSL) => self.health.ill(format!("no TLS connection: {reason}")),
            _ => tracing::debug!(role = self.role, %error, reason, "librdkafka"),
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let source = self.token.as_ref().ok_or("no source of tokens is configured")?;
        let token = source()?;
        Ok(OAuthToken { token: token.token, principal_name: token.principal, lifetime_ms: token.expires_at_ms })
    }
}
