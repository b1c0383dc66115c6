//! The order pipeline in this project: what reads events at the hub's door, and the hub's own parts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connectors::delivery::http::wall_clock;
use connectors::kafka::KafkaLog;
use connectors::state::LmdbCheckpoints;
use processors::entity::EntitySettings;
use processors::kpi::KpiSettings;
use processors::route::{Router, default_routes};
use processors::score::ScoreSettings;
use processors::sla::{self, SlaSettings, default_calendars, default_objectives};
use processors::topology::{HubSettings, add_orders};
use schemas::Family;
use topology::{
    CheckpointSettings, Context, Fate, Fault, InitContext, Log, Outcome, Processor, Record, SinkHandle, Topology,
    TopologyBuilder, TopologyError, Verdict, Worker, WorkerSettings,
};

use super::stage::{APPLICATION, INPUT, settings};
use crate::cluster::PARTITIONS;
use crate::program::PipelineWork;

/// Reads events as the hub's listener does, and puts them on the topics of their families.
#[derive(Default)]
struct Ingest {
    out: SinkHandle,
}

impl Processor for Ingest {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.out = init.sink("canonical")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(body) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let event = schemas::tmf::read(body, None, context.now())
            .map_err(|error| Fault::new(Fate::DeadLetter, error.code.number(), error.code.name(), error.detail))?;
        let key = event.key().as_bytes().to_vec().into();
        context.send_at(self.out, Some(key), Some(event.encode().into()), event.envelope().occurred_at);
        Ok(Outcome::Applied.into())
    }
}

pub(super) fn topology() -> anyhow::Result<Topology> {
    let orders = default_objectives().into_iter().filter(|objective| objective.family == "order").collect();
    let sla = SlaSettings::new(orders, default_calendars()).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let routes = Router::new(default_routes()).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let settings = HubSettings {
        entity: EntitySettings::default(),
        routes: Arc::new(routes),
        sla: Arc::new(sla),
        kpi: Arc::new(KpiSettings::default()),
        slos: Arc::default(),
        score: Arc::new(ScoreSettings::default()),
        predict: false,
    };
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("ingest")
        .source("events", INPUT)
        .processor("read", &["events"], &[], &[], || Box::<Ingest>::default())
        .sink("canonical", Family::Order.topic(), &["read"]);
    add_orders(&mut builder, &settings);
    sla::add_to(&mut builder, settings.sla.clone(), settings.routes.clone());
    Ok(builder.build()?)
}

/// Works until it is killed.
pub fn run(work: &PipelineWork) -> anyhow::Result<()> {
    let mut settings = settings(&work.brokers, &work.prefix, "hub");
    settings.static_membership = true;
    let log = KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}")))?;
    let topology = Arc::new(topology()?);
    log.ensure_topics(&topology.required_topics(APPLICATION, |_| PARTITIONS))?;
    let checkpoints = LmdbCheckpoints::open(&work.data.join("state")).context("opening the checkpoints")?;
    let settings = WorkerSettings {
        checkpoints: CheckpointSettings { place: Some(Arc::new(checkpoints)), ..CheckpointSettings::default() },
        ..WorkerSettings::new(APPLICATION)
    };
    let mut worker = Worker::new(topology, log, settings)?;
    loop {
        worker.run_once(wall_clock(), Duration::from_millis(50))?;
    }
}
