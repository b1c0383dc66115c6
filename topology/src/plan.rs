//! Checks a plan before anything runs, and names the topics it needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::task::{changelog_topic, internal_stores};
use crate::{StoreKind, SubTopology, TopicName, TopicSpec, Topology, TopologyBuilder, TopologyError};

impl TopologyBuilder {
    /// Checks the plan and returns it.
    ///
    /// # Errors
    /// The first fault found: a name that is taken twice, a parent, store or table that does not
    /// exist, a topic that is read twice, a sub-topology without a source, processors that feed
    /// each other in a circle.
    pub fn build(self) -> Result<Topology, TopologyError> {
        let Self { tables, parts } = self;
        let mut parts_seen = BTreeSet::new();
        let mut stores_seen = BTreeSet::new();
        let mut topics_read = BTreeSet::new();
        let mut sub_topologies = Vec::with_capacity(parts.len());
        let mut tables_seen = BTreeSet::new();
        for table in &tables {
            unique(&mut tables_seen, &table.name)?;
        }
        for mut part in parts {
            unique(&mut parts_seen, &part.name)?;
            check_names(&part)?;
            for store in &part.stores {
                unique(&mut stores_seen, &store.name)?;
            }
            for name in internal_stores(&part.name) {
                unique(&mut stores_seen, &name)?;
            }
            if part.sources.is_empty() {
                return Err(TopologyError::NoSource(part.name));
            }
            for source in &part.sources {
                if !topics_read.insert(source.topic.clone()) {
                    return Err(TopologyError::TopicReadTwice(source.topic.to_string()));
                }
            }
            check_links(&part, &tables_seen)?;
            sort_processors(&mut part)?;
            let used: BTreeSet<&String> = part.processors.iter().flat_map(|node| &node.tables).collect();
            part.tables = tables.iter().filter(|table| used.contains(&table.name)).cloned().collect();
            sub_topologies.push(part);
        }
        Ok(Topology { sub_topologies, tables })
    }
}

fn unique(seen: &mut BTreeSet<String>, name: &str) -> Result<(), TopologyError> {
    if seen.insert(name.to_owned()) { Ok(()) } else { Err(TopologyError::DuplicateName(name.into())) }
}

/// No two nodes of a sub-topology have one name.
fn check_names(part: &SubTopology) -> Result<(), TopologyError> {
    let mut seen = BTreeSet::new();
    let sources = part.sources.iter().map(|node| &node.name);
    let processors = part.processors.iter().map(|node| &node.name);
    let sinks = part.sinks.iter().map(|node| &node.name);
    sources.chain(processors).chain(sinks).try_for_each(|name| unique(&mut seen, name))
}

/// Parents, stores and tables exist.
fn check_links(part: &SubTopology, tables: &BTreeSet<String>) -> Result<(), TopologyError> {
    let is_processor = |name: &String| part.processors.iter().any(|node| node.name == *name);
    let is_source = |name: &String| part.sources.iter().any(|node| node.name == *name);
    let unknown =
        |node: &str, parent: &String| TopologyError::UnknownParent { node: node.into(), parent: parent.clone() };
    for node in &part.processors {
        if node.parents.is_empty() {
            return Err(unknown(&node.name, &String::new()));
        }
        if let Some(parent) = node.parents.iter().find(|name| !is_source(name) && !is_processor(name)) {
            return Err(unknown(&node.name, parent));
        }
        let missing = |kind, name: &String| TopologyError::NotConnected {
            processor: node.name.clone(),
            kind,
            name: name.clone(),
        };
        if let Some(store) = node.stores.iter().find(|name| !part.stores.iter().any(|store| store.name == **name)) {
            return Err(missing("store", store));
        }
        if let Some(table) = node.tables.iter().find(|name| !tables.contains(*name)) {
            return Err(missing("table", table));
        }
    }
    for sink in &part.sinks {
        if let Some(parent) = sink.parents.iter().find(|name| !is_processor(name)) {
            return Err(unknown(&sink.name, parent));
        }
    }
    Ok(())
}

