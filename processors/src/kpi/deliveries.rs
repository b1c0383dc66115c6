//! The processor that measures what the outside answered.
//!
//! Each delivery has exactly one outcome, written in one transaction with the position of what was
//! delivered, and by the hub's own clock: nothing is kept here.

use std::sync::Arc;

use schemas::{DeliveryOutcome, DeliveryResult};
use topology::{Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, TopologyError, Verdict};

use super::catalog::Kpi;
use super::labels::Labels;
use super::send::send;
use super::settings::KpiSettings;
use super::tally::Value;
use super::told::Change;
use crate::entity::undecodable;

/// The sink of changes.
pub(super) const SINK: &str = "kpi-delivery-changes";

/// Measures deliveries.
pub(super) struct Deliveries {
    settings: Arc<KpiSettings>,
    sink: SinkHandle,
}

impl Deliveries {
    pub(super) fn new(settings: Arc<KpiSettings>) -> Self {
        Self { settings, sink: SinkHandle::default() }
    }
}

/// Whose fault it is that a delivery was given up.
///
/// A missing answer, a time-out, a breaker left open (no status), 5xx and the statuses that ask to
/// come again (408, 425, 429) are the partner's. Any other status refuses what we sent: ours.
fn is_partners_fault(http_status: Option<i32>) -> bool {
    http_status.is_none_or(|status| status >= 500 || [408, 425, 429].contains(&status))
}

/// Good calls and calls that count. Every attempt before the last one was worth repeating, and so
/// the partner's fault.
fn calls(outcome: &DeliveryOutcome) -> (u32, u32) {
    let attempts = outcome.attempts.max(1) as u32;
    match outcome.result {
        DeliveryResult::Delivered | DeliveryResult::Duplicate => (1, attempts),
        DeliveryResult::DeadLettered if is_partners_fault(outcome.http_status) => (0, attempts),
        DeliveryResult::DeadLettered => (0, attempts - 1),
    }
}

/// What an outcome adds and takes out.
fn measure(outcome: &DeliveryOutcome, settings: &KpiSettings) -> Vec<(Kpi, Change)> {
    let at = outcome.finished_at.0;
    let mut changes = Vec::new();
    let mut add = |kpi, times, at, value, labels: &Labels| {
        changes.push((kpi, Change { times, at, value, labels: labels.clone() }));
    };
    let is_taken = outcome.result != DeliveryResult::DeadLettered;
    let since = |from: i64| if at > from { Value::Millis(at - from) } else { Value::Suspect };
    if outcome.target == "billing" {
        let labels = Labels::default();
        let sent = outcome.ingested_at.0;
        add(Kpi::BillingUnacknowledged, -1, sent, Value::Since(sent), &labels);
        if is_taken {
            add(Kpi::BillingReplication, 1, at, since(outcome.occurred_at.0), &labels);
        }
    } else if let Some(partner) = outcome.target.strip_prefix("partner:") {
        let labels = Labels { partners: vec![partner.to_owned()], ..Labels::default() };
        let (good, all) = calls(outcome);
        if all > 0 {
            add(Kpi::PartnerAvailability, 1, at, Value::Part(good, all), &labels);
        }
        if is_taken {
            add(Kpi::PartnerResponse, 1, at, since(outcome.ingested_at.0), &labels);
            let in_time = match since(outcome.ingested_at.0) {
                Value::Millis(millis) => Value::hit(millis <= settings.acknowledge_ms),
                suspect => suspect,
            };
            add(Kpi::PartnerAcknowledged, 1, at, in_time, &labels);
        } else if is_partners_fault(outcome.http_status) {
            add(Kpi::PartnerAcknowledged, 1, at, Value::hit(false), &labels);
        }
        let is_ours = !is_taken && !is_partners_fault(outcome.http_status);
        add(Kpi::PartnerOurFault, 1, at, Value::hit(is_ours), &labels);
    }
    changes
}

impl Processor for Deliveries {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.sink = init.sink(SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let outcome: DeliveryOutcome = schemas::decode(value).map_err(|error| undecodable(&error))?;
        send(context, self.sink, measure(&outcome, &self.settings), outcome.finished_at.0)?;
        Ok(Outcome::Applied.into())
    }
}

/// Notes what was sent to billing, until its outcome takes it out again.
#[derive(Default)]
pub(super) struct BillingSent {
    sink: SinkHandle,
}

/// The sink of what was sent to billing.
pub(super) const BILLING_SINK: &str = "kpi-billing-changes";

impl Processor for BillingSent {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.sink = init.sink(BILLING_SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        // What the sink cannot read either has no outcome, so it must not be counted as open.
        let Ok(sent) = schemas::decode::<schemas::BillingRecord>(value) else { return Ok(Outcome::Filtered.into()) };
        let at = sent.ingested_at.0;
        let change = Change { times: 1, at, value: Value::Since(at), labels: Labels::default() };
        send(context, self.sink, vec![(Kpi::BillingUnacknowledged, change)], at)?;
        Ok(Outcome::Applied.into())
    }
}
