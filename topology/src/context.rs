//! What a processor may ask of its task while it works.

use bytes::Bytes;
use schemas::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{
    GlobalTable, parse_timer, prefix_end, timer_key, timers_after, timers_of, window_key, window_range,
};
use crate::task::{NodePlan, TaskCore, dead_letter};
use crate::{Clock, Fate, Fault, Offset, Outcome, OutgoingRecord, Record, TaskId, TopicName, TopologyError, Waiting};

/// A store of the processor's task, resolved in [`Processor::init`](crate::Processor::init).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreHandle(pub(crate) usize);

/// A global table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableHandle(pub(crate) usize);

/// A sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkHandle(pub(crate) usize);

/// A child processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildHandle(pub(crate) usize);

/// Where a record was taken in from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: Offset,
}

/// Resolves names to handles, once per task, so that no record pays for a look-up by name.
pub struct InitContext<'a> {
    pub(crate) task: &'a TaskId,
    pub(crate) node: &'a NodePlan,
}

impl InitContext<'_> {
    fn find(&self, kind: &'static str, names: &[(String, usize)], name: &str) -> Result<usize, TopologyError> {
        let found = names.iter().find(|(known, _)| known == name);
        found.map(|(_, index)| *index).ok_or_else(|| TopologyError::NotConnected {
            processor: self.node.name.clone(),
            kind,
            name: name.into(),
        })
    }

    /// The store of this name.
    ///
    /// # Errors
    /// When it is not connected to this processor.
    pub fn store(&mut self, name: &str) -> Result<StoreHandle, TopologyError> {
        self.find("store", &self.node.stores, name).map(StoreHandle)
    }

    /// The global table of this name.
    ///
    /// # Errors
    /// When it is not connected to this processor.
    pub fn table(&mut self, name: &str) -> Result<TableHandle, TopologyError> {
        self.find("table", &self.node.tables, name).map(TableHandle)
    }

    /// The sink of this name.
    ///
    /// # Errors
    /// When it is not connected to this processor.
    pub fn sink(&mut self, name: &str) -> Result<SinkHandle, TopologyError> {
        self.find("sink", &self.node.sinks, name).map(SinkHandle)
    }

    /// The child processor of this name.
    ///
    /// # Errors
    /// When it is not connected to this processor.
    pub fn child(&mut self, name: &str) -> Result<ChildHandle, TopologyError> {
        self.find("child", &self.node.children, name).map(ChildHandle)
    }

    /// The task that the processor belongs to.
    pub fn task(&self) -> TaskId {
        self.task.clone()
    }
}

/// A processor's view of its task during one call.
///
/// What the call does is committed with the record's position or not at all; when the call fails,
/// all of it is undone.
pub struct Context<'a> {
    pub(crate) core: &'a mut TaskCore,
    pub(crate) tables: &'a [GlobalTable],
    pub(crate) node: usize,
    pub(crate) topic: &'a TopicName,
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
    pub(crate) timestamp: Timestamp,
    pub(crate) now: Timestamp,
}

