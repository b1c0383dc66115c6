//! The hub's topology: which part reads which topics, and the topics themselves.

use std::sync::Arc;
use std::time::Duration;

use schemas::Family as EventFamily;
use topology::{Processor, StoreSpec, TopicSpec, Topology, TopologyBuilder, TopologyError};

use crate::burn::{self, Slo};
use crate::entity::account::{AccountProcessor, Accounts};
use crate::entity::catalog::{self, CatalogProcessor, Offerings};
use crate::entity::customer::{self, CustomerProcessor, Customers};
use crate::entity::lookup::{LOOKUP_SINK, LOOKUP_TOPIC, ORDER_ANSWER_TOPIC, TICKET_ANSWER_TOPIC};
use crate::entity::order::{DELIVERY_TOPIC, OrderProcessor, Orders};
use crate::entity::partner::{self, PartnerProcessor, Partners};
use crate::entity::ticket::{TicketProcessor, Tickets};
use crate::entity::{Engine, EntitySettings, Family, SINKS, TABLE_SINK};
use crate::kpi::{self, KpiSettings};
use crate::predict;
use crate::route::Router;
use crate::score::{self, ScoreSettings};
use crate::sla::{self, SlaSettings};

/// Everything the topology is made from.
#[derive(Clone)]
pub struct HubSettings {
    /// Bounds and policies of the entity processors.
    pub entity: EntitySettings,
    /// The routes.
    pub routes: Arc<Router>,
    /// Objectives and calendars.
    pub sla: Arc<SlaSettings>,
    /// How KPIs are measured.
    pub kpi: Arc<KpiSettings>,
    /// What shall be good of them.
    pub slos: Arc<Vec<Slo>>,
    /// How partners are scored.
    pub score: Arc<ScoreSettings>,
    /// Whether it is told how likely open clocks breach.
    pub predict: bool,
}

/// The hub's topology.
///
/// # Errors
/// When its parts do not fit together.
pub fn build(settings: &HubSettings) -> Result<Topology, TopologyError> {
    let mut builder = TopologyBuilder::new();
    let HubSettings { entity, routes, .. } = settings;
    add_orders(&mut builder, entity, routes);
    add::<Tickets, _>(
        &mut builder,
        entity,
        routes,
        TicketProcessor::new,
        Wiring {
            sources: &[EventFamily::Ticket.topic(), TICKET_ANSWER_TOPIC],
            sinks: &[(LOOKUP_SINK, LOOKUP_TOPIC)],
            ..Wiring::default()
        },
    );
    add::<Accounts, _>(
        &mut builder,
        entity,
        routes,
        AccountProcessor::new,
        Wiring { sources: &[EventFamily::Account.topic()], ..Wiring::default() },
    );
    add::<Customers, _>(
        &mut builder,
        entity,
        routes,
        CustomerProcessor::new,
        Wiring {
            sources: &[EventFamily::Customer.topic(), LOOKUP_TOPIC],
            stores: &[customer::QUESTIONS_STORE],
            sinks: &[
                (customer::ORDER_ANSWERS_SINK, ORDER_ANSWER_TOPIC),
                (customer::TICKET_ANSWERS_SINK, TICKET_ANSWER_TOPIC),
            ],
            ..Wiring::default()
        },
    );
    add::<Offerings, _>(
        &mut builder,
        entity,
        routes,
        CatalogProcessor::new,
        Wiring {
            sources: &[EventFamily::Catalog.topic()],
            sinks: &[(TABLE_SINK, catalog::TABLE_TOPIC)],
            ..Wiring::default()
        },
    );
    add::<Partners, _>(
        &mut builder,
        entity,
        routes,
        PartnerProcessor::new,
        Wiring {
            sources: &[EventFamily::Partner.topic()],
            sinks: &[(TABLE_SINK, partner::TABLE_TOPIC)],
            ..Wiring::default()
        },
    );
    sla::add_to(&mut builder, settings.sla.clone(), settings.routes.clone());
    if settings.predict {
        predict::add_to(&mut builder, settings.sla.clone());
    }
    kpi::add_to(&mut builder, &settings.kpi, &settings.slos);
    score::add_to(&mut builder, &settings.score);
    builder.build()
}

/// Adds product orders: their sub-topology `entity.order`, and the tables that enrich them.
pub fn add_orders(builder: &mut TopologyBuilder, entity: &EntitySettings, routes: &Arc<Router>) {
    builder.global_table(catalog::TABLE, catalog::TABLE_TOPIC);
    builder.global_table(partner::TABLE, partner::TABLE_TOPIC);
    let wiring = Wiring {
        sources: &[EventFamily::Order.topic(), EventFamily::Flow.topic(), ORDER_ANSWER_TOPIC, DELIVERY_TOPIC],
        tables: &[catalog::TABLE, partner::TABLE],
        sinks: &[(LOOKUP_SINK, LOOKUP_TOPIC)],
        ..Wiring::default()
    };
    add::<Orders, _>(builder, entity, routes, OrderProcessor::new, wiring);
}

/// What a family is connected to besides its state, its waiting events and the common sinks.
#[derive(Clone, Copy, Default)]
struct Wiring<'a> {
    sources: &'a [&'a str],
    /// Ordered stores.
    stores: &'a [&'a str],
    tables: &'a [&'a str],
    sinks: &'a [(&'a str, &'a str)],
}

