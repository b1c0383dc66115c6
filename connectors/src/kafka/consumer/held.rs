//! Records that are held back until the schema they were written with is known here.

use std::collections::BTreeSet;

use topology::{Record, TopicPartition};

use super::KafkaConsumer;

impl KafkaConsumer {
    /// Gives the records from `from` on the ids that their schemas have in memory. Those whose schema has not come
    /// yet are held back, with what follows them in their partitions, which rest meanwhile.
    pub(super) fn translate(&mut self, records: &mut Vec<Record>, from: usize) {
        let shared = self.shared.clone();
        let Some(ids) = shared.schema_ids.get() else { return };
        if self.held.is_empty() {
            let unknown =
                (from..records.len()).find(|at| self.incoming.translate(Some(ids), &mut records[*at]).is_err());
            let Some(unknown) = unknown else { return };
            self.held.extend(records.drain(unknown..));
        } else {
            self.held.extend(records.drain(from..));
        }
        let before: BTreeSet<TopicPartition> = self.held.iter().map(Record::topic_partition).collect();
        let mut waiting: BTreeSet<TopicPartition> = BTreeSet::new();
        let mut held = Vec::new();
        for mut record in std::mem::take(&mut self.held) {
            let partition = record.topic_partition();
            if waiting.contains(&partition) {
                held.push(record);
            } else if self.incoming.translate(Some(ids), &mut record).is_err() {
                waiting.insert(partition);
                held.push(record);
            } else {
                records.push(record);
            }
        }
        self.held = held;
        let (rest, go_on): (Vec<_>, Vec<_>) = before.into_iter().partition(|partition| waiting.contains(partition));
        self.set_paused(&rest, true);
        self.set_paused(&go_on, false);
    }
}
