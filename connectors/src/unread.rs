//! What a log deleted before a group had read it: told by its name, for nobody can read it any more.

use metrics::{Counter, counter, describe_counter};
use topology::{Offset, TopicPartition};

/// Says what the metric of unread records means.
pub fn describe_metrics() {
    describe_counter!(
        "hub_unread_offsets_deleted_total",
        "Offsets that the log deleted before the group had read them, by group and topic"
    );
}

fn deleted(group: &str, topic: &str) -> Counter {
    counter!("hub_unread_offsets_deleted_total", "group" => group.to_owned(), "topic" => topic.to_owned())
}

/// A group reads a topic: so far nothing is missing.
pub(crate) fn begin(group: &str, topic: &str) {
    deleted(group, topic).increment(0);
}

/// Tells that a group was to read from `next` on, and that the partition begins only at `first` by now.
pub(crate) fn tell(group: &str, partition: &TopicPartition, next: Offset, first: Offset) {
    deleted(group, &partition.topic).increment(first.0.abs_diff(next.0));
    tracing::error!(
        code = "HUB-1026",
        group,
        %partition,
        %next,
        %first,
        "the log deleted records before the group had read them"
    );
}
