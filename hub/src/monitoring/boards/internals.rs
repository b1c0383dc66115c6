//! The engine room.

use crate::monitoring::panel::{lines, query};
use crate::monitoring::{Board, Kind, Unit};

pub(super) const BOARD: Board = Board {
    uid: "hub-internals",
    title: "Hub / Internals",
    help: "Lag, commits, state, restores, dead letters and conservation: for whoever runs the hub itself.",
    variables: &[],
    panels: &[
        lines(
            "Imbalance by topic",
            "Taken in, less ended, less waiting. Anything but 0 is a defect.",
            Unit::Count,
            "hub-overview",
            &[query("sum by (topic) (abs(hub_conservation_imbalance))", "{{topic}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Lag in seconds",
            "Age by event time of the oldest record not taken in.",
            Unit::Seconds,
            "hub-overview",
            &[query("max by (group, topic) (hub_lag_seconds)", "{{group}} {{topic}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Lag in records",
            "Records that their group has not taken in.",
            Unit::Count,
            "hub-overview",
            &[query("max by (group, topic) (hub_lag_records)", "{{group}} {{topic}}")],
        ),
        lines(
            "Deleted unread",
            "Offsets that the log deleted before the group had read them.",
            Unit::Count,
            "hub-overview",
            &[query("sum by (group, topic) (hub_unread_offsets_deleted_total)", "{{group}} {{topic}}")],
        )
        .drawn(Kind::Bars),
        lines(
            "Transactions",
            "Of the workers, per second, by how they ended. What was aborted or fenced is done again.",
            Unit::PerSecond,
            "hub-overview",
            &[
                query("sum by (end) (rate(hub_transactions_total[$__rate_interval]))", "{{end}}"),
                query("sum(rate(hub_partitions_lost_total[$__rate_interval]))", "partitions lost"),
            ],
        ),
        lines(
            "Commit time",
            "From the begin of a commit until its worker heard of the end; other work goes on meanwhile.",
            Unit::Seconds,
            "hub-overview",
            &[
                query(
                    "histogram_quantile(0.5, sum by (le) (rate(hub_commit_seconds_bucket[$__rate_interval])))",
                    "p50",
                ),
                query(
                    "histogram_quantile(0.99, sum by (le) (rate(hub_commit_seconds_bucket[$__rate_interval])))",
                    "p99",
                ),
            ],
        ),
        lines(
            "Dead letters and quarantine",
            "Records that ended badly, by topic.",
            Unit::PerSecond,
            "hub-overview",
            &[query(
                "sum by (topic, outcome) (rate(hub_records_total{outcome=~\"dead_lettered|quarantined|rejected\"}[$__rate_interval]))",
                "{{topic}} {{outcome}}",
            )],
        ),
        lines(
            "State in memory",
            "Stores, tables and queues, and what they may take.",
            Unit::Bytes,
            "hub-overview",
            &[query("sum(hub_state_resident_bytes)", "resident"), query("sum(hub_state_budget_bytes)", "budget")],
        ),
        lines(
            "State beyond memory",
            "Entries that left memory, and reads of a checkpoint for what is not in memory.",
            Unit::PerSecond,
            "hub-overview",
            &[
                query("sum(rate(hub_state_evicted_entries_total[$__rate_interval]))", "evicted"),
                query("sum(rate(hub_state_checkpoint_reads_total[$__rate_interval]))", "checkpoint reads"),
            ],
        ),
        lines(
            "Checkpoints",
            "Changes that no checkpoint has yet: what a crash replays.",
            Unit::Bytes,
            "hub-overview",
            &[query("sum(hub_checkpoint_lag_bytes)", "behind")],
        ),
        lines(
            "Restored",
            "Records that the tasks started from.",
            Unit::Count,
            "hub-overview",
            &[query("sum(hub_restored_records)", "records")],
        ),
        lines(
            "Kafka clients",
            "Bytes to and from brokers, by the clients' role; nothing on the embedded log.",
            Unit::Bytes,
            "hub-overview",
            &[
                query("sum by (client) (rate(hub_kafka_sent_bytes_total[$__rate_interval]))", "{{client}} sent/s"),
                query(
                    "sum by (client) (rate(hub_kafka_received_bytes_total[$__rate_interval]))",
                    "{{client}} received/s",
                ),
                query("sum by (client) (hub_kafka_queued_bytes)", "{{client}} queued"),
            ],
        ),
        lines(
            "Process memory",
            "Of each instance.",
            Unit::Bytes,
            "hub-overview",
            &[query("max by (instance) (process_resident_memory_bytes)", "{{instance}}")],
        ),
        lines(
            "Processor",
            "Seconds per second, of each instance.",
            Unit::Times,
            "hub-overview",
            &[query("sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{instance}}")],
        ),
        lines(
            "KPIs: late and suspect",
            "Amendments after the grace, and times that make no sense; in no figure.",
            Unit::Count,
            "hub-orders",
            &[
                query("sum by (kpi) (hub_kpi_late_total)", "{{kpi}} late"),
                query("sum by (kpi) (hub_kpi_suspect_total)", "{{kpi}} suspect"),
            ],
        ),
    ],
};
