//! SASL/OAUTHBEARER on a real broker that asks for a new token every few seconds.

use std::time::{Duration, Instant};

use connectors::kafka::token::{self, TokenEndpoint};
use connectors::kafka::{KafkaLog, Sasl, TokenSource};
use topology::{Commit, Log as _, LogError, TopicPartition, TopicSpec};

use crate::support::secured::{SESSION, SUPER_USER, SecuredBroker};
use crate::support::{Provider, jwt, outgoing};

/// How long a token lives.
const LIFE: Duration = Duration::from_secs(6);

fn log(source: TokenSource) -> std::sync::Arc<KafkaLog> {
    SecuredBroker::get().log(|settings| settings.sasl = Some(Sasl::OAuthBearer(source)))
}

/// Commits and reads for longer than sessions and tokens live.
fn goes_on(log: &KafkaLog, topic: &str, meanwhile: impl Fn()) {
    log.ensure_topics(&[TopicSpec::delete(topic, 1, None)]).expect("a topic is made");
    let mut producer = log.producer(topic).expect("a producer is made");
    let (began, mut written) = (Instant::now(), 0);
    let partition = TopicPartition::new(topic, 0);
    let mut records = Vec::new();
    let mut next = log.bounds(&partition).expect("the topic exists").0;
    while began.elapsed() < LIFE.max(SESSION) * 2 {
        meanwhile();
        producer.send(outgoing(topic, "a record")).expect("a record is taken");
        assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
        written += 1;
        while records.len() < written {
            next = log.read(&partition, next, 1 << 20, &mut records).expect("it is read");
        }
    }
    assert!(written > 10, "only {written} commits");
}

#[test]
fn a_token_file_is_read_again_before_its_token_ends() {
    // Before the first token begins to age.
    SecuredBroker::get();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, next) = (folder.path().join("token"), folder.path().join("next"));
    let fresh = || {
        std::fs::write(&next, jwt(SUPER_USER, LIFE)).expect("a writable folder");
        // Whole at any moment, as a container platform does it.
        std::fs::rename(&next, &file).expect("a writable folder");
    };
    fresh();
    goes_on(&log(token::from_file(file.clone())), "by-token-file", fresh);
}

#[test]
fn an_identity_provider_is_asked_before_its_token_ends_and_one_token_serves_all_clients() {
    let provider = Provider::start("hub-client", "its password", SUPER_USER, LIFE);
    let endpoint = TokenEndpoint {
        url: provider.url.clone(),
        client_id: "hub-client".to_owned(),
        client_secret: "its password".to_owned(),
        scope: Some("kafka hub".to_owned()),
        timeout: Duration::from_secs(5),
    };
    goes_on(&log(token::from_endpoint(endpoint.clone())), "by-provider", || {});
    let given = provider.given();
    assert!((2..=6).contains(&given), "{given} tokens");

    let refused = TokenEndpoint { client_secret: "another".to_owned(), ..endpoint };
    match log(token::from_endpoint(refused)).topics() {
        // It may be the provider that is at fault: the hub goes on asking.
        Err(LogError::Retriable(why)) => {
            assert!(
                why.contains(&provider.url) && why.contains("status 401") && why.contains("client_secret"),
                "{why}"
            );
            assert!(!why.contains("another"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_the_brokers_do_not_take_ends_the_hub() {
    SecuredBroker::get();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let token = jwt("", LIFE);
    std::fs::write(file.path(), &token).expect("a writable file");
    match log(token::from_file(file.path().to_owned())).topics() {
        Err(LogError::Denied(why)) => {
            assert!(why.contains("do not accept the token") && !why.contains(&token), "{why}");
        }
        other => panic!("{other:?}"),
    }
}
