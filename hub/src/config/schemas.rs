//! `[schemas]`: the registry that keeps the schemas of what is on topics.

use std::time::Duration;

use connectors::registry::{Credential, RegistrySettings};

use super::ConfigCode;
use super::reader::Section;
use super::targets::address;

/// A schema registry with the Confluent API.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Where it is, and who the hub is to it.
    pub registry: RegistrySettings,
    /// Whether schemas that are missing are registered at the start; otherwise the hub says which, and ends.
    pub register: bool,
    /// How long the start waits for a registry that does not answer.
    pub start_timeout: Duration,
}

/// The section, if it is there; it goes with a log on Kafka only.
pub(super) fn read(section: &Section<'_, '_>, is_kafka: bool) -> Option<Schemas> {
    if !section.is_present() {
        return None;
    }
    if !is_kafka {
        section.fault_with_help(
            ConfigCode::Relation,
            section.span.clone(),
            "[schemas] goes with log.kind = \"kafka\": the embedded log keeps the ids of schemas beside it",
            "set kind = \"kafka\" in [log], or remove the section",
        );
    }
    let (url, _) = address(section, "registry");
    let user = section.string("user");
    let password = section.optional_secret("password");
    let token = section.optional_secret("token");
    if user.is_some() != password.is_some() {
        let message = format!("[{}] has one of user and password, which go together", section.path);
        section.fault(ConfigCode::Relation, section.span.clone(), message);
    }
    if let (Some(user), Some(_)) = (&user, &token) {
        let message = format!("[{}] has a user and a token: the registry is told one of them", section.path);
        section.fault(ConfigCode::Relation, user.span.clone(), message);
    }
    let register = section.boolean("register").is_none_or(|found| found.value);
    let seconds = |low: u64, high: u64| Duration::from_secs(low)..=Duration::from_secs(high);
    let timeout = section.duration("timeout", seconds(1, 300)).map_or(Duration::from_secs(5), |found| found.value);
    let start_timeout =
        section.duration("start_timeout", seconds(1, 3_600)).map_or(Duration::from_secs(60), |found| found.value);
    section.finish();
    let credential = match (user, password, token) {
        (Some(user), Some(password), _) => {
            Some(Credential::Basic { user: user.value, password: password.value.reveal().to_owned() })
        }
        (_, _, Some(token)) => Some(Credential::Token(token.value.reveal().to_owned())),
        _ => None,
    };
    Some(Schemas { registry: RegistrySettings { url: url?, credential, timeout }, register, start_timeout })
}
