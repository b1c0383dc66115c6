//! The topology, and short ways to say what happens and to read what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{Family, KpiWindow, LifecycleFact, Timestamp};
use topology::TestDriver;

use crate::burn::default_slos;
use crate::entity::EntitySettings;
use crate::kpi::{KpiSettings, TOPIC};
use crate::route::{Router, default_routes};
use crate::sla::{SlaSettings, default_calendars, default_objectives};
use crate::topology::{HubSettings, build};

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Some midnight.
pub(super) const DAWN: i64 = 1_790_035_200_000;

/// A fact of an entity: at this instant, by this version, to this state.
pub(super) fn fact(entity: &str, at: i64, version: i64, state: &str) -> LifecycleFact {
    let (kind, id) = entity.split_once(':').unwrap();
    let family = match kind {
        "order" => Family::Order,
        "ticket" => Family::Ticket,
        _ => Family::Account,
    };
    LifecycleFact {
        fact_id: format!("{entity}#{version}"),
        family,
        entity_kind: kind.into(),
        entity_id: id.into(),
        version,
        event_type: "StateChangeEvent".into(),
        change: if version == 1 { "created" } else { "state_changed" }.into(),
        from_state: None,
        to_state: Some(state.into()),
        occurred_at: Timestamp(at),
        ingested_at: Timestamp(at + 1),
        created_at: Some(Timestamp(DAWN)),
        due_at: None,
        customer_id: Some("C1".into()),
        customer_class: Some("gold".into()),
        account_id: None,
        partner_ids: vec![],
        class: Some("sim".into()),
        category: None,
        priority: None,
        circle: Some("Mumbai".into()),
        channel: Some("Online".into()),
        flags: vec![],
        order_id: None,
    }
}

/// What happened to an entity, minute by minute from dawn.
pub(super) fn course(entity: &str, steps: &[(i64, &str)]) -> Vec<LifecycleFact> {
    steps
        .iter()
        .zip(1..)
        .map(|((minute, state), version)| fact(entity, DAWN + minute * MINUTE, version, state))
        .collect()
}

/// Figures of a row: hits, count, suspect, late.
pub(super) type Row = (i64, i64, i64, i64);

pub(super) struct Kpis {
    pub(super) driver: TestDriver,
    /// The newest of every row, as a reader of the compacted topic has it.
    pub(super) rows: BTreeMap<String, KpiWindow>,
}

impl Kpis {
    pub(super) fn new(settings: KpiSettings) -> Self {
        let settings = HubSettings {
            entity: EntitySettings::default(),
            routes: Arc::new(Router::new(default_routes()).unwrap()),
            sla: Arc::new(SlaSettings::new(default_objectives(), default_calendars()).unwrap()),
            kpi: Arc::new(settings),
            slos: Arc::new(default_slos()),
            score: Arc::default(),
            predict: true,
        };
        let driver = TestDriver::new(build(&settings).unwrap(), Timestamp(DAWN));
        Self { driver, rows: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, fact: &LifecycleFact) {
        let key = format!("{}:{}", fact.entity_kind, fact.entity_id);
        self.driver.pipe("hub.lifecycle", key, schemas::encode(fact), fact.occurred_at);
    }

    pub(super) fn take_all<'a>(&mut self, facts: impl IntoIterator<Item = &'a LifecycleFact>) {
        for fact in facts {
            self.take(fact);
        }
    }

    /// Lets the interval between publications pass, and reads.
    pub(super) fn publish(&mut self) {
        self.driver.advance_wall_clock(self.driver.now().plus_millis(10_000));
        for record in self.driver.read(TOPIC) {
            let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
            match record.value {
                Some(value) => drop(self.rows.insert(key, schemas::decode(&value).unwrap())),
                None => drop(self.rows.remove(&key)),
            }
        }
        assert_eq!(self.driver.imbalance(), 0);
    }

    /// The rows of a KPI in windows of a size, by dimension, value and start in minutes from dawn.
    pub(super) fn rows_of(&self, kpi: &str, window: &str) -> Vec<&KpiWindow> {
        self.rows.values().filter(|row| row.kpi == kpi && row.window == window).collect()
    }

    /// The one row of this KPI for everything in windows of this size; all windows summed.
    pub(super) fn all(&self, kpi: &str, window: &str) -> Row {
        let rows = self.rows_of(kpi, window).into_iter().filter(|row| row.by == "all");
        rows.fold((0, 0, 0, 0), |sum, row| (sum.0 + row.hits, sum.1 + row.count, sum.2 + row.suspect, sum.3 + row.late))
    }

    /// Values of a dimension with their counts, in the one window of this size.
    pub(super) fn values(&self, kpi: &str, window: &str, by: &str) -> Vec<(String, i64)> {
        let rows = self.rows_of(kpi, window).into_iter().filter(|row| row.by == by);
        rows.map(|row| (row.value.clone(), row.count)).collect()
    }
}
