//! Reading partitions without a group: changelogs that are replayed, tables that are followed.
//!
//! A cursor stands in one partition for one thread, so that whoever reads on finds what was fetched
//! ahead for it. Cursors of different threads on the same partition need different clients; those
//! that nobody has used for a while are closed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset as RawOffset, TopicPartitionList};
use topology::{LogError, Offset, Record, TopicName, TopicPartition};

use super::client::Context;
use super::config;
use super::error::{self, Asked};
use super::frames::Incoming;
use super::native::{Names, Queue, Taken, take};
use super::not_made;
use super::shared::Shared;

/// A cursor that was not used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How long a read waits at a time before it looks whether it has waited too long.
const STEP: Duration = Duration::from_millis(100);
/// How long to wait before it is looked whether a schema has come.
const SCHEMA_PAUSE: Duration = Duration::from_millis(5);

/// Whose cursor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// A thread that reads on and on.
    Thread(ThreadId),
    /// Whoever asks how far behind a group is.
    Lag,
}

impl Owner {
    pub(super) fn this_thread() -> Self {
        Self::Thread(std::thread::current().id())
    }
}

type Key = (Owner, TopicPartition);

/// All cursors.
#[derive(Default)]
pub(super) struct Readers(Mutex<Pool>);

#[derive(Default)]
struct Pool {
    cursors: HashMap<Key, Cursor>,
    clients: Vec<Arc<Client>>,
}

/// A client, and the partitions in which cursors stand.
struct Client {
    consumer: BaseConsumer<Context>,
    taken: Mutex<BTreeSet<(String, i32)>>,
}

struct Cursor {
    client: Arc<Client>,
    place: (String, i32),
    queue: Queue,
    topic: TopicName,
    next: Offset,
    /// There is no record from here up to `next`: only the ends of transactions.
    nothing_from: Offset,
    /// Everything that was committed a moment ago has been given.
    at_end: bool,
    fetched: VecDeque<Taken>,
    names: Names,
    incoming: Incoming,
    used: Instant,
}

