//! A sub-topology with its names resolved to numbers, shared by its tasks.

use std::sync::Arc;

use crate::{GlobalTableSpec, ProcessorFactory, StoreKind, SubTopology, TopicName};

/// A processor node with what it may use: names for `init`, numbers for the run.
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) factory: ProcessorFactory,
    pub(crate) stores: Vec<(String, usize)>,
    pub(crate) tables: Vec<(String, usize)>,
    pub(crate) sinks: Vec<(String, usize)>,
    pub(crate) children: Vec<(String, usize)>,
}

/// A source and the nodes it feeds.
pub(crate) struct SourcePlan {
    pub(crate) topic: TopicName,
    pub(crate) children: Vec<usize>,
}

/// A store and its changelog topic.
pub(crate) struct StorePlan {
    pub(crate) name: String,
    pub(crate) kind: StoreKind,
    pub(crate) changelog: TopicName,
}

/// All of a sub-topology.
pub(crate) struct PartPlan {
    pub(crate) name: Arc<str>,
    pub(crate) sources: Vec<SourcePlan>,
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) sinks: Vec<TopicName>,
    /// The declared stores, then the timers, then the books.
    pub(crate) stores: Vec<StorePlan>,
}

/// The topic a store is restored from.
pub(crate) fn changelog_topic(application: &str, store: &str) -> TopicName {
    format!("{application}.{store}.changelog").into()
}

/// The stores that the runtime adds to a sub-topology: timers and books.
pub(crate) fn internal_stores(part: &str) -> [String; 2] {
    [format!("{part}.timers"), format!("{part}.ledger")]
}

impl PartPlan {
    /// Resolves a sub-topology that the builder has checked.
    pub(crate) fn new(part: &SubTopology, tables: &[GlobalTableSpec], application: &str) -> Self {
        let children = |parent: &str| {
            let fed = part
                .processors
                .iter()
                .enumerate()
                .filter(move |(_, node)| node.parents.iter().any(|name| name == parent));
            fed.map(|(index, node)| (node.name.clone(), index)).collect::<Vec<_>>()
        };
        let nodes = part.processors.iter().map(|node| NodePlan {
            name: node.name.clone(),
            factory: node.factory.clone(),
            stores: positions(&node.stores, |name| part.stores.iter().position(|store| store.name == name)),
            tables: positions(&node.tables, |name| tables.iter().position(|table| table.name == name)),
            sinks: part
                .sinks
                .iter()
                .enumerate()
                .filter(|(_, sink)| sink.parents.contains(&node.name))
                .map(|(index, sink)| (sink.name.clone(), index))
                .collect(),
            children: children(&node.name),
        });
        let store = |name: &str, kind: StoreKind| StorePlan {
            name: name.into(),
            kind,
            changelog: changelog_topic(application, name),
        };
        let declared = part.stores.iter().map(|spec| store(&spec.name, spec.kind.clone()));
        let internal = internal_stores(&part.name);
        Self {
            name: part.name.as_str().into(),
            sources: part
                .sources
                .iter()
                .map(|source| SourcePlan {
                    topic: source.topic.clone(),
                    children: children(&source.name).into_iter().map(|(_, index)| index).collect(),
                })
                .collect(),
            nodes: nodes.collect(),
            sinks: part.sinks.iter().map(|sink| sink.topic.clone()).collect(),
            stores: declared.chain(internal.iter().map(|name| store(name, StoreKind::OrderedKeyValue))).collect(),
        }
    }

    /// The number of the store that holds the timers.
    pub(crate) fn timers_store(&self) -> usize {
        self.stores.len() - 2
    }

    /// The number of the store that holds the books.
    pub(crate) fn ledger_store(&self) -> usize {
        self.stores.len() - 1
    }
}

fn positions(names: &[String], find: impl Fn(&str) -> Option<usize>) -> Vec<(String, usize)> {
    names.iter().filter_map(|name| find(name).map(|index| (name.clone(), index))).collect()
}