fn add<F: Family, P: Processor + 'static>(
    builder: &mut TopologyBuilder,
    entity: &EntitySettings,
    routes: &Arc<Router>,
    new: fn(EntitySettings, Arc<Router>) -> P,
    wiring: Wiring<'_>,
) {
    const PROCESSOR: &str = "processor";
    let (states, held) = (Engine::<F>::state_store(), Engine::<F>::held_store());
    let mut part = builder.sub_topology(F::PART).store(StoreSpec::key_value(&states)).store(StoreSpec::ordered(&held));
    for topic in wiring.sources {
        part = part.source(topic, *topic);
    }
    let mut stores = vec![states.as_str(), held.as_str()];
    for store in wiring.stores {
        part = part.store(StoreSpec::ordered(*store));
        stores.push(store);
    }
    let (entity, routes) = (entity.clone(), routes.clone());
    part = part.processor(PROCESSOR, wiring.sources, &stores, wiring.tables, move || {
        Box::new(new(entity.clone(), routes.clone()))
    });
    for (name, topic) in SINKS.iter().chain(wiring.sinks) {
        part = part.sink(name, *topic, &[PROCESSOR]);
    }
}

/// Canonical and output records are kept this long.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// The hub's own questions and answers are kept this long.
const KEPT_INTERNAL: Duration = Duration::from_hours(24);
/// Records that nobody could use are kept this long.
const KEPT_LETTERS: Duration = Duration::from_hours(30 * 24);

/// The topics whose values are framed Avro records, each with the name of its record. What is on the others is the
/// hub's own: questions and answers between its parts, changelogs.
pub fn records() -> Vec<(&'static str, &'static str)> {
    let family = |family: EventFamily| match family {
        EventFamily::Order => "OrderEvent",
        EventFamily::Flow => "FlowEvent",
        EventFamily::Ticket => "TicketEvent",
        EventFamily::Account => "AccountEvent",
        EventFamily::Customer => "CustomerEvent",
        EventFamily::Catalog => "CatalogEvent",
        EventFamily::Partner => "PartnerEvent",
    };
    let mut records: Vec<_> = EventFamily::ALL.iter().map(|found| (found.topic(), family(*found))).collect();
    records.extend([
        ("hub.lifecycle", "LifecycleFact"),
        ("out.billing", "BillingRecord"),
        ("out.floworx", "FloworxCommand"),
        ("out.partner", "PartnerDelivery"),
        ("out.notification", "PartnerDelivery"),
        (DELIVERY_TOPIC, "DeliveryOutcome"),
        (catalog::TABLE_TOPIC, "CatalogEvent"),
        (partner::TABLE_TOPIC, "PartnerEvent"),
        ("hub.sla.state", "SlaState"),
        ("hub.sla.violation", "SlaViolation"),
        (sla::DEGRADATION_TOPIC, "SlaDegradation"),
        (sla::ESCALATION_TOPIC, "SlaEscalation"),
        (predict::TOPIC, "SlaPrediction"),
        (kpi::TOPIC, "KpiWindow"),
        (burn::TOPIC, "BurnRate"),
        (score::TOPIC, "Scorecard"),
        ("hub.dead_letter", "DeadLetter"),
        ("hub.quarantine", "DeadLetter"),
    ]);
    records
}

/// Every topic of the hub, with this many partitions where the key decides.
pub fn topics(partitions: u32) -> Vec<TopicSpec> {
    let mut topics: Vec<TopicSpec> =
        EventFamily::ALL.iter().map(|family| TopicSpec::delete(family.topic(), partitions, Some(KEPT))).collect();
    topics.extend(SINKS.iter().map(|(_, topic)| TopicSpec::delete(*topic, partitions, Some(KEPT))));
    topics.push(TopicSpec::delete(DELIVERY_TOPIC, partitions, Some(KEPT)));
    for topic in [LOOKUP_TOPIC, ORDER_ANSWER_TOPIC, TICKET_ANSWER_TOPIC] {
        topics.push(TopicSpec::delete(topic, partitions, Some(KEPT_INTERNAL)));
    }
    // Small, and read whole by every worker.
    topics.push(TopicSpec::compact(catalog::TABLE_TOPIC, 1));
    topics.push(TopicSpec::compact(partner::TABLE_TOPIC, 1));
    topics.push(TopicSpec::compact("hub.sla.state", partitions));
    topics.push(TopicSpec::compact(sla::DEGRADATION_TOPIC, partitions));
    topics.push(TopicSpec::compact(predict::TOPIC, partitions));
    topics.push(TopicSpec::delete(kpi::CHANGE_TOPIC, partitions, Some(KEPT_INTERNAL)));
    topics.push(TopicSpec::delete(kpi::RELATED_TOPIC, partitions, Some(KEPT_INTERNAL)));
    topics.push(TopicSpec::compact(kpi::TOPIC, partitions));
    topics.push(TopicSpec::compact(burn::TOPIC, partitions));
    topics.push(TopicSpec::delete(score::CHANGE_TOPIC, partitions, Some(KEPT_INTERNAL)));
    topics.push(TopicSpec::compact(score::TOPIC, partitions));
    topics.push(TopicSpec::delete("hub.sla.violation", partitions, Some(KEPT)));
    topics.push(TopicSpec::delete(sla::ESCALATION_TOPIC, partitions, Some(KEPT)));
    topics.push(TopicSpec::delete("hub.dead_letter", 1, Some(KEPT_LETTERS)));
    topics.push(TopicSpec::delete("hub.quarantine", 1, Some(KEPT_LETTERS)));
    topics
}
