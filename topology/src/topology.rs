//! The plan of a stream-processing program: sources, processors, stores, tables and sinks.

use std::sync::Arc;
use std::time::Duration;

use schemas::Timestamp;
use thiserror::Error;

use crate::{Processor, ProcessorFactory, TopicName, TopicSpec};

/// Why a topology cannot be built, or a processor cannot be connected.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two nodes have one name.
    #[error("the name {0:?} is taken by another node")]
    DuplicateName(String),
    /// A node names a parent that does not exist.
    #[error("node {node:?} names the parent {parent:?}, which does not exist")]
    UnknownParent {
        /// The node.
        node: String,
        /// The parent it names.
        parent: String,
    },
    /// A processor asks for something that is not connected to it.
    #[error("processor {processor:?} asks for the {kind} {name:?}, which is not connected to it")]
    NotConnected {
        /// The processor.
        processor: String,
        /// `store`, `table`, `sink` or `child`.
        kind: &'static str,
        /// What it asks for.
        name: String,
    },
    /// A source topic is read by two sub-topologies.
    #[error("topic {0:?} is read by more than one source")]
    TopicReadTwice(String),
    /// Sources of one sub-topology have different partition counts.
    #[error(
        "sub-topology {sub_topology:?} reads {first:?} with {first_partitions} partitions and {second:?} with {second_partitions}: they must be equal"
    )]
    NotCoPartitioned {
        /// The sub-topology.
        sub_topology: String,
        /// A source topic.
        first: String,
        /// Its partition count.
        first_partitions: u32,
        /// Another source topic.
        second: String,
        /// Its partition count.
        second_partitions: u32,
    },
    /// A sub-topology reads nothing.
    #[error("sub-topology {0:?} has no source")]
    NoSource(String),
    /// Processors feed each other in a circle.
    #[error("processor {0:?} is fed by itself, directly or through others")]
    Circle(String),
    /// A store's state could not be read.
    #[error("store {store:?}: {detail}")]
    Store {
        /// The store.
        store: String,
        /// What is wrong.
        detail: String,
    },
}

/// What kind of store, and how its records leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// One value per key, found by key only.
    KeyValue,
    /// One value per key, also found by ranges of keys.
    OrderedKeyValue,
    /// One value per key and window start, dropped when stream time passes the retention.
    Window {
        /// How long after its start a window is kept at least.
        retention: Duration,
        /// The span of starts that expires as one, so that a window is kept so much longer at most.
        segment: Duration,
        /// How long a task may stand still, on the wall clock, without its changelog losing windows.
        standstill: Duration,
    },
}

/// The shortest segment that is chosen where none is given.
const SEGMENT_MIN: Duration = Duration::from_secs(60);
/// How long a task may stand still where nothing else is said: as long as a topic of Kafka keeps its records where
/// nothing else is said. Who stops for longer misses records of the sources as well.
const STANDSTILL: Duration = Duration::from_hours(7 * 24);

/// A duration in whole milliseconds, at least one.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

impl StoreKind {
    /// The start of the first window that is kept at this stream time: one that starts before is neither
    /// read nor written. `None` where nothing expires.
    pub(crate) fn horizon(&self, stream_time: Timestamp) -> Option<Timestamp> {
        let Self::Window { retention, segment, .. } = self else { return None };
        let length = millis(*segment);
        let oldest = stream_time.0.saturating_sub(millis(*retention)).div_euclid(length);
        Some(Timestamp(oldest.saturating_mul(length)))
    }

    /// The span of starts of one segment.
    pub(crate) fn segment_millis(&self) -> i64 {
        match self {
            Self::Window { segment, .. } => millis(*segment),
            Self::KeyValue | Self::OrderedKeyValue => i64::MAX,
        }
    }

    /// The changelog topic that a store of this kind needs.
    pub(crate) fn changelog(&self, name: TopicName, partitions: u32) -> TopicSpec {
        match self {
            Self::KeyValue | Self::OrderedKeyValue => TopicSpec::compact(name, partitions),
            Self::Window { retention, segment, standstill } => {
                TopicSpec::compact_delete(name, partitions, *retention + *segment + *standstill)
            }
        }
    }
}

