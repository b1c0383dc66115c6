//! `[standby]`: whose tasks are followed by processes that do not have them.

use topology::Topology;

use super::ConfigCode;
use super::reader::{Located, Section};

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standbys {
    /// The parts; none for no standby.
    pub parts: Vec<String>,
    /// How many processes follow each of their tasks.
    pub copies: usize,
}

/// What was read, before the parts are known.
pub(super) struct Read {
    names: Vec<Located<String>>,
    copies: usize,
}

pub(super) fn read(section: &Section<'_, '_>, is_kafka: bool) -> Read {
    let names = section.strings("parts").unwrap_or_default();
    let copies = section.integer("copies", 1..=16).map_or(1, |found| found.value as usize);
    section.finish();
    if !is_kafka && let Some(first) = names.first() {
        let message = "standby.parts needs log.kind = \"kafka\": the embedded log has one process";
        section.fault_with_help(ConfigCode::Relation, first.span.clone(), message, "remove [standby]");
    }
    Read { names, copies }
}

impl Read {
    /// The parts by the names given, which may be of their stores.
    pub(super) fn resolve(self, topology: &Topology, fault: impl Fn(&Located<String>, String)) -> Standbys {
        let mut parts: Vec<String> = Vec::new();
        for name in &self.names {
            let has = |part: &&topology::SubTopology| {
                part.name == name.value || part.stores.iter().any(|store| store.name == name.value)
            };
            match topology.sub_topologies.iter().find(has) {
                Some(part) if part.stores.is_empty() => {
                    fault(name, format!("standby.parts: {} keeps no store", part.name));
                }
                Some(part) if !parts.contains(&part.name) => parts.push(part.name.clone()),
                Some(_) => {}
                None => {
                    let known: Vec<&str> = topology
                        .sub_topologies
                        .iter()
                        .filter(|part| !part.stores.is_empty())
                        .map(|part| part.name.as_str())
                        .collect();
                    let message =
                        format!("standby.parts: {:?} is no part or store; parts are {}", name.value, known.join(", "));
                    fault(name, message);
                }
            }
        }
        Standbys { parts, copies: self.copies }
    }
}
