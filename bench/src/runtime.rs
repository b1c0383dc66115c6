//! The work on this project's runtime.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use connectors::delivery::http::wall_clock;
use connectors::kafka::{KafkaLog, KafkaSettings};
use connectors::state::LmdbCheckpoints;
use topology::{
    CheckpointSettings, Context, Fault, InitContext, Log, Outcome, Processor, Record, SinkHandle, StoreHandle,
    StoreSpec, Topology, TopologyBuilder, TopologyError, Verdict, Worker, WorkerSettings,
};

use crate::cluster::{PARTITIONS, uncompressed};
use crate::program::Work;

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

fn topology(work: &Work) -> Result<Topology, TopologyError> {
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("touch")
        .source("in", work.input.as_str())
        .store(StoreSpec::key_value("state"))
        .processor("touch", &["in"], &["state"], &[], || Box::<Touch>::default())
        .sink("out", work.output.as_str(), &["touch"]);
    builder.build()
}

/// Works until it is killed.
pub fn run(work: &Work) -> anyhow::Result<()> {
    let settings = uncompressed(work.brokers.clone(), &work.application);
    work_on(settings, &work.application, topology(work)?, &work.data)
}

/// Works on a topology, with one worker, until it is killed.
pub fn work_on(mut settings: KafkaSettings, application: &str, topology: Topology, data: &Path) -> anyhow::Result<()> {
    settings.static_membership = true;
    let log = KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}")))?;
    let topology = Arc::new(topology);
    log.ensure_topics(&topology.required_topics(application, |_| PARTITIONS))?;
    let checkpoints = LmdbCheckpoints::open(&data.join("state")).context("opening the checkpoints")?;
    let settings = WorkerSettings {
        checkpoints: CheckpointSettings { place: Some(Arc::new(checkpoints)), ..CheckpointSettings::default() },
        ..WorkerSettings::new(application)
    };
    let mut worker = Worker::new(topology, log, settings)?;
    loop {
        worker.run_once(wall_clock(), Duration::from_millis(50))?;
    }
}
