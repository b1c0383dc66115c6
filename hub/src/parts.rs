//! The parts of a hub that one process runs: all of them, or those that were named.

use std::fmt;

use topology::Topology;

use crate::config::{Config, nearest};

/// The part that takes events in over HTTP.
pub const INGEST: &str = "ingest";
/// The sinks, in the order in which they are told of.
const SINKS: [&str; 4] = ["sink.billing", "sink.floworx", "sink.partner", "sink.notification"];

/// A part that cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub enum PartFault {
    /// There is no part of this name.
    Unknown {
        /// The name.
        name: String,
        /// Every name that there is.
        known: Vec<String>,
    },
    /// The sink has no section in the configuration.
    NotConfigured(String),
}

impl fmt::Display for PartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, known } => {
                write!(f, "there is no part {name:?}")?;
                if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
                    write!(f, ", nearest: {near:?}")?;
                }
                write!(f, "; the parts are {}", known.join(", "))
            }
            Self::NotConfigured(name) => {
                let section = name.trim_start_matches("sink.");
                write!(f, "the part {name:?} needs the section [{section}], which the configuration does not have")
            }
        }
    }
}

impl std::error::Error for PartFault {}

/// Which parts run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Nothing named is everything.
    named: Vec<String>,
}

impl Parts {
    /// The parts of these names; none is everything.
    ///
    /// # Errors
    /// The first name that is none, or names a sink that is not configured.
    pub fn new(named: &[String], config: &Config, topology: &Topology) -> Result<Self, PartFault> {
        let names = topology.sub_topologies.iter().map(|part| part.name.as_str());
        let known: Vec<String> = [INGEST].into_iter().chain(names).chain(SINKS).map(str::to_owned).collect();
        for name in named {
            if !known.contains(name) {
                return Err(PartFault::Unknown { name: name.clone(), known });
            }
            let is_missing = match name.as_str() {
                "sink.floworx" => config.floworx.is_none(),
                "sink.notification" => config.notification.is_none(),
                _ => false,
            };
            if is_missing {
                return Err(PartFault::NotConfigured(name.clone()));
            }
        }
        Ok(Self { named: named.to_vec() })
    }

    /// Whether this part runs.
    pub fn has(&self, name: &str) -> bool {
        self.named.is_empty() || self.named.iter().any(|named| named == name)
    }

    /// Whether the sink of this name, without `sink.`, runs.
    pub fn has_sink(&self, name: &str) -> bool {
        self.has(&format!("sink.{name}"))
    }

    /// What of a topology runs.
    pub fn of(&self, topology: &Topology) -> Topology {
        let names: Vec<&str> = topology.sub_topologies.iter().map(|part| part.name.as_str()).collect();
        topology.only(&names.into_iter().filter(|name| self.has(name)).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wiring;

    fn parts(named: &[&str]) -> Result<(Parts, Topology), PartFault> {
        let config = Config::defaults();
        let topology = wiring::topology(&config).expect("the defaults make a topology");
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let parts = Parts::new(&named, &config, &topology)?;
        let kept = parts.of(&topology);
        Ok((parts, kept))
    }

    #[test]
    fn nothing_named_is_everything_and_what_is_named_is_all_there_is() {
        let (all, topology) = parts(&[]).unwrap();
        assert!(all.has(INGEST) && all.has_sink("billing") && topology.part("sla").is_some());
        assert!(topology.sub_topologies.len() > 2);
        let (some, topology) = parts(&["entity.order", "sink.billing"]).unwrap();
        assert!(some.has_sink("billing") && !some.has_sink("partner") && !some.has(INGEST));
        assert_eq!(topology.sub_topologies.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["entity.order"]);
        assert!(parts(&["sink.billing"]).unwrap().1.sub_topologies.is_empty());
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let told = parts(&["entity.ordr"]).err().unwrap().to_string();
        assert!(told.contains("nearest: \"entity.order\"") && told.contains("sink.notification"), "{told}");
        let told = parts(&["sink.floworx"]).err().unwrap().to_string();
        assert!(told.contains("[floworx]"), "{told}");
    }
}
