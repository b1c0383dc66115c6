//! Topics and plans as text, JSON and Kubernetes resources.

use connectors::kafka::{MAX_MESSAGE_BYTES, made_with};
use serde_json::{Value, json};
use topology::{Cleanup, TopicPlan, TopicSpec, TopicStep};

use crate::config::duration;

/// How a topic is kept, in a few words.
fn kept(spec: &TopicSpec) -> String {
    match (spec.cleanup, spec.retention) {
        (Cleanup::Compact, _) | (Cleanup::CompactDelete, None) => "compacted".to_owned(),
        (Cleanup::CompactDelete, Some(retention)) => format!("compacted, kept {}", duration::display(retention)),
        (Cleanup::Delete, None) => "kept for ever".to_owned(),
        (Cleanup::Delete, Some(retention)) => format!("kept {}", duration::display(retention)),
    }
}

fn partitions(count: u32) -> String {
    format!("{count} partition{}", if count == 1 { "" } else { "s" })
}

/// A line for each topic.
pub(super) fn list(topics: &[TopicSpec]) -> String {
    let width = topics.iter().map(|spec| spec.name.len()).max().unwrap_or_default();
    let line =
        |spec: &TopicSpec| format!("{:width$}  {:>13}  {}\n", spec.name, partitions(spec.partitions), kept(spec));
    topics.iter().map(line).collect()
}

/// A plan for people: a line for each step, then what it comes to.
pub(in crate::cli) fn text(plan: &TopicPlan) -> String {
    let name = |step: &TopicStep| match step {
        TopicStep::Create(spec) | TopicStep::Change { to: spec, .. } => spec.name.len(),
        TopicStep::Refuse { topic, .. } => topic.len(),
    };
    let width = plan.steps.iter().map(name).max().unwrap_or_default();
    let mut out = String::new();
    let (mut created, mut changed) = (0, 0);
    for step in &plan.steps {
        out += &match step {
            TopicStep::Create(spec) => {
                created += 1;
                format!("+ {:width$}  {}, {}\n", spec.name, partitions(spec.partitions), kept(spec))
            }
            TopicStep::Change { from, to } => {
                changed += 1;
                format!("~ {:width$}  {} -> {}\n", to.name, kept(from), kept(to))
            }
            TopicStep::Refuse { topic, actual, wanted } => format!(
                "! {topic:width$}  has {}, {wanted} are wanted: refused, since keys would move away from their state\n",
                partitions(*actual)
            ),
        };
    }
    let (refused, unchanged) = (plan.refused(), plan.unchanged);
    out + &format!("plan: {created} to create, {changed} to change, {refused} refused, {unchanged} as they shall be\n")
}

fn described(spec: &TopicSpec) -> Value {
    let cleanup = match spec.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
        Cleanup::CompactDelete => "compact,delete",
    };
    json!({
        "name": &*spec.name,
        "partitions": spec.partitions,
        "cleanup": cleanup,
        "retention_seconds": spec.retention.map(|kept| kept.as_secs_f64()),
        "retention_bytes": spec.retention_bytes,
    })
}

/// Topics for scripts.
pub(super) fn list_json(topics: &[TopicSpec]) -> Value {
    json!({ "schema_version": 1, "topics": topics.iter().map(described).collect::<Vec<_>>() })
}

/// A plan for scripts.
pub(super) fn json(plan: &TopicPlan) -> Value {
    let step = |step: &TopicStep| match step {
        TopicStep::Create(spec) => json!({ "action": "create", "topic": &*spec.name, "to": described(spec) }),
        TopicStep::Change { from, to } => {
            json!({ "action": "change", "topic": &*to.name, "from": described(from), "to": described(to) })
        }
        TopicStep::Refuse { topic, actual, wanted } => {
            json!({ "action": "refuse", "topic": &**topic, "partitions": actual, "wanted_partitions": wanted })
        }
    };
    json!({
        "schema_version": 1,
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "unchanged": plan.unchanged,
    })
}

/// `KafkaTopic` resources of the Strimzi operator; `strimzi.io/cluster` is to be set to the cluster's name.
pub(super) fn strimzi(topics: &[TopicSpec], prefix: &str, replication: u16) -> String {
    let mut out = String::new();
    for spec in topics {
        let topic = format!("{prefix}{}", spec.name);
        // Names of resources take no underscore.
        let resource = topic.replace('_', "-");
        out += &format!(
            "---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata:\n  name: {resource}\n  labels:\n    \
             strimzi.io/cluster: kafka\nspec:\n  topicName: {topic}\n  partitions: {}\n  replicas: {replication}\n  \
             config:\n",
            spec.partitions
        );
        for (name, value) in made_with(spec, MAX_MESSAGE_BYTES) {
            out += &format!("    {name}: {value}\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_plan_says_of_each_topic_what_happens_and_why_not() {
        let week = Some(Duration::from_hours(168));
        let wanted = [
            TopicSpec::delete("new", 4, week),
            TopicSpec::compact("a.table", 1),
            TopicSpec::delete("wide", 8, None),
            TopicSpec::compact_delete("w", 1, Duration::from_hours(168)),
        ];
        let existing =
            [TopicSpec::delete("a.table", 1, None), TopicSpec::delete("wide", 1, None), TopicSpec::compact("w", 1)];
        let plan = TopicPlan::between(&wanted, &existing);
        assert_eq!(
            text(&plan),
            "+ new      4 partitions, kept 7d\n\
             ~ a.table  kept for ever -> compacted\n\
             ! wide     has 1 partition, 8 are wanted: refused, since keys would move away from their state\n\
             ~ w        compacted -> compacted, kept 7d\n\
             plan: 1 to create, 2 to change, 1 refused, 0 as they shall be\n"
        );
        let told = json(&plan);
        assert_eq!(told["steps"][0]["to"]["retention_seconds"], 604_800.0);
        assert_eq!(told["steps"][2]["wanted_partitions"], 8);
    }

    #[test]
    fn resources_carry_the_broker_s_name_and_a_legal_one() {
        let yaml = strimzi(&[TopicSpec::compact("hub.dead_letter", 2)], "jcms.", 3);
        let named = ["  name: jcms.hub.dead-letter\n", "  topicName: jcms.hub.dead_letter\n"];
        for line in named.into_iter().chain(["  replicas: 3\n", "    max.message.bytes: 1052672\n"]) {
            assert!(yaml.contains(line), "{yaml}");
        }
        let hour = strimzi(&[TopicSpec::delete("in", 2, Some(Duration::from_hours(1)))], "", 3);
        assert!(hour.contains("    cleanup.policy: delete\n    retention.ms: 3600000\n"), "{hour}");
        assert!(yaml.contains("    cleanup.policy: compact\n    retention.ms: -1\n"), "{yaml}");
    }
}
