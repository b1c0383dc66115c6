//! What a log deleted before a group had read it: told by its name, for nobody can read it any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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

/// What was told, so that a partition that moves to another member before anything is read of it is not told of again.
/// A process that starts tells again what it finds.
#[derive(Default)]
pub(crate) struct Told(Mutex<BTreeMap<(String, TopicPartition), Offset>>);

impl Told {
    /// As [`tell`], of a log in which transactions end with an offset of their own.
    pub(crate) fn tell(&self, group: &str, partition: &TopicPartition, next: Offset, first: Offset) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry((group.to_owned(), partition.clone())).or_default();
        let next = next.max(*told);
        *told = first.max(*told);
        if next.next() == first {
            // Mostly the end of a transaction whose records were read: a quiet partition loses that with time.
            tracing::info!(code = "HUB-1026", group, %partition, %next, "one offset was deleted unread");
        } else if next < first {
            tell(group, partition, next, first);
        }
    }
}