/// A store of a sub-topology; each task has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpec {
    /// The store's name, unique in the topology. Its changelog is `<application>.<name>.changelog`.
    pub name: String,
    /// What kind.
    pub kind: StoreKind,
}

impl StoreSpec {
    /// A key-value store.
    pub fn key_value(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: StoreKind::KeyValue }
    }

    /// A key-value store with ranges.
    pub fn ordered(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: StoreKind::OrderedKeyValue }
    }

    /// A window store, in segments of half the retention and at least a minute.
    ///
    /// Windows expire by stream time, which stands still while the task gets no records. A log knows nothing of
    /// that: it deletes what is old on the wall clock from the changelog. So the changelog is kept for longer, by
    /// default by a week: what a task that was stopped, or had no records, for longer than that is restored from
    /// may lack windows that are not over by stream time. Where sources keep their records for longer, and the task
    /// is to go on after such a stop, say so with [`StoreSpec::standstill`].
    pub fn window(name: impl Into<String>, retention: Duration) -> Self {
        Self::segmented(name, retention, SEGMENT_MIN.max(retention / 2))
    }

    /// A window store in segments of another length: short ones keep little beyond the retention, long
    /// ones are fewer. Its changelog is kept as that of [`StoreSpec::window`].
    pub fn segmented(name: impl Into<String>, retention: Duration, segment: Duration) -> Self {
        Self { name: name.into(), kind: StoreKind::Window { retention, segment, standstill: STANDSTILL } }
    }

    /// As it is, with a changelog that loses no windows while the task stands still for `longest`: best as long as
    /// its sources keep their records. It costs the disk that the windows of that time take. The changelogs of
    /// stores without windows lose nothing anyway.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use topology::{StoreKind, StoreSpec};
    /// let days = |count: u64| Duration::from_hours(24 * count);
    /// let windows = StoreSpec::window("sums", days(1)).standstill(days(30));
    /// assert!(matches!(windows.kind, StoreKind::Window { standstill, .. } if standstill == days(30)));
    /// ```
    #[must_use]
    pub fn standstill(mut self, longest: Duration) -> Self {
        if let StoreKind::Window { standstill, .. } = &mut self.kind {
            *standstill = longest;
        }
        self
    }
}

/// A table of which every worker has a whole copy, read from a compacted topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalTableSpec {
    /// The table's name.
    pub name: String,
    /// The compacted topic it is read from.
    pub topic: TopicName,
}

/// A source node: a topic whose records enter a sub-topology.
#[derive(Clone, Debug)]
pub struct SourceNode {
    /// The node's name.
    pub name: String,
    /// The topic.
    pub topic: TopicName,
}

/// A processor node.
#[derive(Clone)]
pub struct ProcessorNode {
    /// The node's name.
    pub name: String,
    /// Sources or processors whose records it takes.
    pub parents: Vec<String>,
    /// Makes the processor of a task.
    pub factory: ProcessorFactory,
    /// Stores it may use.
    pub stores: Vec<String>,
    /// Global tables it may read.
    pub tables: Vec<String>,
}

/// A sink node: records that leave to a topic.
#[derive(Clone, Debug)]
pub struct SinkNode {
    /// The node's name.
    pub name: String,
    /// The topic.
    pub topic: TopicName,
    /// Processors that may send to it.
    pub parents: Vec<String>,
}

/// Sources, processors, stores and sinks that are connected, and so share tasks.
#[derive(Clone)]
pub struct SubTopology {
    /// The name given by the builder, such as `entity.order`.
    pub name: String,
    /// Its sources.
    pub sources: Vec<SourceNode>,
    /// Its processors, parents before children.
    pub processors: Vec<ProcessorNode>,
    /// Its sinks.
    pub sinks: Vec<SinkNode>,
    /// Its stores.
    pub stores: Vec<StoreSpec>,
    /// Global tables its processors read.
    pub tables: Vec<GlobalTableSpec>,
}

/// The plan: immutable, made by [`TopologyBuilder`], printed by [`Topology::describe`].
#[derive(Clone)]
pub struct Topology {
    /// Its parts, each one task per partition.
    pub sub_topologies: Vec<SubTopology>,
    /// The global tables, of which each worker has one whole copy.
    pub tables: Vec<GlobalTableSpec>,
}

