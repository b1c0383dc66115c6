//! The processor that measures SLA clocks by their states.

use std::sync::Arc;

use schemas::{SlaState, SlaStatus};
use topology::{
    Context, Fault, InitContext, Outcome, Processor, Record, SinkHandle, TopologyError, TypedStore, Verdict,
};

use super::catalog::Kpi;
use super::labels::Labels;
use super::send::send;
use super::settings::KpiSettings;
use super::tally::Value;
use super::told::{Item, Told};
use crate::entity::undecodable;

/// The store of what each clock has added.
pub(super) const STORE: &str = "kpi-clocks";
/// The sink of changes.
pub(super) const SINK: &str = "kpi-clock-changes";
/// The key of the event time that the partition has come to; no clock's key begins so.
const TIME_KEY: &[u8] = b"\0time";

/// Measures clocks.
pub(super) struct Clocks {
    settings: Arc<KpiSettings>,
    told: TypedStore<Told>,
    times: TypedStore<i64>,
    sink: SinkHandle,
}

impl Clocks {
    pub(super) fn new(settings: Arc<KpiSettings>) -> Self {
        Self { settings, told: TypedStore::default(), times: TypedStore::default(), sink: SinkHandle::default() }
    }

    /// What a clock adds: good or bad once that is decided, which a breach is before the clock ends.
    fn derive(&self, state: &SlaState, told: &Told) -> Vec<Item> {
        let value = match state.status {
            SlaStatus::Met => Value::hit(true),
            SlaStatus::Breached => Value::hit(false),
            SlaStatus::Unknown => Value::Suspect,
            _ => return Vec::new(),
        };
        let mnp = state.objective.starts_with(&self.settings.mnp_objective_prefix);
        let kpis = [Some(Kpi::SlaMet), mnp.then_some(Kpi::MnpOnTime)];
        kpis.into_iter()
            .flatten()
            .map(|kpi| {
                // A breach belongs to where it was found, whenever the clock ends after it.
                let is_breach = state.status == SlaStatus::Breached;
                let before = told.find(kpi, 0).filter(|item| is_breach && item.value == value).map(|item| item.at);
                let at = before.or(state.stopped_at.map(|at| at.0)).unwrap_or(state.updated_at.0);
                Item { kpi, ordinal: 0, at, value }
            })
            .collect()
    }
}

impl Processor for Clocks {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.told = TypedStore::new(init.store(STORE)?);
        self.times = TypedStore::new(self.told.handle());
        self.sink = init.sink(SINK)?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(key) = &record.key else { return Ok(Outcome::Filtered.into()) };
        let Some(value) = &record.value else {
            // Forgotten since it ended long ago: what it added stays.
            self.told.delete(context, key);
            return Ok(Outcome::Applied.into());
        };
        let state: SlaState = schemas::decode(value).map_err(|error| undecodable(&error))?;
        // A state speaks of its facts' times, and one of those may be ahead of its arrival.
        let at = state.updated_at.0.min(context.now().0);
        let before = self.times.get(context, TIME_KEY)?.unwrap_or(i64::MIN);
        if at > before {
            self.times.put(context, TIME_KEY, &at)?;
        }
        let time = at.max(before);
        let mut told = self.told.get(context, key)?.unwrap_or_default();
        let before = told.clone();
        let items = self.derive(&state, &told);
        let labels = Labels {
            partners: state.partner_ids.clone(),
            objective: Some(state.objective.clone()),
            ..Labels::default()
        };
        let changes = told.reconcile(&items, &labels, time, &self.settings);
        send(context, self.sink, changes, time)?;
        if told != before {
            self.told.put(context, key, &told)?;
        }
        Ok(Outcome::Applied.into())
    }
}
