//! One seed: a sink, its log and its partners, and what befalls them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use schemas::{Timestamp, encode};
use tokio::time::{sleep, timeout};
use topology::sim::{FaultPlan, Rng, SimLog};
use topology::{Consumer, ConsumerConfig, Log, OutgoingRecord, TopicSpec};

use super::{
    happened::{FAULTS, Happened},
    target::{NAMES, Partners, delivery},
};
use crate::sink::{
    DEAD_LETTER_TOPIC, DELIVERY_TOPIC, Ledger, Shutdown, SinkError, SinkSettings, calls::Calls, http_runner::run_with,
    tests::Running,
};

pub(super) const TOPIC: &str = "out.simulated";
pub(super) const GROUP: &str = "sink.simulated";
/// A target that nobody has configured.
pub(super) const NOBODY: &str = "nobody";

/// No run takes longer once its faults have stopped.
const SETTLED: Duration = Duration::from_mins(10);

pub(super) struct Scenario {
    pub(super) log: SimLog,
    pub(super) partners: Partners,
    pub(super) happened: Happened,
    pub(super) written: usize,
    pub(super) torn: usize,
    rng: Rng,
    settings: SinkSettings,
    /// Sinks that were started.
    processes: u64,
    sink: Option<Running>,
    /// A sink that another one has taken over from, and that has not noticed.
    zombie: Option<Running>,
    /// Another member of the group.
    guest: Option<Box<dyn Consumer>>,
}

