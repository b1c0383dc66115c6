//! Where processors and connectors meet: what the listener admits, the topics, the topology and the
//! sinks that a configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connectors::billing::{BillingDatabase, PostgresBilling, SqliteBilling};
use connectors::floworx;
use connectors::http::{Admitted, Intake, Refusal};
use connectors::partner::{PartnerEndpoint, Partners};
use connectors::state::LmdbCheckpoints;
use processors::route::Router;
use processors::topology::HubSettings;
use schemas::{Code, Family, Timestamp, tmf};
use sha2::{Digest as _, Sha256};
use topology::{
    CheckpointSettings, Checkpoints, Cleanup, Log, MemoryBudget, TopicName, TopicSpec, Topology, WorkerSettings,
};

use crate::config::{Billing, Config, LogKind, Partner};

/// The application's name: the consumer group of the workers, the prefix of changelogs.
pub const APPLICATION: &str = "hub";

/// Where hubs that share the work tell which partitions they work on.
pub const INSTANCES_TOPIC: &str = "hub.instances";

/// The longest id: every store, memory of repeats, index and delivery repeats it.
const ID_BYTES: usize = 512;

/// Admits what the TMF readers can read.
pub struct TmfIntake {
    topics: Vec<(Family, TopicName)>,
}

impl TmfIntake {
    /// Knows every family's topic.
    pub fn new() -> Self {
        Self { topics: Family::ALL.iter().map(|family| (*family, family.topic().into())).collect() }
    }
}

impl Intake for TmfIntake {
    fn admit(&self, body: &[u8], hint: Option<&str>, now: Timestamp) -> Result<Admitted, Refusal> {
        let event = tmf::read(body, hint, now).map_err(|error| Refusal {
            code: error.code,
            field: error.field,
            detail: error.detail,
        })?;
        let family = event.family();
        let envelope = event.envelope();
        if [event.key(), &envelope.event_id, &envelope.source].iter().any(|id| id.len() > ID_BYTES) {
            let detail = format!("An id, of the entity, the event or its source, has more than {ID_BYTES} bytes.");
            return Err(Refusal::new(Code::Oversize, detail));
        }
        let topic = self
            .topics
            .iter()
            .find_map(|(known, topic)| (*known == family).then(|| topic.clone()))
            .expect("every family has its topic: the list is made of all of them");
        Ok(Admitted {
            topic,
            key: event.key().as_bytes().to_vec().into(),
            value: event.encode().into(),
            family: family.name(),
            timestamp: event.envelope().occurred_at,
        })
    }
}

