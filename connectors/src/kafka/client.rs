//! What every client tells: errors, statistics, and its wish for a token.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::health::{self, Health};
use super::settings::{KafkaSettings, Sasl};
use super::statistics::Statistics;

/// What the clients of a log share.
pub(super) struct Context {
    role: &'static str,
    health: Arc<Health>,
    settings: KafkaSettings,
    statistics: Statistics,
}

impl Context {
    pub(super) fn new(role: &'static str, settings: &KafkaSettings, health: &Arc<Health>) -> Self {
        Self { role, health: health.clone(), settings: settings.clone(), statistics: Statistics::new(role) }
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
        self.statistics.publish(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(role = self.role, %error, reason, "librdkafka");
        let trouble = error.rdkafka_error_code().and_then(|code| health::judge(code, reason, &self.settings));
        if let Some(trouble) = trouble {
            self.health.ill(trouble);
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let Some(Sasl::OAuthBearer(source)) = &self.settings.sasl else {
            return Err("no source of tokens is configured".into());
        };
        let token = source()?;
        Ok(OAuthToken { token: token.token, principal_name: token.principal, lifetime_ms: token.expires_at_ms })
    }
}