impl Scenario {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let log = SimLog::with_faults(rng.next_u64(), FaultPlan::NONE);
        let partitions = 1 + rng.below(4) as u32;
        let specs = [(TOPIC, partitions), (DELIVERY_TOPIC, 2), (DEAD_LETTER_TOPIC, 1)];
        log.ensure_topics(&specs.map(|(name, partitions)| TopicSpec::delete(name, partitions, None))).unwrap();
        let settings = SinkSettings {
            window: [2, 8, 4_096][rng.below(3)],
            commit_interval_ms: [1, 20][rng.below(2)],
            commit_records: [2, 1_000][rng.below(2)],
            drain_ms: [50, 2_000][rng.below(2)],
            poll_bytes: [200, 1 << 20][rng.below(2)],
            ..SinkSettings::default()
        };
        let partners = Partners::new(rng.next_u64());
        let (happened, written, torn) = (Happened::default(), 0, 0);
        Self {
            log,
            partners,
            happened,
            written,
            torn,
            rng,
            settings,
            processes: 0,
            sink: None,
            zombie: None,
            guest: None,
        }
    }

    /// Runs it among faults and then without any, until every record has ended; returns the books at the end.
    pub(super) async fn run(&mut self) -> Result<Ledger, String> {
        self.write(30);
        self.log.set_faults(FAULTS);
        for _ in 0..40 {
            self.supervise().await?;
            sleep(Duration::from_millis(1 + self.rng.below(90) as u64)).await;
            self.befall().await?;
            if let Some(guest) = &mut self.guest {
                let _ = guest.poll(Duration::ZERO, 1, &mut Vec::new());
            }
        }
        self.settle().await
    }

    async fn befall(&mut self) -> Result<(), String> {
        match self.rng.below(100) {
            0..8 => {
                self.log.kick(GROUP, 0);
                self.happened.kicks += 1;
            }
            8..16 => {
                crash(self.sink.take()).await;
                self.happened.crashes += 1;
            }
            16..20 => {
                let running = self.sink.take();
                self.stop(running).await?;
                self.happened.stops += 1;
            }
            20..23 if self.zombie.is_none() => {
                self.zombie = self.sink.take();
                self.happened.takeovers += 1;
            }
            23..30 if self.guest.is_none() => {
                let config =
                    ConsumerConfig { group: GROUP.to_owned(), member: 1, members: 2, topics: vec![TOPIC.into()] };
                self.guest = Some(self.log.consumer(config).map_err(|error| error.to_string())?);
                self.happened.guests += 1;
            }
            30..45 => self.guest = None,
            45..60 => self.write(5),
            _ => {}
        }
        Ok(())
    }

    /// Starts the sink where there is none, and looks what those came to that have ended.
    async fn supervise(&mut self) -> Result<(), String> {
        for ended in [&mut self.sink, &mut self.zombie] {
            if let Some(running) = ended.take_if(|running| running.sink.is_finished()) {
                match running.sink.await {
                    Ok(Err(SinkError::Fenced(_))) => self.happened.fenced += 1,
                    other => return Err(format!("the sink ended: {other:?}")),
                }
            }
        }
        if self.sink.is_none() {
            let (ledger, shutdown) = (Ledger::new(TOPIC), Shutdown::new());
            self.processes += 1;
            let log: Arc<dyn Log> = Arc::new(self.log.clone());
            let target = self.partners.for_process(self.processes);
            let parts = (self.settings, ledger.clone(), shutdown.clone());
            let sink = run_with(Calls::Inline, log, TOPIC.into(), target, parts.0, parts.1, parts.2);
            self.sink = Some(Running { ledger, shutdown, sink: tokio::spawn(sink) });
        }
        Ok(())
    }

    async fn stop(&mut self, running: Option<Running>) -> Result<Ledger, String> {
        let running = running.ok_or("there is no sink to stop")?;
        running.shutdown.trigger();
        match timeout(SETTLED, running.sink).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(SinkError::Fenced(_)))) => self.happened.fenced += 1,
            other => return Err(format!("the sink was told to stop: {other:?}")),
        }
        match running.ledger.snapshot().imbalance() {
            0 => Ok(running.ledger),
            imbalance => Err(format!("the books are out by {imbalance}")),
        }
    }

    async fn settle(&mut self) -> Result<Ledger, String> {
        self.log.set_faults(FaultPlan::NONE);
        self.guest = None;
        crash(self.zombie.take()).await;
        let is_settled = async {
            // A commit that had begun among faults may still end by one.
            loop {
                self.supervise().await?;
                let books = self.sink.as_ref().map(|running| running.ledger.snapshot()).unwrap_or_default();
                if books.taken_in == self.written as u64 && books.in_flight == 0 {
                    // What would be told twice has time to show.
                    sleep(Duration::from_secs(3)).await;
                    if self.sink.as_ref().is_some_and(|running| !running.sink.is_finished()) {
                        return Ok::<_, String>(());
                    }
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        match timeout(SETTLED, is_settled).await {
            Ok(settled) => settled?,
            Err(_) => {
                let books = self.sink.as_ref().map(|running| running.ledger.snapshot());
                return Err(format!("not settled after {SETTLED:?}: {books:?}"));
            }
        }
        let running = self.sink.take();
        let books = self.stop(running).await?;
        self.happened.log = self.log.events();
        for partner in &self.partners.asked().partners {
            self.happened.partners.add(partner.events());
        }
        Ok(books)
    }

    fn write(&mut self, records: usize) {
        self.log.set_faults(FaultPlan::NONE);
        let mut producer = self.log.producer("outside").unwrap();
        for _ in 0..records {
            let entity = format!("order-{}", self.rng.below(6));
            let value = match self.rng.below(40) {
                0 => b"no frame".to_vec(),
                1 => encode(&delivery(NOBODY, &entity, self.written)),
                _ => encode(&delivery(NAMES[self.rng.below(NAMES.len())], &entity, self.written)),
            };
            self.torn += usize::from(value == b"no frame");
            self.written += 1;
            let record = OutgoingRecord {
                topic: TOPIC.into(),
                partition: None,
                key: Some(entity.into()),
                value: Some(Bytes::from(value)),
                timestamp: Timestamp(0),
                headers: Vec::new(),
            };
            producer.send(record).unwrap();
        }
        producer.commit("outside", &[]).unwrap();
        self.log.set_faults(FAULTS);
    }
}

/// A process that is killed: what it had asked of its log and its partners goes on without it.
async fn crash(running: Option<Running>) {
    if let Some(running) = running {
        running.sink.abort();
        drop(running.sink.await);
    }
}
