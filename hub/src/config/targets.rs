//! `[[partners]]`, `[floworx]` and `[billing]`: where deliveries go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::billing::{PostgresSettings, PostgresUrlFault};
use connectors::delivery::RetryPolicy;

use super::reader::{Located, Secret, Section};
use super::{ConfigCode, duration};

/// A partner that webhooks go to.
#[derive(Clone, Debug)]
pub struct Partner {
    /// The partner's id, as events name it.
    pub id: String,
    /// Where its webhooks go.
    pub url: String,
    /// Whether that may be plain http on another machine.
    pub allow_plain_http: bool,
    /// Secrets that sign; the first one is the current one.
    pub secrets: Vec<Secret>,
    /// Deliveries under way at a time.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often and how long a delivery is tried.
    pub retry: RetryPolicy,
}

/// The process orchestration.
#[derive(Clone, Debug)]
pub struct Floworx {
    /// The base address of its API.
    pub url: String,
    /// The bearer token that it asks for, if any.
    pub token: Option<Secret>,
    /// Commands under way at a time.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often and how long a command is tried.
    pub retry: RetryPolicy,
}

/// The database that is kept in step.
#[derive(Clone, Debug)]
pub enum Billing {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresSettings),
}

/// The partners, each with the place of its id.
pub(super) fn partners(root: &Section<'_, '_>) -> Vec<Located<Partner>> {
    let (mut found, mut ids): (Vec<Located<Partner>>, Vec<String>) = (Vec::new(), Vec::new());
    for section in root.sections("partners").unwrap_or_default() {
        let id = section.required("id");
        let partner = partner(&section, id.as_ref().map_or_else(String::new, |id| id.value.clone()));
        let Some(id) = id else { continue };
        if ids.contains(&id.value) {
            let message = format!("two partners have the id {:?}", id.value);
            section.fault(ConfigCode::DuplicateName, id.span, message);
            continue;
        }
        ids.push(id.value.clone());
        let Some(partner) = partner else { continue };
        found.push(Located { value: partner, span: id.span, text_at: None });
    }
    found
}

/// Where notifications go, if anywhere.
pub(super) fn notification(section: &Section<'_, '_>) -> Option<Partner> {
    section.is_present().then(|| partner(section, "notification".into())).flatten()
}

fn partner(section: &Section<'_, '_>, id: String) -> Option<Partner> {
    let (url, allow_plain_http) = address(section, "url");
    let secrets = section.secrets("secrets");
    section.require("secrets");
    for secret in secrets.iter().flatten() {
        if let Err(why) = connectors::partner::Secret::parse(secret.value.reveal()) {
            let message = format!("{}.secrets holds a secret that cannot sign: {why}", section.path);
            section.fault(ConfigCode::BadSecret, secret.span.clone(), message);
        }
    }
    if section.is_empty_list("secrets") {
        let message = format!("{}.secrets is empty: deliveries could not be signed", section.path);
        section.fault(ConfigCode::OutOfRange, section.span.clone(), message);
    }
    let concurrency = section.integer("concurrency", 1..=1_000).map_or(4, |found| found.value as usize);
    let (timeout, retry) = attempts(section);
    section.finish();
    let secrets = secrets?.into_iter().map(|secret| secret.value).collect();
    Some(Partner { id, url: url?, allow_plain_http, secrets, concurrency, timeout, retry })
}

pub(super) fn floworx(section: &Section<'_, '_>) -> Option<Floworx> {
    if !section.is_present() {
        return None;
    }
    let (url, _) = address(section, "url");
    let token = section.optional_secret("token");
    if let Some(token) = &token
        && !token.value.reveal().bytes().all(|byte| byte.is_ascii_graphic())
    {
        let message = "floworx.token has letters that an Authorization header does not take";
        section.fault_with_help(
            ConfigCode::BadSecret,
            token.span.clone(),
            message,
            "use printable ASCII without blanks",
        );
    }
    let concurrency = section.integer("concurrency", 1..=1_000).map_or(16, |found| found.value as usize);
    let (timeout, retry) = attempts(section);
    section.finish();
    Some(Floworx { url: url?, token: token.map(|found| found.value), concurrency, timeout, retry })
}

