//! The order pipeline in this project: what reads events at the hub's door, and the hub's own parts.

use std::sync::Arc;

use processors::entity::EntitySettings;
use processors::route::{Router, default_routes};
use processors::sla::{self, SlaSettings, default_calendars, default_objectives};
use processors::topology::add_orders;
use schemas::Family;
use topology::{
    Context, Fate, Fault, InitContext, Outcome, Processor, Record, SinkHandle, Topology, TopologyBuilder,
    TopologyError, Verdict,
};

use super::stage::{APPLICATION, INPUT, settings};
use crate::program::PipelineWork;
use crate::runtime::work_on;

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
    let routes = Arc::new(routes);
    let mut builder = TopologyBuilder::new();
    builder
        .sub_topology("ingest")
        .source("events", INPUT)
        .processor("read", &["events"], &[], &[], || Box::<Ingest>::default())
        .sink("canonical", Family::Order.topic(), &["read"]);
    add_orders(&mut builder, &EntitySettings::default(), &routes);
    sla::add_to(&mut builder, Arc::new(sla), routes);
    Ok(builder.build()?)
}

/// Works until it is killed.
pub fn run(work: &PipelineWork) -> anyhow::Result<()> {
    work_on(settings(&work.brokers, &work.prefix, "hub"), APPLICATION, topology()?, &work.data)
}
