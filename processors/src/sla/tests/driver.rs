//! The topology `sla` alone, and short ways to say what happens to it.

use std::sync::Arc;

use schemas::{
    BillingRecord, Family, FloworxCommand, LifecycleFact, SlaDegradation, SlaEscalation, SlaState, SlaStatus,
    SlaViolation, Timestamp,
};
use topology::{TestDriver, Topology, TopologyBuilder};

use crate::route::{Router, default_routes};
use crate::sla::{CalendarSpec, ObjectiveSpec, SlaSettings, add_to};

pub(super) const MINUTE: i64 = 60_000;

/// The instant of an RFC 3339 text.
pub(super) fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// An objective with the roles of the tests: pending rests, completed stops.
pub(super) fn objective(name: &str, target: &str) -> ObjectiveSpec {
    toml::from_str(&format!(
        r#"
        name = "{name}"
        family = "order"
        start = "created"
        stop = ["completed", "failed"]
        pause = ["pending"]
        cancel = ["cancelled", "rejected"]
        target = "{target}"
        consequence = "billing_credit"
        "#
    ))
    .unwrap()
}

pub(super) fn london(hours: &str, holidays: &[&str]) -> CalendarSpec {
    toml::from_str(&format!(
        r#"
        name = "london"
        time_zone = "Europe/London"
        holidays = {holidays:?}
        [hours]
        {hours}
        "#
    ))
    .unwrap()
}

/// A fact of order 7: at this instant, by this version, to this state.
pub(super) fn fact(at: i64, version: i64, state: &str) -> LifecycleFact {
    LifecycleFact {
        fact_id: format!("order:7#{version}"),
        family: Family::Order,
        entity_kind: "order".into(),
        entity_id: "7".into(),
        version,
        event_type: "ProductOrderStateChangeEvent".into(),
        change: if version == 1 { "created" } else { "state_changed" }.into(),
        from_state: None,
        to_state: Some(state.into()),
        occurred_at: Timestamp(at),
        ingested_at: Timestamp(at + 1),
        created_at: Some(Timestamp(0)),
        due_at: None,
        customer_id: Some("C1".into()),
        customer_class: None,
        account_id: Some("A1".into()),
        partner_ids: vec!["P1".into()],
        class: None,
        category: None,
        priority: None,
        circle: None,
        channel: None,
        flags: vec![],
        order_id: None,
    }
}

/// The sub-topology alone, with the routes that ship.
pub(super) fn topology_of(settings: SlaSettings) -> Topology {
    let mut builder = TopologyBuilder::new();
    add_to(&mut builder, Arc::new(settings), Arc::new(Router::new(default_routes()).unwrap()));
    builder.build().unwrap()
}

pub(super) struct Sla {
    pub(super) driver: TestDriver,
}

impl Sla {
    pub(super) fn new(settings: SlaSettings) -> Self {
        Self { driver: TestDriver::new(topology_of(settings), Timestamp(0)) }
    }

    /// Restarts by other settings.
    pub(super) fn restart_by(&mut self, settings: SlaSettings) {
        self.driver.restart_as(topology_of(settings));
    }

    /// One objective of an hour, and a route that notifies of its violations.
    pub(super) fn notifying() -> Self {
        let mut builder = TopologyBuilder::new();
        let settings = SlaSettings::new(vec![objective("done", "1h")], vec![]).unwrap();
        let mut routes = default_routes();
        let mut notify =
            routes.iter().find(|route| route.name == "billing-sla-violations").cloned().expect("a default route");
        notify.name = "notify-sla-violations".into();
        notify.target = "notification".into();
        routes.push(notify);
        add_to(&mut builder, Arc::new(settings), Arc::new(Router::new(routes).unwrap()));
        Self { driver: TestDriver::new(builder.build().unwrap(), Timestamp(0)) }
    }

    pub(super) fn of(objectives: Vec<ObjectiveSpec>) -> Self {
        Self::new(SlaSettings::new(objectives, vec![]).unwrap())
    }

    /// Takes a fact in at the wall clock's present.
    pub(super) fn take(&mut self, fact: &LifecycleFact) {
        let key = format!("{}:{}", fact.entity_kind, fact.entity_id);
        self.driver.pipe("hub.lifecycle", key, schemas::encode(fact), fact.occurred_at);
    }

    /// Takes a fact in as it happens.
    pub(super) fn happen(&mut self, at: i64, version: i64, state: &str) {
        self.advance(at);
        self.take(&fact(at, version, state));
    }

    pub(super) fn advance(&mut self, to: i64) {
        self.driver.advance_wall_clock(Timestamp(to));
    }

    pub(super) fn states(&mut self) -> Vec<SlaState> {
        let records = self.driver.read("hub.sla.state");
        records.iter().filter_map(|record| record.value.as_ref()).map(|value| schemas::decode(value).unwrap()).collect()
    }

    /// What was published since: status, whether closed, and the warning level.
    pub(super) fn news(&mut self) -> Vec<(SlaStatus, bool, i32)> {
        self.states().iter().map(|state| (state.status, state.closed, state.warned_percent)).collect()
    }

    pub(super) fn violations(&mut self) -> Vec<SlaViolation> {
        let records = self.driver.read("hub.sla.violation");
        records.iter().map(|record| schemas::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// What was told of degradation reports since.
    pub(super) fn reports(&mut self) -> Vec<SlaDegradation> {
        let records = self.driver.read("hub.degradation");
        records.iter().filter_map(|record| record.value.as_ref()).map(|value| schemas::decode(value).unwrap()).collect()
    }

    pub(super) fn escalations(&mut self) -> Vec<SlaEscalation> {
        let records = self.driver.read("hub.sla.escalation");
        records.iter().map(|record| schemas::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// The ids of commands to Floworx, and whether each calls back.
    pub(super) fn commands(&mut self) -> Vec<FloworxCommand> {
        let records = self.driver.read("out.floworx");
        records.iter().map(|record| schemas::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    pub(super) fn billed(&mut self) -> Vec<BillingRecord> {
        let records = self.driver.read("out.billing");
        records.iter().map(|record| schemas::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }
}