/// Parents before children; among equals, the order of declaration.
fn sort_processors(part: &mut SubTopology) -> Result<(), TopologyError> {
    let mut placed: BTreeSet<String> = part.sources.iter().map(|source| source.name.clone()).collect();
    let mut waiting = std::mem::take(&mut part.processors);
    while !waiting.is_empty() {
        let Some(index) = waiting.iter().position(|node| node.parents.iter().all(|parent| placed.contains(parent)))
        else {
            return Err(TopologyError::Circle(waiting.swap_remove(0).name));
        };
        let node = waiting.remove(index);
        placed.insert(node.name.clone());
        part.processors.push(node);
    }
    Ok(())
}

impl Topology {
    /// The sub-topology of this name.
    pub fn part(&self, name: &str) -> Option<&SubTopology> {
        self.sub_topologies.iter().find(|part| part.name == name)
    }

    /// The same plan with only the named sub-topologies and the tables that they use: what
    /// `hub run --only` runs. Names that do not exist are left out.
    pub fn only(&self, names: &[&str]) -> Self {
        let sub_topologies: Vec<_> =
            self.sub_topologies.iter().filter(|part| names.contains(&part.name.as_str())).cloned().collect();
        let tables = self
            .tables
            .iter()
            .filter(|table| sub_topologies.iter().any(|part| part.tables.contains(table)))
            .cloned()
            .collect();
        Self { sub_topologies, tables }
    }