/// Builds a [`Topology`] sub-topology by sub-topology.
///
/// ```
/// use topology::{Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreHandle, StoreSpec,
///     TopologyBuilder, TopologyError, Verdict};
///
/// /// Counts records per key and sends the count on.
/// #[derive(Default)]
/// struct Count { counts: StoreHandle, out: SinkHandle }
///
/// impl Processor for Count {
///     fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
///         self.counts = init.store("counts")?;
///         self.out = init.sink("out")?;
///         Ok(())
///     }
///     fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
///         let key = record.key.clone().unwrap_or_default();
///         let count = context.get(self.counts, &key).map_or(0, |value| u64::from_be_bytes(value.as_ref().try_into().unwrap_or_default())) + 1;
///         context.put(self.counts, &key, count.to_be_bytes().to_vec().into());
///         context.send(self.out, Some(key), Some(count.to_string().into_bytes().into()));
///         Ok(Outcome::Applied.into())
///     }
/// }
///
/// let mut builder = TopologyBuilder::new();
/// builder.sub_topology("count")
///     .source("in", "words")
///     .store(StoreSpec::key_value("counts"))
///     .processor("counter", &["in"], &["counts"], &[], || Box::<Count>::default())
///     .sink("out", "counts", &["counter"]);
/// let topology = builder.build().unwrap();
/// assert_eq!(topology.sub_topologies[0].name, "count");
/// ```
#[derive(Default)]
pub struct TopologyBuilder {
    pub(crate) tables: Vec<GlobalTableSpec>,
    pub(crate) parts: Vec<SubTopology>,
}

impl TopologyBuilder {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a global table, to be named by processors of any sub-topology.
    pub fn global_table(&mut self, name: &str, topic: impl Into<TopicName>) -> &mut Self {
        self.tables.push(GlobalTableSpec { name: name.into(), topic: topic.into() });
        self
    }

    /// Begins a sub-topology.
    pub fn sub_topology(&mut self, name: &str) -> SubTopologyBuilder<'_> {
        self.parts.push(SubTopology {
            name: name.into(),
            sources: Vec::new(),
            processors: Vec::new(),
            sinks: Vec::new(),
            stores: Vec::new(),
            tables: Vec::new(),
        });
        let part = self.parts.len() - 1;
        SubTopologyBuilder { builder: self, part }
    }

    /// Goes on with a sub-topology that was begun before: one topic has one reader, so whoever also wants its
    /// records adds a processor below the same source. `None` where there is no such sub-topology.
    pub fn extend(&mut self, name: &str) -> Option<SubTopologyBuilder<'_>> {
        let part = self.parts.iter().position(|part| part.name == name)?;
        Some(SubTopologyBuilder { builder: self, part })
    }
}

/// Adds nodes to one sub-topology.
pub struct SubTopologyBuilder<'a> {
    builder: &'a mut TopologyBuilder,
    part: usize,
}

impl SubTopologyBuilder<'_> {
    fn part(&mut self) -> &mut SubTopology {
        &mut self.builder.parts[self.part]
    }

    /// A source node.
    pub fn source(mut self, name: &str, topic: impl Into<TopicName>) -> Self {
        self.part().sources.push(SourceNode { name: name.into(), topic: topic.into() });
        self
    }

    /// A store.
    pub fn store(mut self, spec: StoreSpec) -> Self {
        self.part().stores.push(spec);
        self
    }

    /// A processor node below `parents`, using these stores and global tables.
    pub fn processor<F>(mut self, name: &str, parents: &[&str], stores: &[&str], tables: &[&str], factory: F) -> Self
    where
        F: Fn() -> Box<dyn Processor> + Send + Sync + 'static,
    {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.part().processors.push(ProcessorNode {
            name: name.into(),
            parents: owned(parents),
            factory: Arc::new(factory),
            stores: owned(stores),
            tables: owned(tables),
        });
        self
    }

    /// A sink node that these processors may send to.
    pub fn sink(mut self, name: &str, topic: impl Into<TopicName>, parents: &[&str]) -> Self {
        let parents = parents.iter().map(|name| (*name).to_owned()).collect();
        self.part().sinks.push(SinkNode { name: name.into(), topic: topic.into(), parents });
        self
    }
}
