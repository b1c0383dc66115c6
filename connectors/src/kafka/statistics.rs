//! A few of the client's numbers as metrics.

use serde::Deserialize;

/// What is kept of librdkafka's report.
#[derive(Deserialize)]
struct Report {
    /// Messages in the producer's queues.
    #[serde(default)]
    msg_cnt: u64,
    /// Their bytes.
    #[serde(default)]
    msg_size: u64,
    /// Bytes received from brokers.
    #[serde(default)]
    rx_bytes: u64,
    /// Bytes sent to brokers.
    #[serde(default)]
    tx_bytes: u64,
    #[serde(default)]
    brokers: std::collections::HashMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    #[serde(default)]
    state: String,
    #[serde(default)]
    nodeid: i64,
}

/// Publishes a client's report. Clients of the same role share the numbers of the last one.
pub(super) fn publish(role: &'static str, report: &[u8]) {
    let report: Report = match serde_json::from_slice(report) {
        Ok(report) => report,
        Err(error) => {
            tracing::debug!(%error, "a report of librdkafka cannot be read");
            return;
        }
    };
    let up = report.brokers.values().filter(|broker| broker.nodeid >= 0 && broker.state == "UP").count();
    metrics::gauge!("hub_kafka_brokers_up", "client" => role).set(up as f64);
    metrics::gauge!("hub_kafka_queued_records", "client" => role).set(report.msg_cnt as f64);
    metrics::gauge!("hub_kafka_queued_bytes", "client" => role).set(report.msg_size as f64);
    metrics::gauge!("hub_kafka_received_bytes", "client" => role).set(report.rx_bytes as f64);
    metrics::gauge!("hub_kafka_sent_bytes", "client" => role).set(report.tx_bytes as f64);
}
