//! What wakes somebody, and what can wait until morning.

/// How soon somebody shall look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// At once.
    Page,
    /// In working hours.
    Ticket,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// An alert on the hub itself. Those on SLOs follow from a configuration: `hub sla rules`.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// `HubXxx`; its page is `docs/runbooks/HubXxx.md`.
    pub name: &'static str,
    /// How soon somebody shall look.
    pub severity: Severity,
    /// What must hold.
    pub expr: &'static str,
    /// For how long.
    pub hold: &'static str,
    /// One line, for a pager.
    pub summary: &'static str,
    /// What it means.
    pub description: &'static str,
    /// The dashboard to look at.
    pub board: &'static str,
}

/// Every alert on the hub itself.
pub const ALERTS: [Alert; 12] = [
    Alert {
        name: "HubDown",
        severity: Severity::Page,
        expr: "up{job=\"hub\"} == 0",
        hold: "2m",
        summary: "{{ $labels.instance }} does not answer",
        description: "Prometheus cannot read the metrics of this instance. What it worked on moves to others where there are some.",
        board: "hub-overview",
    },
    Alert {
        name: "HubNotReady",
        severity: Severity::Page,
        expr: "hub_ready == 0",
        hold: "10m",
        summary: "{{ $labels.instance }} is up and not at work",
        description: "A restore that takes this long, or a log, a schema registry or brokers that cannot be reached: /readyz says which.",
        board: "hub-internals",
    },
    Alert {
        name: "HubConservationImbalance",
        severity: Severity::Page,
        expr: "sum by (topic) (abs(hub_conservation_imbalance)) > 0",
        hold: "2m",
        summary: "{{ $value }} records of {{ $labels.topic }} are unaccounted for",
        description: "Records were taken in that neither ended nor wait anywhere. This is a defect of the hub.",
        board: "hub-internals",
    },
    Alert {
        name: "HubLag",
        severity: Severity::Page,
        expr: "max by (group, topic) (hub_lag_seconds) > 300",
        hold: "5m",
        summary: "{{ $labels.group }} is {{ $value | humanizeDuration }} behind on {{ $labels.topic }}",
        description: "Events lie unread. Facts, deliveries and clocks that follow from them are as late.",
        board: "hub-internals",
    },
    Alert {
        name: "HubStalled",
        severity: Severity::Page,
        expr: "max(hub_lag_records) > 0 and sum(increase(hub_commit_seconds_count[5m])) == 0",
        hold: "5m",
        summary: "Nothing is committed although {{ $value }} records wait to be read",
        description: "No worker has committed for five minutes: a log that refuses writes, or a worker that hangs.",
        board: "hub-internals",
    },
    Alert {
        name: "HubUnreadDeleted",
        severity: Severity::Page,
        // The first clause is for a counter that an instance shows for the first time: nothing was there to increase.
        expr: "sum by (group, topic) (hub_unread_offsets_deleted_total > 0 unless hub_unread_offsets_deleted_total offset 1h)\nor sum by (group, topic) (increase(hub_unread_offsets_deleted_total[1h])) > 0",
        hold: "0m",
        summary: "{{ $labels.group }} has not read up to {{ $value | humanize }} records of {{ $labels.topic }} that are deleted",
        description: "The log keeps a topic for a time, whether it was read or not, and the group stood still for longer. The publisher has to send them again.",
        board: "hub-internals",
    },
    Alert {
        name: "HubDeadLetters",
        severity: Severity::Ticket,
        expr: "sum by (topic) (rate(hub_records_total{outcome=\"dead_lettered\"}[10m]))\n/ sum by (topic) (rate(hub_records_taken_total[10m])) > 0.001\nand sum by (topic) (increase(hub_records_total{outcome=\"dead_lettered\"}[10m])) >= 5",
        hold: "10m",
        summary: "{{ $value | humanizePercentage }} of {{ $labels.topic }} become dead letters",
        description: "More than one in a thousand cannot be used. A source or a route has changed.",
        board: "hub-internals",
    },
    Alert {
        name: "HubBreakerOpen",
        severity: Severity::Ticket,
        expr: "max by (target) (hub_breaker_state) == 2",
        hold: "5m",
        summary: "{{ $labels.target }} is left alone because it fails",
        description: "Its deliveries wait and are tried again by themselves; nothing is lost.",
        board: "hub-partner",
    },
    Alert {
        name: "HubBillingBehind",
        severity: Severity::Page,
        expr: "max(hub_kpi_billing_unacknowledged_oldest_seconds{by=\"all\"}) > 900",
        hold: "1m",
        summary: "Billing has not acknowledged a change for {{ $value | humanizeDuration }}",
        description: "The oldest change is older than a quarter of an hour: the most that billing is promised.",
        board: "hub-payments",
    },
    Alert {
        name: "HubClocksAtRisk",
        severity: Severity::Ticket,
        expr: "sum by (objective) (hub_sla_warned) / sum by (objective) (hub_sla_open) > 0.2\nand sum by (objective) (hub_sla_open) >= 20",
        hold: "10m",
        summary: "{{ $value | humanizePercentage }} of the open clocks of {{ $labels.objective }} are past a warning",
        description: "Many promises are about to be broken at once: their breaches can still be avoided.",
        board: "hub-slo",
    },
    Alert {
        name: "HubCheckpointFailing",
        severity: Severity::Ticket,
        expr: "increase(hub_checkpoint_failures_total[30m]) > 0",
        hold: "0m",
        summary: "{{ $labels.instance }} cannot write its checkpoints",
        description: "Nothing is lost, but the next start replays more of the changelogs. Mostly a full or failing disk.",
        board: "hub-internals",
    },
    Alert {
        name: "HubStateOverBudget",
        severity: Severity::Ticket,
        expr: "sum by (instance) (hub_state_resident_bytes) > 1.1 * sum by (instance) (hub_state_budget_bytes)\nand sum by (instance) (hub_state_budget_bytes) > 0",
        hold: "15m",
        summary: "State of {{ $labels.instance }} takes more memory than it may",
        description: "What cannot leave memory (windows, changes without a checkpoint) is larger than workers.memory_bytes.",
        board: "hub-internals",
    },
];