impl Readers {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Log::read`](topology::Log::read).
    pub(super) fn read(
        &self,
        shared: &Shared,
        owner: Owner,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError> {
        let from = from.max(Offset(0));
        let key = (owner, partition.clone());
        let cursor = self.pool().cursors.remove(&key);
        let mut cursor = match cursor.filter(|cursor| cursor.stands_at(from)) {
            Some(cursor) => cursor,
            None => self.open(shared, partition, from)?,
        };
        cursor.read(shared, partition, max_bytes, into)?;
        let next = cursor.next;
        cursor.used = Instant::now();
        self.pool().cursors.insert(key, cursor);
        Ok(next)
    }

    /// As [`Log::prefetch`](topology::Log::prefetch): a cursor takes some 100 ms to bring its first record, however many
    /// begin together.
    pub(super) fn prefetch(&self, shared: &Shared, owner: Owner, from: &[(TopicPartition, Offset)]) {
        for (partition, from) in from {
            let (key, from) = ((owner, partition.clone()), (*from).max(Offset(0)));
            let old = {
                let mut pool = self.pool();
                if pool.cursors.get(&key).is_some_and(|cursor| cursor.stands_at(from)) {
                    continue;
                }
                pool.cursors.remove(&key)
            };
            // Closed before another is opened: a client takes a partition once.
            drop(old);
            match self.open(shared, partition, from) {
                Ok(cursor) => drop(self.pool().cursors.insert(key, cursor)),
                Err(error) => tracing::debug!(%error, "a partition is not read ahead"),
            }
        }
    }

    fn open(&self, shared: &Shared, partition: &TopicPartition, from: Offset) -> Result<Cursor, LogError> {
        let place = shared.place(partition);
        let (topic, _) = shared.partitions(&partition.topic)?;
        let client = {
            let mut pool = self.pool();
            let free = pool.clients.iter().find(|client| client.claim(&place)).cloned();
            if let Some(client) = free {
                client
            } else {
                let context = Context::new("reader", &shared.settings, &shared.health);
                let consumer = BaseConsumer::from_config_and_context(&config::reader(&shared.settings), context)
                    .map_err(|error| not_made(&error))?;
                let client = Arc::new(Client { consumer, taken: Mutex::default() });
                client.claim(&place);
                pool.clients.push(client.clone());
                client
            }
        };
        let rk = client.consumer.client().native_ptr();
        let queue =
            Queue::of_partition(rk, &place.0, place.1).ok_or_else(|| LogError::UnknownPartition(partition.clone()))?;
        let cursor = Cursor {
            client,
            place,
            queue,
            topic,
            next: from,
            nothing_from: from,
            at_end: false,
            fetched: VecDeque::new(),
            names: Names::default(),
            incoming: Incoming::default(),
            used: Instant::now(),
        };
        let list = cursor.list(RawOffset::Offset(from.0));
        let assigned = shared.watchdog.over("reading a partition", || cursor.client.consumer.incremental_assign(&list));
        assigned.map_err(|error| error::of(&error, Asked::Partition(partition)))?;
        Ok(cursor)
    }

    /// Closes idle cursors and clients, and serves the events of the others.
    pub(super) fn serve(&self) {
        let (idle, spare) = {
            let mut pool = self.pool();
            let keys: Vec<_> = pool
                .cursors
                .iter()
                .filter(|(_, cursor)| cursor.used.elapsed() > IDLE)
                .map(|(key, _)| key.clone())
                .collect();
            let idle: Vec<_> = keys.iter().filter_map(|key| pool.cursors.remove(key)).collect();
            // A client that holds no cursor, and that nobody is opening one in.
            let (used, spare) = pool
                .clients
                .drain(..)
                .partition(|client: &Arc<Client>| Arc::strong_count(client) > 1 || !client.taken().is_empty());
            pool.clients = used;
            (idle, spare)
        };
        drop::<Vec<Cursor>>(idle);
        drop::<Vec<_>>(spare);
        let clients = self.pool().clients.clone();
        for client in clients {
            // Records come by the partitions' own queues; this is for errors, statistics and tokens.
            drop(client.consumer.poll(Duration::ZERO));
        }
    }
}

impl Client {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<(String, i32)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the partition, unless another cursor of this client stands in it.
    fn claim(&self, place: &(String, i32)) -> bool {
        self.taken().insert(place.clone())
    }
}

impl Cursor {
    /// Whether what it gives next is what comes from this offset on.
    fn stands_at(&self, from: Offset) -> bool {
        (self.nothing_from..=self.next).contains(&from)
    }

    fn list(&self, offset: RawOffset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.place.0, self.place.1, offset).expect("an offset from 0 on is one");
        list
    }

    /// Gives what was fetched; waits only while it is not known whether there is something.
    fn read(
        &mut self,
        shared: &Shared,
        partition: &TopicPartition,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        let deadline = Instant::now() + shared.settings.request_timeout;
        let mut bytes = 0;
        loop {
            while bytes < max_bytes.max(1) {
                match self.fetched.pop_front() {
                    None => break,
                    Some(Taken::Record(mut record)) => {
                        self.at_end = false;
                        if record.offset < self.next {
                            // The partition ends before the place that was asked for.
                            continue;
                        }
                        if let Err(error) = self.incoming.translate(shared.schema_ids.get(), &mut record) {
                            self.fetched.push_front(Taken::Record(record));
                            // What was given already is not to be lost with an error.
                            if bytes > 0 {
                                return Ok(());
                            }
                            if Instant::now() >= deadline {
                                return Err(error);
                            }
                            std::thread::sleep(SCHEMA_PAUSE);
                            continue;
                        }
                        self.next = record.offset.next();
                        self.nothing_from = self.next;
                        bytes += size_of_record(&record);
                        into.push(record);
                    }
                    Some(Taken::End(offset)) => {
                        self.next = self.next.max(offset);
                        self.at_end = true;
                    }
                    Some(Taken::Failed(code)) => match error::of_code(code, Asked::Partition(partition)) {
                        // The client goes on trying: a leader has moved, a broker has gone.
                        LogError::Retriable(why) => tracing::debug!(why, "a partition cannot be read yet"),
                        error => return Err(error),
                    },
                }
            }
            if bytes >= max_bytes.max(1) {
                return Ok(());
            }
            let patience = if self.at_end || bytes > 0 { Duration::ZERO } else { STEP };
            let mut taken = Vec::new();
            take(&self.queue, patience, usize::MAX, &self.topic, &mut self.names, &mut taken);
            if taken.is_empty() {
                if patience.is_zero() {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    let why = shared.health.trouble().unwrap_or_else(|| "no answer in time".to_owned());
                    return Err(LogError::Retriable(format!("reading {partition}: {why}")));
                }
            }
            self.fetched.extend(taken);
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // Fails only where nothing is assigned any more.
        drop(self.client.consumer.incremental_unassign(&self.list(RawOffset::Invalid)));
        self.client.taken().remove(&self.place);
    }
}

/// What a record counts against a bound of bytes.
pub(super) fn size_of_record(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.as_ref().map_or(0, bytes::Bytes::len) + record.value.as_ref().map_or(0, bytes::Bytes::len) + headers + 16
}
