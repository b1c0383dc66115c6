//! Variables of the environment that look as if they were meant for the hub, and that nothing of it reads.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::{Cli, logging};
use crate::config::{Config, nearest};

/// What the hub's variables begin with.
const PREFIX: &str = "HUB_";

/// Warns of each by its name; its value is nobody's business.
pub(super) fn warn_of_unknown(config: &Config) {
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for warning in unknown(set, &config.variables) {
        eprintln!("warning: {warning}");
    }
}

/// A sentence for each variable that neither the hub nor its configuration knows.
fn unknown(set: impl Iterator<Item = String>, of_configuration: &BTreeSet<String>) -> Vec<String> {
    let command = Cli::command();
    let mut known: BTreeSet<String> = of_configuration.clone();
    known.insert(logging::FILTER.to_owned());
    let mut commands = vec![&command];
    while let Some(command) = commands.pop() {
        known.extend(command.get_arguments().filter_map(|one| Some(one.get_env()?.to_str()?.to_owned())));
        commands.extend(command.get_subcommands());
    }
    let strange: BTreeSet<String> =
        set.filter(|name| name.starts_with(PREFIX) && !known.contains(name) && !is_of_kubernetes(name)).collect();
    let sentence = |name: &String| {
        let near = nearest(name, known.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!(", nearest: {near:?}"));
        format!("{name} is set, and neither the hub nor its configuration reads it{near}")
    };
    strange.iter().map(sentence).collect()
}

/// Whether Kubernetes sets a variable of this name in every container beside a service that is called `hub`, or `hub-`
/// and something: `HUB_SERVICE_HOST`, `HUB_SERVICE_PORT_HTTP`, `HUB_PORT`, `HUB_PORT_8080_TCP_ADDR`.
fn is_of_kubernetes(name: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    let Some((_, port)) = name.rsplit_once("_PORT_").filter(|(_, port)| port.starts_with(|c: char| c.is_ascii_digit()))
    else {
        return name.ends_with("_PORT");
    };
    let mut words = port.split('_');
    let is_number = words.next().is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let is_protocol = words.next().is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol));
    is_number && is_protocol && words.next().is_none_or(|what| ["PROTO", "PORT", "ADDR"].contains(&what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(set: &[&str], of_configuration: &[&str]) -> Vec<String> {
        let of_configuration = of_configuration.iter().map(|name| (*name).to_owned()).collect();
        unknown(set.iter().map(|name| (*name).to_owned()), &of_configuration)
    }

    #[test]
    fn what_nothing_reads_is_named_once_with_what_may_be_meant() {
        let found = told(&["HUB_LGO", "HUB_LGO", "PATH", "HUB_COLOUR", "HUB_SOMETHING_ELSE"], &[]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("HUB_COLOUR is set") && found[0].ends_with("nearest: \"HUB_COLOR\""), "{found:?}");
        assert!(found[1].starts_with("HUB_LGO is set") && found[1].ends_with("nearest: \"HUB_LOG\""), "{found:?}");
        assert!(found[2].starts_with("HUB_SOMETHING_ELSE") && !found[2].contains("nearest"), "{found:?}");
    }

    #[test]
    fn what_is_read_is_not_named() {
        let read = ["HUB_LOG", "HUB_CONFIG", "HUB_COLOR", "HUB_URL", "HUB_TOKEN"];
        assert_eq!(told(&read, &[]), [""; 0]);
        assert_eq!(told(&["HUB_PUBLISHER_TOKEN"], &["HUB_PUBLISHER_TOKEN"]), [""; 0]);
        let near = told(&["HUB_PUBLISHER_TOKN"], &["HUB_PUBLISHER_TOKEN"]);
        assert!(near[0].ends_with("nearest: \"HUB_PUBLISHER_TOKEN\""), "{near:?}");
    }

    #[test]
    fn what_kubernetes_sets_for_services_is_not_named() {
        let services = [
            "HUB_SERVICE_HOST",
            "HUB_SERVICE_PORT",
            "HUB_SERVICE_PORT_HTTP",
            "HUB_PORT",
            "HUB_PORT_8080_TCP",
            "HUB_PORT_8080_TCP_ADDR",
            "HUB_PEERS_PORT_8080_TCP_PROTO",
        ];
        assert_eq!(told(&services, &[]), [""; 0]);
        assert_eq!(told(&["HUB_PORT_NUMBER", "HUB_PORT_80_TCP_X"], &[]).len(), 2);
    }
}