pub(super) fn billing(section: &Section<'_, '_>, data: &Path) -> Billing {
    let kind = section.choice("kind", &["sqlite", "postgres"]);
    let path = section.string("path");
    let postgres = matches!(kind, Some((1, _)));
    let url = if postgres { section.secret("url") } else { section.optional_secret("url") };
    let allow_plain = section.boolean("dangerously_allow_plain_text").is_some_and(|found| found.value);
    if let (true, Some(path)) = (postgres, &path) {
        section.fault(
            ConfigCode::Relation,
            path.span.clone(),
            "billing.path goes with kind = \"sqlite\", but billing.kind is \"postgres\"",
        );
    }
    if let (false, Some(url)) = (postgres, &url) {
        section.fault(
            ConfigCode::Relation,
            url.span.clone(),
            "billing.url goes with kind = \"postgres\", but billing.kind is \"sqlite\"",
        );
    }
    section.finish();
    match url {
        Some(url) if postgres => {
            let settings = PostgresSettings { allow_plain, ..PostgresSettings::new(url.value.reveal()) };
            if let Err(fault) = settings.check() {
                let (code, help) = match fault {
                    PostgresUrlFault::Plain => (
                        ConfigCode::Unsafe,
                        "add sslmode=require to the URL, or set dangerously_allow_plain_text = true beside it",
                    ),
                    _ => {
                        (ConfigCode::BadAddress, "write postgresql://user:password@host:5432/database?sslmode=require")
                    }
                };
                section.fault_with_help(code, url.span, fault.to_string(), help);
            }
            Billing::Postgres(settings)
        }
        _ => Billing::Sqlite(path.map_or_else(|| data.join("billing.db"), |found| found.value.into())),
    }
}

/// A target's address: https, or http on this machine only, unless that is asked for; and whether it is.
pub(super) fn address(section: &Section<'_, '_>, key: &'static str) -> (Option<String>, bool) {
    let allowed = section.boolean("dangerously_allow_plain_http").is_some_and(|found| found.value);
    (section.required(key).and_then(|found| checked_address(section, key, found, allowed)), allowed)
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressFault {
    /// It does not begin with https:// or http://, or names no host.
    NotHttp,
    /// It carries a user or a password: addresses are printed.
    Credentials,
}

/// Reads the address of an outside system.
pub(crate) fn http_address(text: &str) -> Result<reqwest::Url, AddressFault> {
    let url = reqwest::Url::parse(text).map_err(|_| AddressFault::NotHttp)?;
    if !(matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(AddressFault::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    Ok(url)
}

fn checked_address(
    section: &Section<'_, '_>,
    key: &'static str,
    found: Located<String>,
    allowed: bool,
) -> Option<String> {
    let url = match http_address(&found.value) {
        Ok(url) => url,
        Err(AddressFault::NotHttp) => {
            let message = format!("{}.{key} is not an address that begins with https:// or http://", section.path);
            section.fault(ConfigCode::BadAddress, found.span, message);
            return None;
        }
        Err(AddressFault::Credentials) => {
            section.hide(&found.span);
            let message = format!("{}.{key} carries a user or a password, which logs would show", section.path);
            section.fault_with_help(ConfigCode::Unsafe, found.span, message, "leave them out of the address");
            return None;
        }
    };
    let local = match url.host_str().unwrap_or_default() {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse().is_ok_and(super::http::is_loopback),
    };
    if url.scheme() == "http" && !local && !allowed {
        let message =
            format!("{}.{key} sends events over plain http to {}", section.path, url.host_str().unwrap_or_default());
        section.fault_with_help(
            ConfigCode::Unsafe,
            found.span,
            message,
            "use https, or set dangerously_allow_plain_http = true beside it",
        );
        return None;
    }
    Some(found.value)
}

fn attempts(section: &Section<'_, '_>) -> (Duration, RetryPolicy) {
    let defaults = RetryPolicy::default();
    let short = Duration::from_millis(1)..=Duration::from_secs(3_600);
    let millis = |key, default: u64| {
        section.duration(key, short.clone()).map_or(default, |found| found.value.as_millis() as u64)
    };
    let timeout = section.duration("timeout", short.clone());
    let within = section.duration("give_up_after", Duration::from_millis(1)..=Duration::from_secs(7 * 86_400));
    let timeout_value = timeout.as_ref().map_or(Duration::from_secs(10), |found| found.value);
    let within_value = within.as_ref().map_or(Duration::from_millis(defaults.max_elapsed_ms), |found| found.value);
    if timeout_value > within_value
        && let Some(found) = within.or(timeout)
    {
        let message = format!(
            "{0}.timeout ({1}) must not be more than {0}.give_up_after ({2})",
            section.path,
            duration::display(timeout_value),
            duration::display(within_value)
        );
        section.fault(ConfigCode::Relation, found.span, message);
    }
    let retry = RetryPolicy {
        initial_ms: millis("retry_initial", defaults.initial_ms),
        cap_ms: millis("retry_cap", defaults.cap_ms),
        max_attempts: section.integer("attempts", 1..=1_000).map_or(defaults.max_attempts, |found| found.value as u32),
        max_elapsed_ms: within_value.as_millis() as u64,
        ..defaults
    };
    (timeout_value, retry)
}
