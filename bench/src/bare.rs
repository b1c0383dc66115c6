//! The client alone: reads, writes what a stateful processor would write, keeps no state.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfig as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::program::Work;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How often it commits, as the others do.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// Works until it is killed.
pub fn run(work: &Work, changelog: bool) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &work.brokers)
        .set("group.id", &work.application)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "range")
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    consumer.subscribe(&[&work.input])?;
    let producer = ThreadedProducer::<DefaultProducerContext>::from_config(
        ClientConfig::new()
            .set("bootstrap.servers", &work.brokers)
            .set("transactional.id", &work.application)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("batch.size", "262144")
            .set("queue.buffering.max.messages", "500000"),
    )?;
    producer.init_transactions(TIMEOUT)?;
    let changes = format!("{}-changelog", work.application);
    let state = [1_u8; 64];
    let mut next = [None::<i64>; 64];
    let mut opened: Option<Instant> = None;
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(10)) {
            let message = message?;
            if opened.is_none() {
                producer.begin_transaction()?;
                opened = Some(Instant::now());
            }
            let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            send(&producer, BaseRecord::to(&work.output).key(key).payload(value))?;
            if changelog {
                send(&producer, BaseRecord::to(&changes).partition(message.partition()).key(key).payload(&state[..]))?;
            }
            next[message.partition() as usize] = Some(message.offset() + 1);
        }
        if opened.is_some_and(|at| at.elapsed() >= COMMIT_INTERVAL) {
            commit(&consumer, &producer, &work.input, &next)?;
            opened = None;
        }
    }
}

type Record<'a> = BaseRecord<'a, [u8], [u8]>;

fn send(producer: &ThreadedProducer<DefaultProducerContext>, mut record: Record<'_>) -> anyhow::Result<()> {
    use rdkafka::error::KafkaError::MessageProduction;
    use rdkafka::types::RDKafkaErrorCode::QueueFull;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((MessageProduction(QueueFull), back)) => {
                record = back;
                std::thread::yield_now();
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn commit(
    consumer: &BaseConsumer,
    producer: &ThreadedProducer<DefaultProducerContext>,
    input: &str,
    next: &[Option<i64>],
) -> anyhow::Result<()> {
    let mut positions = TopicPartitionList::new();
    for (partition, offset) in next.iter().enumerate() {
        if let Some(offset) = offset {
            positions.add_partition_offset(input, partition as i32, Offset::Offset(*offset))?;
        }
    }
    // Committing with records in flight costs 100 ms in this client: they are waited for first.
    while producer.in_flight_count() > 0 {
        std::thread::sleep(Duration::from_micros(200));
    }
    let group = consumer.group_metadata().ok_or_else(|| anyhow::anyhow!("the consumer is in no group"))?;
    producer.send_offsets_to_transaction(&positions, &group, TIMEOUT)?;
    producer.commit_transaction(TIMEOUT)?;
    Ok(())
}
