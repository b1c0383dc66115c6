//! Three real brokers for a scenario, with three copies of everything, two of which must be in step.

use std::sync::Arc;

use connectors::kafka::KafkaLog;
use connectors::kafka::local::LocalCluster;
use tempfile::TempDir;

use super::jars_folder;
use super::java::java;
use super::kafka::{fetched, generation, log_at};

/// The running brokers, by number from 1 on.
pub struct Cluster {
    cluster: LocalCluster,
    // Below the brokers, which are to end before their folder goes.
    folder: TempDir,
}

impl Cluster {
    /// How many brokers there are.
    pub const BROKERS: u16 = 3;

    /// Starts them with empty folders and waits until they answer.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let started = LocalCluster::start(fetched(&jars_folder()), folder.path(), Self::BROKERS);
        Self { cluster: started.expect("three brokers start"), folder }
    }

    /// Where they listen.
    pub fn addresses(&self) -> String {
        self.cluster.addresses()
    }

    /// A log of its own on them, for a process of this name.
    pub fn log(&self, prefix: &str, instance: &str) -> Arc<KafkaLog> {
        log_at(&self.addresses(), prefix, instance, |_| {})
    }

    /// `kill -9`.
    pub fn crash(&mut self, number: u16) {
        self.cluster.brokers()[usize::from(number) - 1].crash().expect("a broker can be killed");
    }

    /// The same broker again on what it left.
    pub fn restart(&mut self, number: u16) {
        self.cluster.brokers()[usize::from(number) - 1].restart().expect("the broker starts again");
    }

    /// Which broker leads a partition.
    pub fn leader(&self, topic: &str, partition: u32) -> Option<u16> {
        let told = self.topics(&["--describe", "--topic", topic]);
        let wanted = partition.to_string();
        let of = |line: &str, name: &str| Some(line.split_once(name)?.1.split_whitespace().next()?.to_owned());
        let line = told.lines().find(|line| of(line, "Partition:").is_some_and(|number| number == wanted))?;
        of(line, "Leader:")?.parse().ok()
    }

    /// Whether every copy of every partition is in step.
    pub fn is_whole(&self) -> bool {
        self.topics(&["--describe", "--under-replicated-partitions"]).trim().is_empty()
    }

    fn topics(&self, arguments: &[&str]) -> String {
        let mut command = java(&["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", &self.addresses()]);
        // Fails while brokers are away, which says that nothing is known yet.
        let asked = command.args(arguments).output().expect("java is there: sh setup.sh test");
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// How often a group, by its whole name, has shared its partitions anew.
    pub fn rebalances(&self, group: &str) -> u32 {
        let of = |number| generation(&self.folder.path().join(format!("broker-{number}")), group);
        (1..=Self::BROKERS).map(of).max().unwrap_or_default()
    }
}
