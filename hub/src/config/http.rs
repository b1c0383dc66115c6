//! `[http]`: the listener, who may use it, and what it takes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::ConfigCode;
use super::reader::{Secret, Section};

/// The listener's settings.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where other hubs reach it, as `host:port`; where it listens unless set.
    pub advertise: Option<String>,
    /// Bearer tokens.
    pub tokens: Vec<Credential>,
    /// Users of Basic authentication.
    pub users: Vec<User>,
    /// Whether `/metrics` needs a credential with the role `viewer`.
    pub protect_metrics: bool,
    /// What it takes.
    pub limits: Limits,
}

/// What a credential allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To send events.
    Publisher,
    /// To read metrics and health.
    Viewer,
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name in logs and metrics.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// What it allows.
    pub roles: Vec<Role>,
}

/// A user of Basic authentication.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What it allows.
    pub roles: Vec<Role>,
}

/// What the listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest event, in bytes.
    pub event_bytes: usize,
    /// The largest batch, in bytes.
    pub batch_bytes: usize,
    /// Requests per second and credential; 0 for no limit.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Transactions that may wait for the log before more are refused.
    pub queue: usize,
    /// Connections at a time.
    pub connections: usize,
}

const MIB: u64 = 1 << 20;

pub(super) fn read(section: &Section<'_, '_>) -> Http {
    let listen = section.string("listen");
    let address = listen.as_ref().map_or(Some(SocketAddr::from(([127, 0, 0, 1], 8080))), |found| {
        let parsed = found.value.parse();
        if parsed.is_err() {
            let message = format!("http.listen is {}, not an address and port", section.raw(&found.span));
            section.fault_with_help(
                ConfigCode::BadAddress,
                found.span.clone(),
                message,
                "write an IP address and a port, such as \"127.0.0.1:8080\"",
            );
        }
        parsed.ok()
    });
    let token_sections = section.sections("tokens").unwrap_or_default();
    let user_sections = section.sections("users").unwrap_or_default();
    for (sections, what) in [(&token_sections, "tokens"), (&user_sections, "users")] {
        report_repeated_names(sections, what);
    }
    let tokens: Vec<Credential> = token_sections.iter().filter_map(token).collect();
    let users: Vec<User> = user_sections.iter().filter_map(user).collect();
    let plain = section.boolean("dangerously_allow_plain_http").is_some_and(|found| found.value);
    let nobody = token_sections.is_empty() && user_sections.is_empty();
    if let (Some(address), Some(listen)) = (address, &listen)
        && !is_loopback(address.ip())
    {
        if nobody {
            section.fault_with_help(
                ConfigCode::Unsafe,
                listen.span.clone(),
                format!("http.listen is {address}, which others can reach, and no token or user is configured"),
                "add [[http.tokens]] or [[http.users]], or listen on 127.0.0.1",
            );
        }
        if !plain {
            section.fault_with_help(
                ConfigCode::Unsafe,
                listen.span.clone(),
                format!("http.listen is {address}, which others can reach, and this build does not speak TLS"),
                "listen on 127.0.0.1 behind a proxy that ends TLS, or set dangerously_allow_plain_http = true",
            );
        }
    }
    let limits = limits(&section.section("limits"));
    let advertise = section.string("advertise").and_then(|found| {
        let is_place = is_host_and_port(&found.value);
        if !is_place {
            let message = format!("http.advertise is {}, not a host and a port", section.raw(&found.span));
            let help = "write the name or address by which other hubs reach this one, such as \"hub-1.internal:8080\"";
            section.fault_with_help(ConfigCode::BadAddress, found.span, message, help);
        }
        is_place.then_some(found.value)
    });
    let found = Http {
        advertise,
        listen: address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        tokens,
        users,
        protect_metrics: section
            .boolean("protect_metrics")
            .map_or_else(|| address.is_some_and(|address| !is_loopback(address.ip())), |found| found.value),
        limits,
    };
    section.finish();
    found
}