/// The topology that a configuration asks for.
///
/// # Errors
/// When its parts do not fit together.
pub fn topology(config: &Config) -> anyhow::Result<Topology> {
    let routes = Router::new(config.routes.clone()).map_err(|faults| {
        anyhow::anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let settings = HubSettings {
        entity: config.entity.clone(),
        routes: Arc::new(routes),
        sla: config.sla.settings.clone(),
        predict: config.sla.predict,
        kpi: config.kpi.clone(),
        slos: config.slos.clone(),
        score: config.scorecards.settings.clone(),
    };
    Ok(processors::topology::build(&settings)?)
}

/// Every topic, those of the topology's own state included.
pub fn topics(config: &Config, topology: &Topology) -> Vec<TopicSpec> {
    let mut topics = processors::topology::topics(config.log.partitions);
    for topic in &mut topics {
        // Dead letters have their own, longer time.
        if topic.cleanup == Cleanup::Delete && !topic.name.contains("dead_letter") && !topic.name.contains("quarantine")
        {
            topic.retention = config.log.retention;
        }
    }
    let partitions = config.log.partitions;
    let known: Vec<(TopicName, u32)> = topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
    let count = |name: &str| known.iter().find(|(topic, _)| **topic == *name).map_or(partitions, |(_, count)| *count);
    topics.extend(topology.required_topics(APPLICATION, count));
    topics.push(TopicSpec::compact(INSTANCES_TOPIC, 1));
    topics
}

/// The topics whose values are framed records, by the broker's names, with the name of their record.
pub fn framed_topics(config: &Config) -> Vec<(String, &'static str)> {
    let prefix = match &config.log.kind {
        LogKind::Kafka(kafka) => kafka.prefix.as_str(),
        LogKind::Embedded => "",
    };
    processors::topology::records().into_iter().map(|(topic, record)| (format!("{prefix}{topic}"), record)).collect()
}

/// Where the checkpoints of stores are: apart for each log, whose offsets they speak of.
///
/// # Errors
/// When their thread cannot be started.
pub fn checkpoints(config: &Config) -> anyhow::Result<Arc<dyn Checkpoints>> {
    let log = match &config.log.kind {
        LogKind::Embedded => "embedded".to_owned(),
        LogKind::Kafka(settings) => {
            let digest = Sha256::digest(settings.brokers.as_bytes());
            format!("kafka-{}", digest[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    };
    let place = LmdbCheckpoints::open(&config.data.join("state").join(log));
    Ok(Arc::new(place.context("cannot start the thread that writes checkpoints")?))
}

/// What the state of all workers may take: half of the memory there is unless the file says.
pub fn memory(config: &Config, machine_bytes: Option<u64>) -> Arc<MemoryBudget> {
    let bytes = config.memory_bytes.or(machine_bytes.map(|bytes| bytes / 2));
    bytes.map_or_else(MemoryBudget::unlimited, |bytes| MemoryBudget::new(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// The settings of worker `member`.
pub fn worker(
    config: &Config,
    member: u32,
    checkpoints: &Arc<dyn Checkpoints>,
    memory: &Arc<MemoryBudget>,
) -> WorkerSettings {
    WorkerSettings {
        member,
        members: config.workers,
        commit_interval: config.log.commit_interval,
        checkpoints: CheckpointSettings {
            place: Some(checkpoints.clone()),
            interval: config.log.checkpoint_interval,
            ..CheckpointSettings::default()
        },
        memory: memory.clone(),
        ..WorkerSettings::new(APPLICATION)
    }
}

/// The billing database.
///
/// # Errors
/// When the file cannot be opened, or the address is none.
pub fn billing(config: &Config) -> anyhow::Result<Box<dyn BillingDatabase>> {
    Ok(match &config.billing {
        Billing::Sqlite(path) => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
            }
            Box::new(SqliteBilling::open(path).with_context(|| format!("cannot open the database {}", path.display()))?)
        }
        Billing::Postgres(settings) => {
            Box::new(PostgresBilling::new(settings).context("cannot use the database of [billing]")?)
        }
    })
}

/// The sinks that are configured, without `sink.` and `out.`.
pub fn sinks(config: &Config) -> Vec<&'static str> {
    let configured = [
        ("billing", true),
        ("floworx", config.floworx.is_some()),
        ("partner", true),
        ("notification", config.notification.is_some()),
    ];
    configured.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

/// The HTTP client of all sinks.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn client() -> anyhow::Result<reqwest::Client> {
    connectors::delivery::http::client(Duration::from_secs(5)).context("cannot make an HTTP client")
}

/// The sink of `out.floworx`, where one is configured.
///
/// # Errors
/// When its address is none.
pub fn floworx(config: &Config, client: &reqwest::Client) -> anyhow::Result<Option<floworx::Floworx>> {
    let Some(section) = &config.floworx else { return Ok(None) };
    let settings = floworx::FloworxSettings {
        token: section.token.as_ref().map(|token| token.reveal().to_owned()),
        concurrency: section.concurrency,
        timeout_ms: section.timeout.as_millis() as u64,
        retry: section.retry,
        ..floworx::FloworxSettings::new(section.url.clone())
    };
    floworx::Floworx::new(client.clone(), settings).map(Some).map_err(anyhow::Error::msg)
}

/// The sink of `out.partner`. It runs without partners too: what routes send to unknown ones ends
/// as a dead letter.
///
/// # Errors
/// Every fault of every partner.
pub fn partners(config: &Config, client: &reqwest::Client) -> anyhow::Result<Partners> {
    let endpoints = config.partners.iter().map(endpoint).collect();
    Partners::new(client.clone(), endpoints).map_err(|faults| anyhow::anyhow!(faults.join("; ")))
}

/// The sink of `out.notification`, where one is configured.
///
/// # Errors
/// Every fault of the endpoint.
pub fn notification(config: &Config, client: &reqwest::Client) -> anyhow::Result<Option<Partners>> {
    let Some(section) = &config.notification else { return Ok(None) };
    Partners::notification(client.clone(), endpoint(section))
        .map(Some)
        .map_err(|faults| anyhow::anyhow!(faults.join("; ")))
}

fn endpoint(partner: &Partner) -> PartnerEndpoint {
    let secrets = partner.secrets.iter().map(|secret| secret.reveal().to_owned()).collect();
    PartnerEndpoint {
        allow_plain_http: partner.allow_plain_http,
        concurrency: partner.concurrency,
        timeout_ms: partner.timeout.as_millis() as u64,
        retry: partner.retry,
        ..PartnerEndpoint::new(partner.id.clone(), partner.url.clone(), secrets)
    }
}

/// The log, as anyone uses it.
pub type SharedLog = Arc<dyn Log>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_record_or_is_known_to_have_none() {
        let config = Config::defaults();
        let framed = framed_topics(&config);
        let raw = [
            "hub.instances",
            "hub.kpi.change",
            "hub.kpi.related",
            "hub.score.change",
            "hub.customer.lookup",
            "hub.customer.answer",
            "hub.customer.answer.ticket",
        ];
        for topic in topics(&config, &topology(&config).unwrap()) {
            let is_framed = framed.iter().any(|(known, _)| **known == *topic.name);
            let is_internal = raw.contains(&&*topic.name) || topic.name.ends_with(".changelog");
            assert!(is_framed != is_internal, "{}", topic.name);
        }
        for entry in schemas::registry::SCHEMAS {
            assert!(framed.iter().any(|(_, record)| *record == entry.name), "no topic carries {}", entry.name);
        }
    }

    #[test]
    fn an_id_that_is_no_id_is_refused_at_the_door() {
        let admit = |order: &str, event: &str| {
            let event = serde_json::json!({
                "eventId": event, "eventType": "ProductOrderCreateEvent", "eventTime": "2026-11-23T10:00:00Z",
                "event": {"productOrder": {"id": order, "state": "acknowledged"}},
            });
            TmfIntake::new().admit(event.to_string().as_bytes(), None, Timestamp(0))
        };
        let (longest, longer) = ("7".repeat(ID_BYTES), "7".repeat(ID_BYTES + 1));
        assert!(admit(&longest, &longest).is_ok());
        for refused in [admit(&longer, "1"), admit("1", &longer)] {
            let refusal = refused.unwrap_err();
            assert!(refusal.code == Code::Oversize && !refusal.detail.contains("77"), "{refusal:?}");
        }
    }
}
