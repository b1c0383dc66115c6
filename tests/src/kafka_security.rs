//! TLS, SASL and access rules on a real broker: who may come in does, and who may not is told why.

use std::time::{Duration, Instant};

use connectors::kafka::{KafkaSettings, Sasl, Tls};
use topology::{Commit, Log, LogError, TopicPartition, TopicSpec};

use crate::support::secured::{PASSWORD, SUPER_USER, SecuredBroker, text};
use crate::support::{outgoing, run_hub};

/// A password of nobody.
const ANOTHER_PASSWORD: &str = "one-that-nobody-has";

/// Makes a topic, writes to it in a transaction and reads it.
fn is_of_use(log: &dyn Log, topic: &str) {
    log.ensure_topics(&[TopicSpec::delete(topic, 1, None)]).expect("a topic is made");
    let mut producer = log.producer(topic).expect("a producer is made");
    producer.send(outgoing(topic, "a record")).expect("a record is taken");
    assert_eq!(producer.commit("group", &[]).expect("a commit ends"), Commit::Committed);
    let mut records = Vec::new();
    let partition = TopicPartition::new(topic, 0);
    let (start, _) = log.bounds(&partition).expect("the topic exists");
    log.read(&partition, start, 1 << 20, &mut records).expect("it is read");
    assert_eq!(records.len(), 1);
}

/// Why the brokers refuse a hub with these settings, which is found out soon, and tells no secret.
fn refusal(change: impl FnOnce(&mut KafkaSettings)) -> String {
    let began = Instant::now();
    match SecuredBroker::get().log(change).topics() {
        Err(LogError::Denied(why)) => {
            assert!(began.elapsed() < Duration::from_secs(9), "{:?}: {why}", began.elapsed());
            assert!(!why.contains(PASSWORD) && !why.contains(ANOTHER_PASSWORD), "{why}");
            why
        }
        other => panic!("not refused for good: {other:?}"),
    }
}

#[test]
fn every_mechanism_comes_in_and_commits() {
    let broker = SecuredBroker::get();
    is_of_use(&*broker.log(|_| {}), "by-scram");
    let plain = Sasl::Plain { user: SUPER_USER.into(), password: PASSWORD.into() };
    is_of_use(&*broker.log(|settings| settings.sasl = Some(plain)), "by-plain");
    let certificate = broker.log(|settings| {
        settings.brokers = broker.mutual_address();
        settings.sasl = None;
        settings.tls = Some(Tls {
            ca_file: Some(text(&broker.file("authority.pem"))),
            certificate_file: Some(text(&broker.file("hub.pem"))),
            key_file: Some(text(&broker.file("hub.key"))),
            key_password: None,
        });
    });
    is_of_use(&*certificate, "by-certificate");
}

#[test]
fn who_cannot_come_in_is_told_why() {
    let broker = SecuredBroker::get();
    let wrong = Sasl::ScramSha512 { user: SUPER_USER.into(), password: ANOTHER_PASSWORD.into() };
    let told = refusal(|settings| settings.sasl = Some(wrong));
    assert!(told.contains("credentials of hub by SCRAM-SHA-512") && told.contains("[log.kafka.sasl]"), "{told}");
    let nobody = Sasl::Plain { user: "nobody".into(), password: PASSWORD.into() };
    let told = refusal(|settings| settings.sasl = Some(nobody));
    assert!(told.contains("credentials of nobody by PLAIN"), "{told}");

    let stranger = text(&broker.file("stranger.pem"));
    let told = refusal(|settings| settings.tls = Some(Tls { ca_file: Some(stranger.clone()), ..Tls::default() }));
    assert!(told.contains(&stranger) && told.contains("log.kafka.tls.ca_file"), "{told}");
    let told = refusal(|settings| settings.brokers = broker.address_of_another_name());
    assert!(told.contains("127.0.0.1") && told.contains("another name"), "{told}");
    // The system's authorities know nothing of one that was made a moment ago.
    let told = refusal(|settings| settings.tls = Some(Tls::default()));
    assert!(told.contains("the system's authorities"), "{told}");
    let told = refusal(|settings| {
        settings.brokers = broker.mutual_address();
        settings.sasl = None;
    });
    assert!(told.contains("set log.kafka.tls.certificate_file"), "{told}");
}

/// How a hub of this user ends by itself, and what it says.
fn ended(user: &str, prefix: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let (broker, data) = (SecuredBroker::get(), tempfile::tempdir().expect("a folder"));
    let configuration = format!(
        "[log]\nkind = \"kafka\"\n[log.kafka]\nbrokers = [\"{}\"]\nprefix = \"{prefix}\"\ninstance = \"{user}\"\n\
         [log.kafka.tls]\nca_file = \"{}\"\n\
         [log.kafka.sasl]\nmechanism = \"plain\"\nuser = \"{user}\"\npassword = \"{PASSWORD}\"\n",
        broker.address(),
        text(&broker.file("authority.pem")),
    );
    let file = data.path().join("hub.toml");
    std::fs::write(&file, configuration).expect("a writable folder");
    let (folder, file) = (text(data.path()), text(&file));
    let run = ["run", "--data", &folder, "--listen", "127.0.0.1:0", "--config", &file];
    let output = run_hub(&[&run, arguments].concat(), b"");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains(PASSWORD), "{said}");
    (output.status.code(), said)
}

#[test]
fn a_hub_that_lacks_a_right_ends_and_names_it() {
    let prefix = SecuredBroker::PREFIX;
    // The topics are there before those come who shall use them.
    let (code, said) = ended("no-write", prefix, &[]);
    let door = ended("no-transaction", prefix, &["--only", "ingest"]);
    let cases = [
        ("no-write", code, said, "WRITE on topics granted."),
        named("no-create", "elsewhere.", "grant CREATE on the topic or on the cluster"),
        named("no-read", prefix, "READ on the group"),
        named("no-transaction", prefix, "WRITE and DESCRIBE on the transactional id"),
        ("no-transaction", door.0, door.1, "WRITE and DESCRIBE on the transactional id"),
    ];
    for (user, code, said, grant) in cases {
        assert_eq!(code, Some(77), "{user}: {said}");
        assert!(said.contains("error[HUB-1024]") && said.contains(grant), "{user}: {said}");
        assert!(said.contains(&format!("note: the brokers know the hub as User:{user}")), "{user}: {said}");
    }
}

fn named<'g>(user: &'g str, prefix: &str, grant: &'g str) -> (&'g str, Option<i32>, String, &'g str) {
    let (code, said) = ended(user, prefix, &[]);
    (user, code, said, grant)
}