impl Context<'_> {
    /// The wall clock, as handed to the worker for this step.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The highest record timestamp this task has seen; it never goes back.
    pub fn stream_time(&self) -> Timestamp {
        self.core.stream_time
    }

    /// The task.
    pub fn task(&self) -> &TaskId {
        &self.core.id
    }

    /// The topic of the record being processed; empty for a timer.
    pub fn topic(&self) -> &TopicName {
        self.topic
    }

    /// The partition of the record being processed; the task's for a timer.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// The offset of the record being processed; -1 for a timer.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Where the record being processed was taken in from.
    pub fn origin(&self) -> Origin {
        Origin { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    /// The value of a key, borrowed from the store.
    pub fn peek(&self, store: StoreHandle, key: &[u8]) -> Option<&[u8]> {
        self.core.stores.get(store.0, key)
    }

    /// The value of a key.
    pub fn get(&self, store: StoreHandle, key: &[u8]) -> Option<Bytes> {
        self.peek(store, key).map(Bytes::copy_from_slice)
    }

    /// Sets the value of a key.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over what they encoded; how it is kept is the store's business"
    )]
    pub fn put(&mut self, store: StoreHandle, key: &[u8], value: Bytes) {
        self.core.put(store.0, key, &value);
    }

    /// Deletes a key.
    pub fn delete(&mut self, store: StoreHandle, key: &[u8]) {
        self.core.stores.delete(store.0, key);
    }

    /// At most `limit` entries with keys in `[from, to)`, in order, of an ordered store.
    pub fn range(&self, store: StoreHandle, from: &[u8], to: &[u8], limit: usize) -> Vec<(Bytes, Bytes)> {
        self.core.stores.collect(store.0, from, Some(to), limit)
    }

    /// At most `limit` entries whose keys start with `prefix`, in order, of an ordered store.
    pub fn prefix(&self, store: StoreHandle, prefix: &[u8], limit: usize) -> Vec<(Bytes, Bytes)> {
        self.core.stores.collect(store.0, prefix, prefix_end(prefix).as_deref(), limit)
    }

    /// The start of the first window of a store that is kept, by stream time alone: what a processor sees
    /// does not hang on when the task commits, or restarts.
    fn horizon(&self, store: StoreHandle) -> Timestamp {
        let kind = &self.core.plan.stores[store.0].kind;
        kind.horizon(self.core.stream_time).unwrap_or(Timestamp(i64::MIN))
    }

    /// Sets the value of a key in the window that starts at `start`, unless stream time has passed the
    /// store's retention: such a window is not kept.
    #[expect(clippy::needless_pass_by_value, reason = "as `put`")]
    pub fn window_put(&mut self, store: StoreHandle, key: &[u8], start: Timestamp, value: Bytes) {
        if start >= self.horizon(store) {
            self.core.put(store.0, &window_key(start, key), &value);
        }
    }

    /// The value of a key in the window that starts at `start`, if that is kept.
    pub fn window_get(&self, store: StoreHandle, key: &[u8], start: Timestamp) -> Option<Bytes> {
        if start < self.horizon(store) {
            return None;
        }
        self.get(store, &window_key(start, key))
    }

    /// The values of a key in the windows that start in `[from, to)`, by start, of those that are kept.
    pub fn window_range(
        &self,
        store: StoreHandle,
        key: &[u8],
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, Bytes)> {
        let found = window_range(self.core.stores.entries(store.0), key, from.max(self.horizon(store)), to);
        found.into_iter().map(|(start, entry)| (start, Bytes::copy_from_slice(entry.value()))).collect()
    }

    /// The value of a key in a global table, borrowed.
    pub fn table_peek(&self, table: TableHandle, key: &[u8]) -> Option<&[u8]> {
        self.tables[table.0].get(key)
    }

    /// The value of a key in a global table.
    pub fn table_get(&self, table: TableHandle, key: &[u8]) -> Option<Bytes> {
        self.table_peek(table, key).map(Bytes::copy_from_slice)
    }

    /// At most `limit` rows of a global table whose keys start with `prefix`, in order.
    pub fn table_prefix(&self, table: TableHandle, prefix: &[u8], limit: usize) -> Vec<(Bytes, Bytes)> {
        self.tables[table.0].prefix(prefix, limit)
    }

    /// Sends a record to a sink with the timestamp of the record being processed, or of the
    /// timer's deadline.
    pub fn send(&mut self, sink: SinkHandle, key: Option<Bytes>, value: Option<Bytes>) {
        self.send_at(sink, key, value, self.timestamp);
    }

    /// Sends a record to a sink with a timestamp of its own.
    pub fn send_at(&mut self, sink: SinkHandle, key: Option<Bytes>, value: Option<Bytes>, timestamp: Timestamp) {
        let topic = self.core.plan.sinks[sink.0].clone();
        self.core.send(OutgoingRecord { topic, partition: None, key, value, timestamp, headers: Vec::new() });
    }

    /// Hands a record to a child processor, which runs when this call has returned.
    pub fn forward(&mut self, child: ChildHandle, record: Record) {
        self.core.forwards.push((child.0, record));
    }

    /// Schedules a durable timer of this processor. Clock, deadline and key are its identity, so
    /// scheduling it twice is scheduling it once.
    pub fn schedule(&mut self, clock: Clock, deadline: Timestamp, key: &[u8]) {
        let timers = self.core.plan.timers_store();
        let key = timer_key(clock, deadline, &self.core.plan.nodes[self.node].name, key);
        // Where only the checkpoint may have it, it is put again: that costs less than to ask.
        if self.core.stores.resident(timers, &key).is_none() {
            self.core.put(timers, &key, &[]);
        }
    }

    /// At most `limit` timers of this processor in the order of deadline and key, from the first after
    /// `after` on.
    ///
    /// Timers of the task's other processors are passed over on the way: it is for rare work that has to
    /// come by everything that waits, such as a sweep after settings changed.
    pub fn timers(&self, clock: Clock, after: Option<(Timestamp, &[u8])>, limit: usize) -> Vec<(Timestamp, Bytes)> {
        let owner = &self.core.plan.nodes[self.node].name;
        let (from, (_, to)) = (timers_after(clock, owner, after), timers_of(clock));
        let mut mine = Vec::new();
        if limit > 0 {
            self.core.stores.range(self.core.plan.timers_store(), &from, Some(&to), &mut |key, _| {
                if let Some((deadline, _, key)) = parse_timer(key).filter(|(_, of, _)| of == owner) {
                    mine.push((deadline, Bytes::copy_from_slice(key)));
                }
                mine.len() < limit
            });
        }
        mine
    }

    /// Takes a timer back; one that does not exist is none.
    pub fn cancel(&mut self, clock: Clock, deadline: Timestamp, key: &[u8]) {
        let timers = self.core.plan.timers_store();
        let key = timer_key(clock, deadline, &self.core.plan.nodes[self.node].name, key);
        debug_assert!(parse_timer(&key).is_some());
        self.core.stores.delete(timers, &key);
    }

    /// A record that an earlier call left [`Waiting`] has ended now. `topic` is where it was taken
    /// in from.
    pub fn settle(&mut self, topic: &str, from: Waiting, to: Outcome) {
        let topic = self.core.book_of(topic);
        self.core.settled.push((topic, from, to));
    }

    /// Writes a record that waited and is given up now to the dead letters or, when the fault's
    /// fate is [`Fate::Quarantine`], to the quarantine. The caller then settles it as
    /// [`Outcome::DeadLettered`] or [`Outcome::Quarantined`].
    pub fn give_up(&mut self, fault: &Fault, origin: &Origin, key: Option<Bytes>, value: Option<Bytes>) {
        let record = Record {
            topic: origin.topic.clone(),
            partition: origin.partition,
            offset: origin.offset,
            timestamp: self.timestamp,
            key,
            value,
            headers: Vec::new(),
        };
        let quarantine = fault.fate == Fate::Quarantine;
        let letter = dead_letter(self.core, fault, &record, quarantine, self.now);
        self.core.send(letter);
    }
}
