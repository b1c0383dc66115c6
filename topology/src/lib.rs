//! The stream-processing runtime of the hub: sources, processors, stores and sinks on any log.
//!
//! A [`Topology`] is the plan. A [`Worker`] runs it: it polls a [`Log`], feeds its tasks (one per
//! sub-topology and partition), and commits outputs, changelogs, books and positions in one
//! transaction. It is a library of pure steps: it starts no thread, opens no socket and reads no
//! clock, and it knows nothing of orders or tickets.
//!
//! What is promised, and tested under every fault that [`sim`] can make:
//! - a record's effects are committed once, all of them, together with its position;
//! - every record taken in ends in one [`Outcome`] or is counted where it waits ([`Ledger`]);
//! - state, timers and books come back from changelogs after any crash.
//!
//! ```
//! use schemas::Timestamp;
//! use topology::{Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, StoreSpec, TestDriver,
//!     TopologyBuilder, TopologyError, TypedStore, Verdict};
//!
//! /// Counts words.
//! #[derive(Default)]
//! struct Count { counts: TypedStore<u64>, out: SinkHandle }
//!
//! impl Processor for Count {
//!     fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
//!         self.counts = TypedStore::new(init.store("counts")?);
//!         self.out = init.sink("out")?;
//!         Ok(())
//!     }
//!     fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
//!         let word = record.key.clone().unwrap_or_default();
//!         let count = self.counts.get(context, &word)?.unwrap_or(0) + 1;
//!         self.counts.put(context, &word, &count)?;
//!         context.send(self.out, Some(word), Some(count.to_string().into()));
//!         Ok(Outcome::Applied.into())
//!     }
//! }
//!
//! let mut builder = TopologyBuilder::new();
//! builder.sub_topology("count")
//!     .source("in", "words")
//!     .store(StoreSpec::key_value("counts"))
//!     .processor("counter", &["in"], &["counts"], &[], || Box::<Count>::default())
//!     .sink("out", "counts", &["counter"]);
//!
//! let mut driver = TestDriver::new(builder.build()?, Timestamp(0));
//! driver.pipe("words", "hello", "", Timestamp(0));
//! driver.restart();
//! driver.pipe("words", "hello", "", Timestamp(1));
//! let counts = driver.read("counts");
//! assert_eq!(counts[1].value.as_deref(), Some(&b"2"[..]));
//! assert_eq!(driver.outcomes().ended("words", Outcome::Applied), 2);
//! assert_eq!(driver.imbalance(), 0);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! In reading order: the words ([`Record`], [`Outcome`], [`Fault`]), the plan ([`TopologyBuilder`]),
//! what users write ([`Processor`], [`Context`], [`TypedStore`]), the run ([`Worker`], [`TaskState`]),
//! the port below ([`Log`]), and the means to test ([`TestDriver`], [`sim`]).

mod outcome;
mod partitioner;
mod record;

mod describe;
mod plan;
mod topology;

mod context;
mod processor;
mod store;

mod task;
mod worker;

mod budget;
mod checkpoint;
mod log;
mod standby;
mod topics;

mod driver;
pub mod sim;

pub use budget::MemoryBudget;
pub use checkpoint::*;
pub use context::*;
pub use driver::*;
pub use log::*;
pub use outcome::*;
pub use partitioner::*;
pub use processor::*;
pub use record::*;
pub use standby::{Standby, StandbyError, StandbyStep};
pub use store::{Counts, Ledger, TypedStore, decode_value, encode_value};
pub use task::{LetterSettings, PayloadGuard, TaskId, TaskState};
pub use topics::*;
pub use topology::*;
pub use worker::*;
