//! How long the runtime takes for one record: get and put of a 64-byte state with changelog, and one
//! output, on a log that forgets what is written. Run it in release:
//! `cargo run --release -p topology --example hot_path [RECORDS] [KEYS]`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use schemas::Timestamp;
use topology::{
    Commit, Consumer, ConsumerConfig, Context, Fault, InitContext, Log, LogError, Offset, Outcome, OutgoingRecord,
    Poll, Position, Processor, Producer, Record, SinkHandle, StoreHandle, StoreSpec, TopicName, TopicPartition,
    TopicSpec, TopologyBuilder, TopologyError, Verdict, Worker, WorkerError, WorkerSettings,
};

#[derive(Default)]
struct Touch {
    state: StoreHandle,
    out: SinkHandle,
}

impl Processor for Touch {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.state = init.store("state")?;
        self.out = init.sink("out")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        let mut state = [0_u8; 64];
        if let Some(old) = context.get(self.state, &key) {
            state.copy_from_slice(&old);
        }
        state[0] = state[0].wrapping_add(1);
        context.put(self.state, &key, Bytes::copy_from_slice(&state));
        context.send(self.out, Some(key), record.value.clone());
        Ok(Outcome::Applied.into())
    }
}

/// Makes records as they are polled, and drops what is written.
struct NullLog {
    records: i64,
    keys: i64,
}

struct NullConsumer {
    assigned: bool,
    topic: TopicName,
    keys: i64,
    left: i64,
    next: i64,
    value: Bytes,
}

struct NullProducer;

impl Log for NullLog {
    fn ensure_topics(&self, _: &[TopicSpec]) -> Result<(), LogError> {
        Ok(())
    }

    fn topic_specs(&self, _: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
        Ok(Vec::new())
    }
    fn change_topics(&self, _: &[TopicSpec]) -> Result<(), LogError> {
        Ok(())
    }
    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError> {
        Ok(vec![("in".into(), 1)])
    }

    fn bounds(&self, _: &TopicPartition) -> Result<(Offset, Offset), LogError> {
        Ok((Offset(0), Offset(0)))
    }

    fn committed(&self, _: &str, _: &TopicPartition) -> Result<Option<Position>, LogError> {
        Ok(None)
    }

    fn read(&self, _: &TopicPartition, from: Offset, _: usize, _: &mut Vec<Record>) -> Result<Offset, LogError> {
        Ok(from)
    }

    fn consumer(&self, _: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError> {
        let value = Bytes::from(vec![b'v'; 300]);
        Ok(Box::new(NullConsumer {
            assigned: false,
            topic: "in".into(),
            keys: self.keys,
            left: self.records,
            next: 0,
            value,
        }))
    }

    fn producer(&self, _: &str) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(NullProducer))
    }
}

impl Consumer for NullConsumer {
    fn poll(&mut self, _: Duration, max_bytes: usize, into: &mut Vec<Record>) -> Result<Poll, LogError> {
        if !self.assigned {
            self.assigned = true;
            return Ok(Poll::Assigned(vec![(
                TopicPartition { topic: self.topic.clone(), partition: 0 },
                Position::default(),
            )]));
        }
        let count = self.left.min((max_bytes / 400) as i64);
        for _ in 0..count {
            // A multiplicative walk: keys come in no order that a cache would like.
            let key = (self.next.wrapping_mul(0x5851_f42d_4c95_7f2d) as u64 >> 16) as i64 % self.keys;
            into.push(Record {
                topic: self.topic.clone(),
                partition: 0,
                offset: Offset(self.next),
                timestamp: Timestamp(self.next),
                key: Some(format!("entity-{key:012}").into()),
                value: Some(self.value.clone()),
                headers: Vec::new(),
            });
            self.next += 1;
        }
        self.left -= count;
        Ok(if count > 0 { Poll::Records } else { Poll::Idle })
    }

    fn seek(&mut self, _: &TopicPartition, _: Offset) -> Result<(), LogError> {
        Ok(())
    }

    fn pause(&mut self, _: &[TopicPartition]) {}

    fn resume(&mut self, _: &[TopicPartition]) {}

    fn group(&self) -> &'static str {
        "bench"
    }
}

impl Producer for NullProducer {
    fn send(&mut self, record: OutgoingRecord) -> Result<(), LogError> {
        std::hint::black_box(record);
        Ok(())
    }

    fn commit(&mut self, _: &str, _: &[(TopicPartition, Position)]) -> Result<Commit, LogError> {
        Ok(Commit::Committed)
    }

    fn last_positions(&self) -> &[(TopicPartition, Offset)] {
        &[]
    }

    fn abort(&mut self) {}
}

fn main() -> Result<(), WorkerError> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<i64>().unwrap_or(0).max(1));
    let (records, keys) = (numbers.next().unwrap_or(2_000_000), numbers.next().unwrap_or(200_000));
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("touch")
        .source("in", "in")
        .store(StoreSpec::key_value("state"))
        .processor("touch", &["in"], &["state"], &[], || Box::<Touch>::default())
        .sink("out", "out", &["touch"]);
    let topology = Arc::new(builder.build()?);
    let mut worker = Worker::new(topology, Arc::new(NullLog { records, keys }), WorkerSettings::new("bench"))?;
    let start = Instant::now();
    let mut done = 0;
    while done < records {
        let now = Timestamp(start.elapsed().as_millis() as i64);
        done += worker.run_once(now, Duration::ZERO)?.records as i64;
    }
    worker.commit(Timestamp(start.elapsed().as_millis() as i64))?;
    let elapsed = start.elapsed();
    let snapshot = worker.snapshot();
    let store = &snapshot.tasks[0].stores[0];
    println!(
        "{records} records, {keys} keys: {:.0} records/s, {:.2} us each, {} commits, state of {} entries in {} bytes",
        records as f64 / elapsed.as_secs_f64(),
        elapsed.as_secs_f64() * 1e6 / records as f64,
        snapshot.commits,
        store.entries,
        store.bytes,
    );
    Ok(())
}
