//! The settings in librdkafka's words.

use rdkafka::ClientConfig;

use super::settings::{GroupProtocol, KafkaSettings, Sasl};

/// What every client is told.
fn common(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", format!("hub-{}", settings.instance))
        .set("topic.metadata.refresh.interval.ms", "60000")
        .set("socket.keepalive.enable", "true")
        // Also half the time between attempts to connect to a first broker, of which each client makes several.
        .set("reconnect.backoff.ms", "22")
        .set("reconnect.backoff.max.ms", "2000")
        .set("statistics.interval.ms", "5000")
        // A topic that is missing is to be made on purpose, with its partitions.
        .set("allow.auto.create.topics", "false");
    let protocol = match (&settings.tls, &settings.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &settings.tls {
        // Found where the system keeps them: the TLS library that is linked in would look elsewhere.
        config.set("ssl.ca.location", "probe");
        let files = [
            ("ssl.ca.location", &tls.ca_file),
            ("ssl.certificate.location", &tls.certificate_file),
            ("ssl.key.location", &tls.key_file),
            ("ssl.key.password", &tls.key_password),
        ];
        for (name, value) in files.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            config.set(name, value);
        }
    }
    match &settings.sasl {
        None => {}
        Some(Sasl::Plain { user, password }) => password_of(&mut config, "PLAIN", user, password),
        Some(Sasl::ScramSha256 { user, password }) => password_of(&mut config, "SCRAM-SHA-256", user, password),
        Some(Sasl::ScramSha512 { user, password }) => password_of(&mut config, "SCRAM-SHA-512", user, password),
        Some(Sasl::OAuthBearer(_)) => {
            config.set("sasl.mechanisms", "OAUTHBEARER");
        }
    }
    config
}

fn password_of(config: &mut ClientConfig, mechanism: &str, user: &str, password: &str) {
    config.set("sasl.mechanisms", mechanism).set("sasl.username", user).set("sasl.password", password);
}

fn finish(mut config: ClientConfig, settings: &KafkaSettings) -> ClientConfig {
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    config
}

/// A client that only asks.
///
/// It has a group that it never joins: told that a coordinator has moved, librdkafka (2.12) looks for that of the
/// client's own group, and ends the process where there is none.
pub(super) fn admin(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    config.set("group.id", reader_group(settings)).set("isolation.level", "read_committed");
    finish(config, settings)
}

/// A client that only asks, for what is not committed as well.
pub(super) fn unstable(settings: &KafkaSettings) -> ClientConfig {
    let mut config = admin(settings);
    config.set("isolation.level", "read_uncommitted");
    config
}

/// The group of clients that belong to none.
fn reader_group(settings: &KafkaSettings) -> String {
    format!("{}hub-reader", settings.prefix)
}

fn reading(settings: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.message.max.bytes", "1048576");
    config
}

/// A member of a group. Where there is nothing at the place it is to read on, it says so.
pub(super) fn member(settings: &KafkaSettings, group: &str, number: u32) -> ClientConfig {
    let mut config = reading(settings, group);
    match settings.protocol {
        GroupProtocol::Classic => {
            config
                .set("partition.assignment.strategy", "range")
                .set("session.timeout.ms", settings.session_timeout.as_millis().to_string())
                .set("heartbeat.interval.ms", (settings.session_timeout.as_millis() / 4).max(100).to_string());
        }
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer").set("group.remote.assignor", "range");
        }
    }
    if settings.static_membership {
        config.set("group.instance.id", format!("{}-{number}", settings.instance));
    }
    config
        .set("auto.offset.reset", "error")
        .set("max.poll.interval.ms", "300000")
        .set("queued.max.messages.kbytes", "8192")
        // A full queue is looked at again that soon. The client's own second lets a fast worker run dry.
        .set("fetch.queue.backoff.ms", "5")
        // How long a partition waits that is taken up while there is nothing new in the others.
        .set("fetch.wait.max.ms", "100");
    finish(config, settings)
}

/// A client that reads partitions without a group: from what is kept on, where the place asked for is gone.
pub(super) fn reader(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reading(settings, &reader_group(settings));
    config
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        // The end of a partition is reported by the first fetch that brings nothing.
        .set("fetch.wait.max.ms", "20")
        .set("queued.max.messages.kbytes", "4096");
    finish(config, settings)
}

/// A transactional producer.
pub(super) fn producer(settings: &KafkaSettings, id: &str) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("transactional.id", id)
        .set("transaction.timeout.ms", settings.transaction_timeout.as_millis().to_string())
        // For whoever writes without naming a partition: what Java does.
        .set("partitioner", "murmur2_random")
        .set("compression.type", &settings.compression)
        .set("message.max.bytes", (settings.max_record_bytes + OVERHEAD).to_string())
        .set("linger.ms", "5")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "500000")
        .set("queue.buffering.max.kbytes", "131072");
    finish(config, settings)
}

/// What a batch adds to its only record.
const OVERHEAD: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Tls;

    #[test]
    fn security_follows_from_what_is_given() {
        let mut settings = KafkaSettings::new("localhost:9092", "a");
        assert_eq!(admin(&settings).get("security.protocol"), Some("plaintext"));
        settings.sasl = Some(Sasl::ScramSha512 { user: "hub".into(), password: "secret".into() });
        assert_eq!(admin(&settings).get("security.protocol"), Some("sasl_plaintext"));
        settings.tls = Some(Tls { ca_file: Some("ca.pem".into()), ..Tls::default() });
        let config = admin(&settings);
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(config.get("sasl.mechanisms"), Some("SCRAM-SHA-512"));
        assert_eq!(config.get("ssl.ca.location"), Some("ca.pem"));
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn the_library_takes_every_set_of_properties() {
        let mut settings = KafkaSettings::new("localhost:9092", "a");
        for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
            settings.protocol = protocol;
            settings.static_membership = !settings.static_membership;
            for config in [admin(&settings), member(&settings, "g", 1), reader(&settings), producer(&settings, "id")] {
                drop(config.create_native_config().unwrap());
            }
        }
    }

    #[test]
    fn properties_of_the_user_go_first() {
        let mut settings = KafkaSettings::new("localhost:9092", "a");
        settings.properties = vec![("linger.ms".into(), "17".into())];
        assert_eq!(producer(&settings, "id").get("linger.ms"), Some("17"));
    }
}
