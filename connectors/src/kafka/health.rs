//! Whether the brokers can be used, as far as the clients of this process were told, and why not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::error::RDKafkaErrorCode;

use super::settings::{KafkaSettings, Sasl};

/// Why brokers cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// None answers; one may again.
    Silent(String),
    /// They do not let the hub in, or it does not trust them: someone has to change something.
    Refused(String),
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    /// Something was answered since the start.
    met: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Health(Mutex<State>);

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        self.state().trouble.as_ref().map(|(Trouble::Silent(why) | Trouble::Refused(why))| why.clone())
    }

    /// Why there is no use in going on. A hub that was let in before goes on trying: credentials and
    /// certificates are exchanged while it runs, and on both sides never at the same moment.
    pub(super) fn refusal(&self) -> Option<String> {
        match &*self.state() {
            State { trouble: Some(Trouble::Refused(why)), met: false } => Some(why.clone()),
            _ => None,
        }
    }

    /// Something was answered.
    pub(super) fn well(&self) {
        let mut state = self.state();
        state.met = true;
        if state.trouble.take().is_some() {
            tracing::info!("the brokers answer again");
        }
    }

    pub(super) fn ill(&self, trouble: Trouble) {
        let mut state = self.state();
        // That all are down is told after each refusal too, and says less.
        if matches!((&state.trouble, &trouble), (Some(Trouble::Refused(_)), Trouble::Silent(_))) {
            return;
        }
        if state.trouble.as_ref() != Some(&trouble) {
            let (Trouble::Silent(why) | Trouble::Refused(why)) = &trouble;
            tracing::warn!(why, "the brokers cannot be used");
        }
        state.trouble = Some(trouble);
    }
}

/// How librdkafka begins to say that it has no token.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token";

/// What to make of an error that a client was told of; `None` where it says nothing of the brokers as a whole.
pub(super) fn judge(code: RDKafkaErrorCode, reason: &str, settings: &KafkaSettings) -> Option<Trouble> {
    match code {
        RDKafkaErrorCode::AllBrokersDown => Some(Trouble::Silent("no broker can be reached".to_owned())),
        RDKafkaErrorCode::Authentication if reason.starts_with(NO_TOKEN) => {
            let why = reason[NO_TOKEN.len()..].trim_start_matches([':', ' ']);
            Some(Trouble::Silent(format!("there is no token for the brokers: {why}")))
        }
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            Some(Trouble::Refused(not_let_in(settings)))
        }
        // A broker that does not like the hub's certificate says so when all seems done, and hangs up.
        RDKafkaErrorCode::BrokerTransportFailure if reason.contains("SSL alert") => {
            Some(Trouble::Refused(no_tls(reason, settings)))
        }
        RDKafkaErrorCode::SSL => Some(Trouble::Refused(no_tls(reason, settings))),
        _ => None,
    }
}

fn not_let_in(settings: &KafkaSettings) -> String {
    match &settings.sasl {
        Some(Sasl::OAuthBearer(_)) => {
            "the brokers do not accept the token: check its issuer, audience and scope against theirs".to_owned()
        }
        Some(sasl) => format!(
            "the brokers do not accept the credentials of {} by {}: check name, password and mechanism in [log.kafka.sasl]",
            sasl.user().unwrap_or("the hub"),
            sasl.mechanism()
        ),
        None => "the brokers want the hub to say who it is: add [log.kafka.sasl]".to_owned(),
    }
}

fn no_tls(reason: &str, settings: &KafkaSettings) -> String {
    let tls = settings.tls.as_ref();
    if reason.contains("certificate verify failed") {
        let by = tls.and_then(|tls| tls.ca_file.as_deref()).unwrap_or("the system's authorities");
        return format!(
            "the certificate of {} is not signed by {by}, or made out for another name: set log.kafka.tls.ca_file to the \
             brokers' authority, and log.kafka.brokers to the names in their certificates",
            broker(reason)
        );
    }
    let has_certificate = tls.is_some_and(|tls| tls.certificate_file.is_some());
    if reason.contains("SSL alert") && !has_certificate {
        return format!(
            "{} wants a certificate of the hub: set log.kafka.tls.certificate_file and key_file",
            broker(reason)
        );
    }
    if reason.contains("SSL alert") {
        return format!("{} does not accept the certificate of the hub: check log.kafka.tls", broker(reason));
    }
    format!("no TLS connection: {reason}")
}

/// The broker of a sentence that begins with `ssl://HOST:PORT/NUMBER: `.
fn broker(reason: &str) -> &str {
    let place = reason.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    place.map_or("a broker", |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_forgotten_for_silence_and_ends_nobody_who_was_let_in() {
        let settings = KafkaSettings::new("a:1", "one");
        let health = Health::default();
        let heard = |code, reason| health.ill(judge(code, reason, &settings).expect("trouble"));
        heard(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!((health.trouble().as_deref(), health.refusal()), (Some("no broker can be reached"), None));
        heard(RDKafkaErrorCode::Authentication, "SASL authentication error");
        heard(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert!(health.refusal().is_some_and(|why| why.contains("add [log.kafka.sasl]")));
        health.well();
        assert_eq!(health.trouble(), None);
        heard(RDKafkaErrorCode::Authentication, "SASL authentication error");
        assert!(health.trouble().is_some() && health.refusal().is_none());
    }

    #[test]
    fn a_token_that_cannot_be_had_is_no_refusal_of_the_brokers() {
        let reason = "Failed to acquire SASL OAUTHBEARER token: the file is gone";
        let judged = judge(RDKafkaErrorCode::Authentication, reason, &KafkaSettings::new("a:1", "one"));
        assert_eq!(judged, Some(Trouble::Silent("there is no token for the brokers: the file is gone".to_owned())));
    }
}
