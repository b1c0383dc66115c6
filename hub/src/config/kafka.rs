//! `[log.kafka]`: where the brokers are, who the hub is to them, how it shares work with others.

use std::time::Duration;

use connectors::kafka::token::{self, TokenEndpoint};
use connectors::kafka::{GroupProtocol, KafkaSettings, Sasl, Tls, TokenSource};

use super::ConfigCode;
use super::http::is_host_and_port;
use super::reader::Section;
use super::targets::address;

/// The settings of the brokers; the instance's name is filled in from the data directory where the
/// file names none.
pub(super) fn read(section: &Section<'_, '_>) -> KafkaSettings {
    let brokers = section.strings("brokers").unwrap_or_default();
    section.require("brokers");
    for broker in &brokers {
        if !is_host_and_port(&broker.value) {
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
    settings.hanging_after = section.duration("hanging_after", seconds(1, 86_400)).map(|found| found.value);
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
    let mechanism = section.choice("mechanism", &["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"]);
    let plain = section.boolean("dangerously_allow_plain_text").is_some_and(|found| found.value);
    let found = match mechanism {
        Some((OAUTHBEARER, _)) => token_source(section).map(Sasl::OAuthBearer),
        _ => with_password(section, mechanism.as_ref().map_or(0, |(index, _)| *index)),
    };
    section.finish();
    let (index, span) = mechanism?;
    if matches!(index, 0 | OAUTHBEARER) && !has_tls && !plain {
        let (name, what) = if index == 0 { ("plain", "password") } else { ("oauthbearer", "token") };
        section.fault_with_help(
            ConfigCode::Unsafe,
            span,
            format!("{}.mechanism \"{name}\" sends the {what} as it is, and there is no [log.kafka.tls]", section.path),
            "add [log.kafka.tls], use scram-sha-512, or set dangerously_allow_plain_text = true beside it",
        );
        return None;
    }
    found
}

/// The number of the mechanism that goes by tokens.
const OAUTHBEARER: usize = 3;
/// How long an identity provider may take to answer.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

fn with_password(section: &Section<'_, '_>, mechanism: usize) -> Option<Sasl> {
    let user = section.required("user").map(|found| found.value);
    let password = section.secret("password");
    let (user, password) = (user?, password?.value.reveal().to_owned());
    Some(match mechanism {
        0 => Sasl::Plain { user, password },
        1 => Sasl::ScramSha256 { user, password },
        _ => Sasl::ScramSha512 { user, password },
    })
}

/// Where tokens come from: a file, or an identity provider.
fn token_source(section: &Section<'_, '_>) -> Option<TokenSource> {
    section.hide_literals("token");
    let file = section.string("token");
    let has_endpoint = section.string("token_endpoint").is_some();
    if let Some(file) = file {
        if has_endpoint {
            let message = format!("[{}] has a token and a token_endpoint: tokens come from one of them", section.path);
            section.fault(ConfigCode::Relation, file.span.clone(), message);
            // Known, and of no use.
            for key in ["client_id", "client_secret", "scope"] {
                section.hide_literals(key);
            }
        }
        let Some(path) = file.value.strip_prefix("file:") else {
            section.fault_with_help(
                ConfigCode::BadSecret,
                file.span,
                format!("{}.token is no file: a token ends, and the next one is to be read", section.path),
                "write \"file:/run/secrets/token\", or give token_endpoint, client_id and client_secret",
            );
            return None;
        };
        return Some(token::from_file(path.into()));
    }
    if !has_endpoint {
        section.fault_with_help(
            ConfigCode::MissingKey,
            section.span.clone(),
            format!("[{}] with mechanism \"oauthbearer\" needs the key \"token\" or \"token_endpoint\"", section.path),
            "write token = \"file:/run/secrets/token\", or give token_endpoint, client_id and client_secret",
        );
        return None;
    }
    let (url, _) = address(section, "token_endpoint");
    let client_id = section.required("client_id").map(|found| found.value);
    let client_secret = section.secret("client_secret").map(|found| found.value.reveal().to_owned());
    let scope = section.string("scope").map(|found| found.value);
    Some(token::from_endpoint(TokenEndpoint {
        url: url?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope,
        timeout: TOKEN_TIMEOUT,
    }))
}