/// Whether this is the name or address of a host with a port, and nothing else.
pub(super) fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = !host.is_empty() && host.chars().all(|one| one.is_ascii_alphanumeric() || ".-_[]:".contains(one));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn limits(section: &Section<'_, '_>) -> Limits {
    let event = section.integer("event_bytes", 256..=16 * MIB);
    let batch = section.integer("batch_bytes", 256..=1024 * MIB);
    let event_bytes = event.as_ref().map_or(MIB, |found| found.value);
    let batch_bytes = batch.as_ref().map_or(64 * MIB, |found| found.value);
    if event_bytes > batch_bytes
        && let Some(found) = batch.or(event)
    {
        let message = format!(
            "http.limits.event_bytes ({event_bytes}) must not be more than http.limits.batch_bytes ({batch_bytes})"
        );
        section.fault(ConfigCode::Relation, found.span, message);
    }
    let requests_per_second =
        section.integer("requests_per_second", 0..=1_000_000).map_or(0, |found| found.value as u32);
    let limits = Limits {
        event_bytes: event_bytes as usize,
        batch_bytes: batch_bytes as usize,
        requests_per_second,
        burst: section.integer("burst", 1..=1_000_000).map_or(requests_per_second.max(1), |found| found.value as u32),
        body_timeout: section
            .duration("body_timeout", Duration::from_millis(50)..=Duration::from_secs(3_600))
            .map_or(Duration::from_secs(30), |found| found.value),
        queue: section.integer("queue", 1..=65_536).map_or(1_024, |found| found.value as usize),
        connections: section.integer("connections", 1..=65_536).map_or(512, |found| found.value as usize),
    };
    section.finish();
    limits
}

/// Two credentials of one name could not be told apart in the log.
fn report_repeated_names(sections: &[Section<'_, '_>], what: &str) {
    let mut names = Vec::new();
    for section in sections {
        let Some(name) = section.string("name") else { continue };
        if names.contains(&name.value) {
            let message = format!("two {what} have the name {:?}", name.value);
            section.fault(ConfigCode::DuplicateName, name.span, message);
        } else {
            names.push(name.value);
        }
    }
}

fn token(section: &Section<'_, '_>) -> Option<Credential> {
    let name = section.required("name");
    let token = section.secret("token");
    let roles = roles(section);
    section.finish();
    let token = token?;
    if token.value.reveal().len() < 16 {
        let message = format!("{}.token has fewer than 16 characters", section.path);
        section.fault_with_help(ConfigCode::Unsafe, token.span, message, "make one with: openssl rand -hex 32");
        return None;
    }
    Some(Credential { name: name?.value, token: token.value, roles })
}

fn user(section: &Section<'_, '_>) -> Option<User> {
    let name = section.required("name");
    let password = section.secret("password");
    let roles = roles(section);
    section.finish();
    let (name, password) = (name?, password?);
    if name.value.contains(':') {
        let message = format!("{}.name has a colon, which Basic authentication cannot carry", section.path);
        section.fault_with_help(ConfigCode::Unsupported, name.span, message, "choose a name without a colon");
        return None;
    }
    if password.value.reveal().len() < 8 {
        let message = format!("{}.password has fewer than 8 characters", section.path);
        section.fault_with_help(ConfigCode::Unsafe, password.span, message, "make one with: openssl rand -hex 16");
        return None;
    }
    Some(User { name: name.value, password: password.value, roles })
}

fn roles(section: &Section<'_, '_>) -> Vec<Role> {
    let Some(names) = section.strings("roles") else { return vec![Role::Publisher, Role::Viewer] };
    let mut roles = Vec::new();
    for name in names {
        match name.value.as_str() {
            "publisher" => roles.push(Role::Publisher),
            "viewer" => roles.push(Role::Viewer),
            _ => {
                let message =
                    format!("{}.roles names {}, not one of publisher, viewer", section.path, section.raw(&name.span));
                section.fault(ConfigCode::BadChoice, name.span, message);
            }
        }
    }
    roles
}

/// Whether only this machine can reach the address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}
