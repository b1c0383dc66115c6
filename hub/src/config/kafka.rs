//! `[log.kafka]`: where the brokers are, who the hub is to them, how it shares work with others.

use std::time::Duration;

use connectors::kafka::{GroupProtocol, KafkaSettings, Sasl, Tls};

use super::ConfigCode;
use super::reader::Section;

/// The settings of the brokers; the instance's name is filled in from the data directory where the
/// file names none.
pub(super) fn read(section: &Section<'_, '_>) -> KafkaSettings {
    let brokers = section.strings("brokers").unwrap_or_default();
    section.require("brokers");
    for broker in &brokers {
        let valid =
            broker.value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !valid {
            let message = format!("{}.brokers holds {}, not host:port", section.path, section.raw(&broker.span));
            section.fault_with_help(
                ConfigCode::BadAddress,
                broker.span.clone(),
                message,
                "write a host and a port, such as \"kafka-1.example.com:9092\"",
            );
        }
    }
    let names: Vec<_> = brokers.into_iter().map(|broker| broker.value).collect();
    let mut settings = KafkaSettings::new(names.join(","), String::new());
    if let Some(prefix) = name(section, "prefix") {
        settings.prefix = prefix;
    }
    if let Some(instance) = name(section, "instance") {
        settings.instance = instance;
    }
    if let Some((1, _)) = section.choice("protocol", &["classic", "consumer"]) {
        settings.protocol = GroupProtocol::Consumer;
    }
    settings.static_membership = section.boolean("static_membership").is_some_and(|found| found.value);
    settings.replication = section.integer("replication", 1..=32).map(|found| found.value as u16);
    let seconds = |low: u64, high: u64| Duration::from_secs(low)..=Duration::from_secs(high);
    if let Some(found) = section.duration("session_timeout", seconds(1, 300)) {
        settings.session_timeout = found.value;
    }
    if let Some(found) = section.duration("transaction_timeout", seconds(1, 900)) {
        settings.transaction_timeout = found.value;
    }
    if let Some(found) = section.duration("request_timeout", seconds(1, 300)) {
        settings.request_timeout = found.value;
    }
    let compressions = ["none", "lz4", "zstd", "snappy", "gzip"];
    if let Some((index, _)) = section.choice("compression", &compressions) {
        compressions[index].clone_into(&mut settings.compression);
    }
    settings.tls = tls(&section.section("tls"));
    settings.sasl = sasl(&section.section("sasl"), settings.tls.is_some());
    section.finish();
    settings
}

/// A name that topics, groups and ids may begin with.
fn name(section: &Section<'_, '_>, key: &'static str) -> Option<String> {
    let found = section.string(key)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
    if found.value.is_empty() || found.value.len() > 80 || !found.value.chars().all(allowed) {
        let message =
            format!("{}.{key} is {}, which no topic may be named after", section.path, section.raw(&found.span));
        section.fault_with_help(
            ConfigCode::OutOfRange,
            found.span,
            message,
            "use up to 80 letters, digits, dots, underscores and hyphens",
        );
        return None;
    }
    Some(found.value)
}

fn tls(section: &Section<'_, '_>) -> Option<Tls> {
    if !section.is_present() {
        return None;
    }
    let file = |key| section.string(key).map(|found| found.value);
    let found = Tls {
        ca_file: file("ca_file"),
        certificate_file: file("certificate_file"),
        key_file: file("key_file"),
        key_password: section.optional_secret("key_password").map(|secret| secret.value.reveal().to_owned()),
    };
    if found.certificate_file.is_some() != found.key_file.is_some() {
        let message = format!("[{}] has one of certificate_file and key_file, which go together", section.path);
        section.fault(ConfigCode::Relation, section.span.clone(), message);
    }
    section.finish();
    Some(found)
}

fn sasl(section: &Section<'_, '_>, has_tls: bool) -> Option<Sasl> {
    if !section.is_present() {
        return None;
    }
    section.require("mechanism");
    let mechanism = section.choice("mechanism", &["plain", "scram-sha-256", "scram-sha-512"]);
    let user = section.required("user").map(|found| found.value);
    section.require("password");
    let password = section.string("password").is_some().then(|| section.secret("password")).flatten();
    let plain = section.boolean("dangerously_allow_plain_text").is_some_and(|found| found.value);
    section.finish();
    let (index, span) = mechanism?;
    if index == 0 && !has_tls && !plain {
        section.fault_with_help(
            ConfigCode::Unsafe,
            span,
            format!(
                "{}.mechanism \"plain\" sends the password as it is, and there is no [log.kafka.tls]",
                section.path
            ),
            "add [log.kafka.tls], use scram-sha-512, or set dangerously_allow_plain_text = true beside it",
        );
        return None;
    }
    let (user, password) = (user?, password?.value.reveal().to_owned());
    Some(match index {
        0 => Sasl::Plain { user, password },
        1 => Sasl::ScramSha256 { user, password },
        _ => Sasl::ScramSha512 { user, password },
    })
}