    /// The internal topics of `application`: changelogs of stores, timers and books, compacted; those of
    /// window stores also by time.
    /// `partitions` says how many partitions a source topic has.
    pub fn required_topics(&self, application: &str, partitions: impl Fn(&str) -> u32) -> Vec<TopicSpec> {
        self.sub_topologies
            .iter()
            .flat_map(|part| {
                let count = part.sources.first().map_or(1, |source| partitions(&source.topic));
                let declared = part.stores.iter().map(|store| (store.name.clone(), store.kind.clone()));
                let internal = internal_stores(&part.name).map(|name| (name, StoreKind::OrderedKeyValue));
                declared
                    .chain(internal)
                    .map(move |(store, kind)| kind.changelog(changelog_topic(application, &store), count))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Whether the sources of each sub-topology have equal partition counts, as tasks need.
    pub(crate) fn check_partitions(&self, counts: &BTreeMap<TopicName, u32>) -> Result<(), TopologyError> {
        for part in &self.sub_topologies {
            let mut known = part.sources.iter().filter_map(|source| Some((&source.topic, *counts.get(&source.topic)?)));
            let Some((first, first_partitions)) = known.next() else { continue };
            if let Some((second, second_partitions)) = known.find(|(_, count)| *count != first_partitions) {
                return Err(TopologyError::NotCoPartitioned {
                    sub_topology: part.name.clone(),
                    first: first.to_string(),
                    first_partitions,
                    second: second.to_string(),
                    second_partitions,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Cleanup, Context, Fault, Outcome, Processor, Record, StoreSpec, SubTopologyBuilder, Verdict};

    pub(crate) struct Nothing;

    impl Processor for Nothing {
        fn process(&mut self, _: &Record, _: &mut Context<'_>) -> Result<Verdict, Fault> {
            Ok(Outcome::Applied.into())
        }
    }

    /// `a` -> first -> second -> `out.a`, declared children first.
    pub(crate) fn plan() -> TopologyBuilder {
        let mut builder = TopologyBuilder::new();
        builder.global_table("partners", "hub.partner");
        builder
            .sub_topology("part")
            .source("in", "a")
            .processor("second", &["first"], &[], &[], || Box::new(Nothing))
            .processor("first", &["in"], &["s"], &[], || Box::new(Nothing))
            .store(StoreSpec::key_value("s"))
            .sink("out", "out.a", &["second"]);
        builder
    }

    /// What is wrong with the plan once `change` has worked on a second part, which reads `b`.
    fn refused(change: impl for<'a> FnOnce(SubTopologyBuilder<'a>) -> SubTopologyBuilder<'a>) -> TopologyError {
        let mut builder = plan();
        change(builder.sub_topology("x").source("in", "b"));
        builder.build().err().expect("it must be refused")
    }

    #[test]
    fn parents_come_before_children() {
        let topology = plan().build().unwrap();
        let names: Vec<_> = topology.sub_topologies[0].processors.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["first", "second"]);
    }

    #[test]
    fn every_fault_of_a_plan_is_named() {
        let nothing = || -> Box<dyn Processor> { Box::new(Nothing) };
        let duplicate = |name: &str| TopologyError::DuplicateName(name.into());
        let unknown =
            |node: &str, parent: &str| TopologyError::UnknownParent { node: node.into(), parent: parent.into() };
        let missing = |kind, name: &str| TopologyError::NotConnected { processor: "p".into(), kind, name: name.into() };
        let cases = [
            (refused(|x| x.sink("in", "t", &[])), duplicate("in")),
            (refused(|x| x.store(StoreSpec::ordered("s"))), duplicate("s")),
            (refused(|x| x.store(StoreSpec::ordered("x.timers"))), duplicate("x.timers")),
            (refused(|x| x.source("again", "a")), TopologyError::TopicReadTwice("a".into())),
            (refused(|x| x.processor("p", &["no"], &[], &[], nothing)), unknown("p", "no")),
            (refused(|x| x.processor("p", &[], &[], &[], nothing)), unknown("p", "")),
            (refused(|x| x.sink("k", "t", &["in"])), unknown("k", "in")),
            (refused(|x| x.processor("p", &["in"], &["s"], &[], nothing)), missing("store", "s")),
            (refused(|x| x.processor("p", &["in"], &[], &["t"], nothing)), missing("table", "t")),
            (refused(|x| x.processor("p", &["p"], &[], &[], nothing)), TopologyError::Circle("p".into())),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
        let mut builder = plan();
        builder.sub_topology("part").source("in", "b");
        assert_eq!(builder.build().err(), Some(duplicate("part")));
        let mut builder = plan();
        builder.global_table("partners", "t").sub_topology("x");
        assert_eq!(builder.build().err(), Some(duplicate("partners")));
        let mut builder = plan();
        builder.sub_topology("x");
        assert_eq!(builder.build().err(), Some(TopologyError::NoSource("x".into())));
    }

    #[test]
    fn internal_topics_are_compacted_and_as_wide_as_their_sources() {
        let topics = plan().build().unwrap().required_topics("hub", |topic| if topic == "a" { 6 } else { 1 });
        let names: Vec<_> = topics.iter().map(|topic| topic.name.as_ref()).collect();
        assert_eq!(names, ["hub.s.changelog", "hub.part.timers.changelog", "hub.part.ledger.changelog"]);
        assert!(topics.iter().all(|topic| topic.partitions == 6 && topic.cleanup == Cleanup::Compact));
    }

    #[test]
    fn the_changelog_of_a_window_store_outlives_its_windows_by_the_longest_stop() {
        let hours = Duration::from_hours;
        for (store, kept) in [
            // A week beyond the two hours and a segment of one.
            (StoreSpec::window("w", hours(2)), hours(7 * 24 + 3)),
            (StoreSpec::window("w", hours(2)).standstill(hours(1_000)), hours(1_003)),
            (StoreSpec::segmented("w", hours(2), hours(5)).standstill(hours(1)), hours(8)),
        ] {
            let mut builder = plan();
            builder.extend("part").unwrap().store(store);
            let topics = builder.build().unwrap().required_topics("hub", |_| 1);
            let windows = topics.iter().find(|topic| topic.name.as_ref() == "hub.w.changelog").unwrap();
            assert_eq!((windows.cleanup, windows.retention), (Cleanup::CompactDelete, Some(kept)));
        }
    }

    #[test]
    fn a_part_of_the_plan_keeps_only_its_tables() {
        let mut builder = plan();
        builder.sub_topology("x").source("in", "b").processor("p", &["in"], &[], &["partners"], || Box::new(Nothing));
        let topology = builder.build().unwrap();
        assert!(topology.only(&["part"]).tables.is_empty());
        let only = topology.only(&["x", "no such"]);
        assert_eq!((only.sub_topologies.len(), only.tables.len()), (1, 1));
        assert!(only.part("part").is_none());
    }
}
