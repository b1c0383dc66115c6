//! Metrics: the recorder of the process, and what is copied into it from the books.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use schemas::Timestamp;

use super::lag::Observed;
use super::observation::Observation;
use super::process;
use super::{burn_view, hanging, kpi_view};

/// Bounds of every histogram in seconds: a millisecond to ten minutes.
const SECONDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// How often histograms are folded, so that they do not grow.
pub(super) const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The process's recorder, made and installed at the first call.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
            .expect("the bounds are not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder takes the metrics");
        }
        describe();
        handle
    })
}

/// The page of `/metrics`.
pub(super) fn page() -> String {
    // The recorder's counters are whole numbers, and processor time is not one.
    recorder().render().replacen(
        "# TYPE process_cpu_seconds_total gauge",
        "# TYPE process_cpu_seconds_total counter",
        1,
    )
}

fn describe() {
    describe_counter!("hub_records_total", "Records that ended, by the topic they came from and their outcome");
    describe_counter!("hub_records_taken_total", "Records taken in, by topic");
    describe_gauge!("hub_conservation_imbalance", "Taken in, less ended, less waiting, by topic: 0, or a defect");
    describe_gauge!("hub_waiting", "Records that wait, by topic and the stage they wait in");
    describe_gauge!("hub_lag_records", "Records that the group has not taken in; all its hubs tell the same");
    describe_gauge!("hub_lag_seconds", "Age by event time of the oldest record not taken in, by topic");
    describe_gauge!("hub_lag_observed_timestamp_seconds", "When the log was last asked how far groups are behind");
    super::transaction_ends::describe();
    describe_gauge!("hub_restored_records", "Checkpoint entries and changelog records the tasks started from");
    describe_gauge!("hub_checkpoint_lag_bytes", "Committed changes of stores that no checkpoint has yet");
    describe_counter!("hub_checkpoint_failures_total", "Checkpoints given up: the next start replays more");
    describe_gauge!("hub_state_resident_bytes", "Memory that stores, tables and queues take, about");
    describe_gauge!("hub_state_budget_bytes", "Memory that they may take: workers.memory_bytes");
    describe_counter!("hub_state_evicted_entries_total", "Entries that left memory because the budget was spent");
    describe_counter!("hub_state_checkpoint_reads_total", "Values read from a checkpoint, not being in memory");
    describe_gauge!("hub_sla_open", "Clocks that run or rest, by objective");
    describe_gauge!("hub_sla_warned", "Open clocks past a warning level, by objective");
    describe_gauge!("hub_sla_breached", "Clocks past their target, by objective");
    describe_gauge!(
        "hub_sla_forewarned",
        "Of the clocks past their target, those that were warned of before, by objective"
    );
    describe_gauge!("hub_sla_unknown", "Clocks that no verdict can be given of, by objective and reason");
    describe_gauge!("hub_sla_met", "Clocks that ended in time, by objective");
    describe_gauge!("hub_sla_next_breach_seconds", "Seconds until the next open clock breaches, by objective");
    kpi_view::describe();
    burn_view::describe();
    describe_gauge!("hub_replayed_records", "Of those, changelog records, which the checkpoints did not have");
    describe_gauge!("hub_ready", "1 while the instance is restored and at work");
    hanging::describe();
    connectors::kafka::describe_metrics();
    connectors::unread::describe_metrics();
    super::prediction_view::describe();
    super::escalation_view::describe();
    super::scorecard_view::describe();
    describe_gauge!("hub_build_info", "1, labelled with the hub's version");
    describe_gauge!("process_resident_memory_bytes", "Memory that is the process's own");
    describe_gauge!("process_cpu_seconds_total", "Processor time used");
    gauge!("hub_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Copies what is known of the groups into the recorder.
pub(super) fn publish_lag(lag: &Observed, now: Timestamp) {
    let Some(at) = lag.at else { return };
    gauge!("hub_lag_observed_timestamp_seconds").set(at.0 as f64 / 1_000.0);
    for ((group, topic), behind) in &lag.behind {
        let seconds = behind.oldest.map_or(0.0, |oldest| now.millis_since(oldest).max(0) as f64 / 1_000.0);
        gauge!("hub_lag_records", "group" => group.clone(), "topic" => topic.clone()).set(behind.records as f64);
        gauge!("hub_lag_seconds", "group" => group.clone(), "topic" => topic.clone()).set(seconds);
    }
}

/// Copies the books into the recorder.
pub(super) fn publish(seen: &Observation) {
    for (topic, flow) in &seen.topics {
        counter!("hub_records_taken_total", "topic" => topic.clone()).absolute(flow.taken_in);
        // From the start, so that a rate of the first dead letter is one.
        for outcome in topology::Outcome::ALL {
            let count = flow.ended.get(outcome.name()).copied().unwrap_or_default();
            counter!("hub_records_total", "topic" => topic.clone(), "outcome" => outcome.name()).absolute(count);
        }
        for place in topology::Waiting::ALL {
            let count = flow.waiting.get(place.name()).copied().unwrap_or_default();
            gauge!("hub_waiting", "topic" => topic.clone(), "stage" => place.name()).set(count as f64);
        }
        gauge!("hub_conservation_imbalance", "topic" => topic.clone()).set(flow.imbalance as f64);
    }
    gauge!("hub_replayed_records").set(seen.replayed_records as f64);
    gauge!("hub_restored_records").set(seen.restored_records as f64);
    gauge!("hub_checkpoint_lag_bytes").set(seen.checkpoint_lag_bytes as f64);
    counter!("hub_checkpoint_failures_total").absolute(seen.checkpoint_failures);
    gauge!("hub_state_resident_bytes").set(seen.resident_bytes as f64);
    gauge!("hub_state_budget_bytes").set(seen.budget_bytes as f64);
    counter!("hub_state_evicted_entries_total").absolute(seen.evicted);
    counter!("hub_state_checkpoint_reads_total").absolute(seen.checkpoint_reads);
    for (objective, counts) in &seen.sla {
        gauge!("hub_sla_open", "objective" => objective.clone()).set(counts.open as f64);
        gauge!("hub_sla_warned", "objective" => objective.clone()).set(counts.warned as f64);
        gauge!("hub_sla_breached", "objective" => objective.clone()).set(counts.breached as f64);
        gauge!("hub_sla_forewarned", "objective" => objective.clone()).set(counts.forewarned as f64);
        gauge!("hub_sla_met", "objective" => objective.clone()).set(counts.met as f64);
        let next = counts.next_breach_seconds.unwrap_or(f64::INFINITY);
        gauge!("hub_sla_next_breach_seconds", "objective" => objective.clone()).set(next);
    }
    for ((objective, reason), count) in &seen.sla_unknown {
        gauge!("hub_sla_unknown", "objective" => objective.clone(), "reason" => reason.clone()).set(*count as f64);
    }
    if let Some((bytes, seconds)) = process::usage() {
        gauge!("process_resident_memory_bytes").set(bytes);
        gauge!("process_cpu_seconds_total").set(seconds);
    }
}
