//! How long a record takes from being produced to being visible to a reader of committed records.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfig as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};

use crate::cluster::{Cluster, value};
use crate::measure::{percentile, processor_seconds};
use crate::program::Program;

/// Records per second, one rate after the other.
pub const RATES: [u64; 3] = [5_000, 20_000, 50_000];
/// How many keys they have.
const KEYS: u64 = 200_000;
/// How long the program runs at this rate before it is measured.
const WARM_UP: Duration = Duration::from_secs(10);

/// One measurement, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// What one in a hundred exceeds.
    pub p99: f64,
    /// Processor seconds of the program per million records.
    pub processor_per_million: f64,
}

/// Feeds a program at a fixed rate and reads what it writes. Nothing of a program that does not keep up with the rate.
pub fn measure(cluster: &mut Cluster, program: Program, rate: u64, seconds: u32) -> anyhow::Result<Option<Latency>> {
    let input = format!("latency-{rate}-{}", program.key());
    cluster.topics(&[&input])?;
    let mut started = cluster.program(program, &input)?;
    let reader = reader(&cluster.address(), &started.work.output)?;
    let start = Instant::now();
    let measured = Duration::from_secs(seconds.into());
    let over = AtomicBool::new(false);
    let address = cluster.address();
    let (mut seen, mut before) = (Vec::new(), None);
    std::thread::scope(|threads| {
        let feeder = threads.spawn(|| feed(&address, &input, rate, start, &over));
        let read = || -> anyhow::Result<f64> {
            while start.elapsed() < WARM_UP + measured {
                started.process.check()?;
                let warm = start.elapsed() >= WARM_UP;
                if warm && before.is_none() {
                    before = Some(processor_seconds(started.process.pid())?);
                }
                let Some(message) = reader.poll(Duration::from_millis(50)) else { continue };
                let message = message?;
                let stamp = message.payload().and_then(|value| value.first_chunk::<8>()).context("a short record")?;
                let produced = Duration::from_nanos(u64::from_be_bytes(*stamp));
                if warm && produced >= WARM_UP {
                    seen.push((start.elapsed().saturating_sub(produced)).as_secs_f64() * 1e3);
                }
            }
            processor_seconds(started.process.pid())
        };
        let mut read = read;
        let after = read();
        over.store(true, Ordering::Release);
        feeder.join().map_err(|_| anyhow::anyhow!("the feeder ended"))??;
        let used = after? - before.context("no time to measure")?;
        if (seen.len() as u64) * 10 < u64::from(seconds) * rate * 9 {
            return Ok(None);
        }
        Ok(Some(Latency {
            p50: percentile(seen.iter().copied(), 50.0).context("nothing was seen")?,
            p99: percentile(seen.iter().copied(), 99.0).context("nothing was seen")?,
            processor_per_million: used / (f64::from(seconds) * rate as f64) * 1e6,
        }))
    })
}

fn reader(brokers: &str, topic: &str) -> anyhow::Result<BaseConsumer> {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("reader-{topic}"))
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "5")
        .create()?;
    reader.subscribe(&[topic])?;
    Ok(reader)
}

/// Produces at the rate until it is over; each value begins with the instant of its production, as nanoseconds
/// since `start`.
fn feed(brokers: &str, topic: &str, rate: u64, start: Instant, over: &AtomicBool) -> anyhow::Result<()> {
    let producer = ThreadedProducer::<DefaultProducerContext>::from_config(
        ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            // Shorter, and it sends a request for each record or two: a broker on two cores is then busy with those.
            .set("linger.ms", "10"),
    )?;
    let mut sent = 0;
    while !over.load(Ordering::Acquire) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent < due {
            let key = format!("entity-{:012}", sent.wrapping_mul(0x5851_f42d_4c95_7f2d) % KEYS);
            let mut value = value(sent);
            value[..8].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_be_bytes());
            producer.send(BaseRecord::to(topic).key(&key).payload(&value[..])).map_err(|(error, _)| error)?;
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
