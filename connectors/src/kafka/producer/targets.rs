//! The topics that a producer writes to, and which partition a record goes to.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use topology::{LogError, OutgoingRecord, TopicName, TopicPartition, partition_for_key};

use crate::kafka::shared::Shared;

struct Target {
    topic: TopicName,
    wire_name: String,
    partitions: u32,
    /// The ids that frames carry there; `None` where none is exchanged.
    schema_ids: Option<Arc<[(u32, u32)]>>,
    /// Where the next record without a key goes.
    turn: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Targets {
    all: Vec<Target>,
    by_name: HashMap<TopicName, usize, RandomState>,
    last: usize,
}

impl Targets {
    /// The number of a topic's target. A count that was looked up stays, so that a key's records
    /// keep to their partition even if someone adds partitions meanwhile.
    pub(super) fn find(&mut self, shared: &Shared, topic: &TopicName) -> Result<usize, LogError> {
        if let Some(last) = self.all.get(self.last)
            && Arc::ptr_eq(&last.topic, topic)
        {
            return Ok(self.last);
        }
        let found = if let Some(found) = self.by_name.get(topic) {
            *found
        } else {
            let (_, partitions) = shared.partitions(topic)?;
            // The caller's own text, so that the next one is known by its address.
            let schema_ids = shared.schema_ids.get().and_then(|ids| ids.of_topic(topic));
            self.all.push(Target {
                topic: topic.clone(),
                wire_name: shared.wire_name(topic),
                partitions,
                schema_ids,
                turn: 0,
            });
            self.by_name.insert(topic.clone(), self.all.len() - 1);
            self.all.len() - 1
        };
        self.last = found;
        Ok(found)
    }

    pub(super) fn wire_name(&self, target: usize) -> &str {
        &self.all[target].wire_name
    }

    pub(super) fn schema_ids(&self, target: usize) -> Option<&Arc<[(u32, u32)]>> {
        self.all[target].schema_ids.as_ref()
    }

    pub(super) fn partition(&mut self, target: usize, record: &OutgoingRecord) -> Result<u32, LogError> {
        let target = &mut self.all[target];
        match (record.partition, &record.key) {
            (Some(partition), _) if partition >= target.partitions => {
                Err(LogError::UnknownPartition(TopicPartition { topic: record.topic.clone(), partition }))
            }
            (Some(partition), _) => Ok(partition),
            (None, Some(key)) => Ok(partition_for_key(key, target.partitions)),
            (None, None) => {
                target.turn = (target.turn + 1) % target.partitions.max(1);
                Ok(target.turn)
            }
        }
    }
}
