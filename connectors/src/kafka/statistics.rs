//! A few of the clients' numbers as metrics, each summed over the clients of one role.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use serde::Deserialize;

/// Says what the metrics of Kafka clients mean.
pub fn describe_metrics() {
    describe_gauge!("hub_kafka_connections", "Connections to brokers that are up, by the clients' role");
    describe_gauge!("hub_kafka_queued_records", "Records that clients have taken and brokers have not confirmed");
    describe_gauge!("hub_kafka_queued_bytes", "Bytes of the records that brokers have not confirmed");
    describe_counter!("hub_kafka_received_bytes_total", "Bytes that clients received from brokers");
    describe_counter!("hub_kafka_sent_bytes_total", "Bytes that clients sent to brokers");
    // From the start, so that there is something to ask for before the first report, and without brokers.
    for role in ["consumer", "producer", "reader", "admin"] {
        publish(role, &Report::default(), &Report::default());
    }
}

/// What is kept of librdkafka's report.
#[derive(Clone, Copy, Default, Deserialize)]
struct Report {
    /// Records in the producer's queues.
    #[serde(default)]
    msg_cnt: u64,
    /// Their bytes.
    #[serde(default)]
    msg_size: u64,
    /// Bytes received from brokers since the client was made.
    #[serde(default)]
    rx_bytes: u64,
    /// Bytes sent to brokers since the client was made.
    #[serde(default)]
    tx_bytes: u64,
    #[serde(default, rename = "brokers", deserialize_with = "up")]
    connections: u64,
}

#[derive(Deserialize)]
struct Broker {
    #[serde(default)]
    state: String,
    #[serde(default)]
    nodeid: i64,
}

/// How many brokers have a connection that is up; bootstrap addresses have no id of a node.
fn up<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let brokers = HashMap::<String, Broker>::deserialize(deserializer)?;
    Ok(brokers.values().filter(|broker| broker.nodeid >= 0 && broker.state == "UP").count() as u64)
}

/// One client's part in the metrics of its role. It takes that back when it is dropped.
pub(super) struct Statistics {
    role: &'static str,
    last: Mutex<Report>,
}

impl Statistics {
    pub(super) fn new(role: &'static str) -> Self {
        Self { role, last: Mutex::default() }
    }

    /// Takes in a report of the client.
    pub(super) fn publish(&self, report: &[u8]) {
        match serde_json::from_slice(report) {
            Ok(report) => self.replace(report),
            Err(error) => tracing::debug!(%error, "a report of librdkafka cannot be read"),
        }
    }

    fn replace(&self, report: Report) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        publish(self.role, &last, &report);
        *last = report;
    }
}

/// Moves the metrics of a role by what is new in a client's report.
fn publish(role: &'static str, last: &Report, report: &Report) {
    let move_by = |name: &'static str, from: u64, to: u64| {
        gauge!(name, "client" => role).increment(to as f64 - from as f64);
    };
    move_by("hub_kafka_connections", last.connections, report.connections);
    move_by("hub_kafka_queued_records", last.msg_cnt, report.msg_cnt);
    move_by("hub_kafka_queued_bytes", last.msg_size, report.msg_size);
    let received = report.rx_bytes.saturating_sub(last.rx_bytes);
    counter!("hub_kafka_received_bytes_total", "client" => role).increment(received);
    let sent = report.tx_bytes.saturating_sub(last.tx_bytes);
    counter!("hub_kafka_sent_bytes_total", "client" => role).increment(sent);
}

impl Drop for Statistics {
    fn drop(&mut self) {
        let Report { rx_bytes, tx_bytes, .. } = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace(Report { rx_bytes, tx_bytes, ..Report::default() });
    }
}
