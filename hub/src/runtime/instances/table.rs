//! Which hub works on which partition, as the hubs tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a hub tells of itself: the value of its record, in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Told {
    /// Where others reach it over HTTP, as `host:port`.
    pub(in crate::runtime) address: String,
    /// The partitions that its tasks run on, by part.
    pub(in crate::runtime) partitions: BTreeMap<String, Vec<u32>>,
}

/// The newest word of every hub.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Table {
    /// With the number of the word: of two hubs that say they have a partition the later one is right.
    hubs: BTreeMap<String, (u64, Told)>,
    words: u64,
}

impl Table {
    /// A hub has told of itself, or, without a value, that it goes.
    pub(in crate::runtime) fn take(&mut self, hub: &[u8], value: Option<&[u8]>) {
        self.words += 1;
        let hub = String::from_utf8_lossy(hub).into_owned();
        // A word that this version cannot read says that the hub does not tell where it is.
        match value.and_then(|value| serde_json::from_slice(value).ok()) {
            Some(told) => self.hubs.insert(hub, (self.words, told)),
            None => self.hubs.remove(&hub),
        };
    }

    /// Where the hub is reached, other than `asking`, that last said it has the partition.
    pub(in crate::runtime) fn address_of(&self, part: &str, partition: u32, asking: &str) -> Option<&str> {
        let has = |told: &Told| told.partitions.get(part).is_some_and(|numbers| numbers.contains(&partition));
        let others = self.hubs.iter().filter(|(hub, (_, told))| *hub != asking && has(told));
        others.max_by_key(|(_, (word, _))| word).map(|(_, (_, told))| told.address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(address: &str, partitions: &[u32]) -> Vec<u8> {
        let partitions = [("sla".to_owned(), partitions.to_vec())].into();
        serde_json::to_vec(&Told { address: address.to_owned(), partitions }).unwrap()
    }

    #[test]
    fn the_last_hub_that_says_it_has_a_partition_has_it() {
        let mut table = Table::default();
        assert_eq!(table.address_of("sla", 0, "me"), None);
        table.take(b"b", Some(&word("b:1", &[0, 1])));
        table.take(b"a", Some(&word("a:1", &[1, 2])));
        let owners = |table: &Table| [0, 1, 2, 3].map(|one| table.address_of("sla", one, "me").map(str::to_owned));
        let named = |names: [Option<&str>; 4]| names.map(|name| name.map(str::to_owned));
        assert_eq!(owners(&table), named([Some("b:1"), Some("a:1"), Some("a:1"), None]));
        // The first one is back with other partitions, then goes.
        table.take(b"b", Some(&word("b:2", &[1, 3])));
        assert_eq!(owners(&table), named([None, Some("b:2"), Some("a:1"), Some("b:2")]));
        table.take(b"b", None);
        assert_eq!(owners(&table), named([None, Some("a:1"), Some("a:1"), None]));
        assert_eq!(table.address_of("sla", 2, "a"), None, "a hub does not ask itself");
        assert_eq!(table.address_of("entity.order", 2, "me"), None);
    }

    #[test]
    fn what_cannot_be_read_is_nowhere() {
        let mut table = Table::default();
        table.take(b"a", Some(&word("a:1", &[0])));
        table.take(b"a", Some(b"\x00no json"));
        assert_eq!(table.address_of("sla", 0, "me"), None);
        // A later version may tell more.
        table.take(b"a", Some(br#"{"address":"a:2","partitions":{"sla":[0]},"zone":"z"}"#));
        assert_eq!(table.address_of("sla", 0, "me"), Some("a:2"));
    }
}
