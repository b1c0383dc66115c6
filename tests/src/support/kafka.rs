//! Real Apache Kafka for a scenario, in a temporary folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use connectors::kafka::local::{Jars, LocalBroker};
use connectors::kafka::{KafkaLog, KafkaSettings};
use serde_json::json;
use tempfile::TempDir;
use topology::{Consumer, ConsumerConfig, Log as _};

use super::java::{java, run};

/// A running broker.
pub struct Broker {
    broker: LocalBroker,
    // Below the broker, which is to end before its folder goes.
    folder: TempDir,
}

/// The folder that holds the broker's jars, beside the build; they are there when this returns.
pub fn jars_folder() -> PathBuf {
    // target/<profile>/deps/tests-<hash> -> target/test-kafka
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(3).expect("three folders up").join("test-kafka");
    fetched(&folder);
    folder
}

/// Fetched by one of the scenarios; the others wait for it.
pub(super) fn fetched(folder: &Path) -> &'static Jars {
    static JARS: OnceLock<Jars> = OnceLock::new();
    JARS.get_or_init(|| Jars::fetch(folder).expect("Maven is there: sh setup.sh test"))
}

impl Broker {
    /// Starts a broker with an empty folder and waits until it answers.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = LocalBroker::start(fetched(&jars_folder()), folder.path()).expect("a broker starts");
        Self { broker, folder }
    }

    /// As [`Broker::start`], with a controller that outlives crashes of the broker.
    pub fn start_beside_controller() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let started = LocalBroker::start_beside_controller(fetched(&jars_folder()), folder.path());
        Self { broker: started.expect("a broker starts beside its controller"), folder }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.broker.address()
    }

    /// The port where it listens.
    pub fn port(&self) -> u16 {
        let address = self.address();
        address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address ends with a port")
    }

    /// A log of its own among those of this broker, for a process of this name.
    pub fn log(&self, prefix: &str, instance: &str) -> Arc<KafkaLog> {
        self.log_with(prefix, instance, |_| {})
    }

    /// As [`Broker::log`], with other settings.
    pub fn log_with(&self, prefix: &str, instance: &str, change: impl FnOnce(&mut KafkaSettings)) -> Arc<KafkaLog> {
        log_at(&self.address(), prefix, instance, change)
    }

    /// How often a group, by its whole name, has shared its partitions anew.
    pub fn rebalances(&self, group: &str) -> u32 {
        generation(self.folder.path(), group)
    }

    /// Deletes what comes before these offsets in partitions of a topic, named as the broker does.
    pub fn delete_records(&self, topic: &str, before: &[(u32, i64)]) {
        let place =
            |(partition, offset): &(u32, i64)| json!({"topic": topic, "partition": partition, "offset": offset});
        let places: Vec<_> = before.iter().map(place).collect();
        let file = self.folder.path().join("delete-records.json");
        std::fs::write(&file, json!({"version": 1, "partitions": places}).to_string()).expect("a writable folder");
        let tool = "org.apache.kafka.tools.DeleteRecordsCommand";
        run(java(&[tool, "--bootstrap-server", &self.address(), "--offset-json-file"]).arg(&file));
    }

    /// `kill -9`, and the same broker again on what it left.
    pub fn crash_and_restart(&mut self) {
        self.broker.crash_and_restart().expect("the broker starts again");
    }
}

/// A log of its own on these brokers, for a process of this name.
pub fn log_at(brokers: &str, prefix: &str, instance: &str, change: impl FnOnce(&mut KafkaSettings)) -> Arc<KafkaLog> {
    let mut settings = KafkaSettings::new(brokers, instance);
    prefix.clone_into(&mut settings.prefix);
    change(&mut settings);
    let on_stuck = Arc::new(|what: &str| panic!("{what}"));
    KafkaLog::open(settings, on_stuck).expect("the settings are taken")
}

/// The only member that this process has of a group, which reads one topic.
pub fn member(log: &KafkaLog, group: &str, topic: &str) -> Box<dyn Consumer> {
    let config = ConsumerConfig { group: group.to_owned(), member: 0, members: 1, topics: vec![topic.into()] };
    log.consumer(config).expect("a member is made")
}

/// The last generation of a group by the log of the broker that runs on this folder; 0 where it tells of none.
pub(super) fn generation(folder: &Path, group: &str) -> u32 {
    let log = std::fs::read_to_string(folder.join("broker.log")).expect("the broker has a log");
    let begin = format!("Stabilized group {group} generation ");
    let numbers = log.lines().filter_map(|line| line.split_once(&begin)?.1.split(' ').next()?.parse().ok());
    numbers.max().unwrap_or_default()
}
