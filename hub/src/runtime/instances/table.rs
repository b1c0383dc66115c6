//! Which hub works on which partition, as the hubs tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A hub that was not heard of for so long has died: it tells of itself more often than that.
const SILENCE_MS: i64 = 30_000;

/// What a hub tells of itself: the value of its record, in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Told {
    /// Where others reach it over HTTP, as `host:port`; empty where they do not.
    pub(in crate::runtime) address: String,
    /// The partitions that its tasks run on, by part.
    pub(in crate::runtime) partitions: BTreeMap<String, Vec<u32>>,
    /// The parts that it runs, on whatever partitions.
    #[serde(default)]
    pub(in crate::runtime) parts: Vec<String>,
    /// How many workers share its partitions: members of the group.
    #[serde(default)]
    pub(in crate::runtime) workers: u32,
    /// Counts up while it lives.
    #[serde(default)]
    pub(in crate::runtime) beat: u64,
}

/// The last word of a hub.
#[derive(Debug)]
struct Word {
    /// The number of the word: of two hubs that say they have a partition the later one is right.
    number: u64,
    /// When it was heard, by this hub's clock.
    heard_ms: i64,
    told: Told,
}

/// The newest word of every hub.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Table {
    hubs: BTreeMap<String, Word>,
    words: u64,
}

impl Table {
    /// A hub has told of itself, or, without a value, that it goes.
    pub(in crate::runtime) fn take(&mut self, hub: &[u8], value: Option<&[u8]>, heard_ms: i64) {
        let hub = String::from_utf8_lossy(hub).into_owned();
        // A word that this version cannot read says that the hub does not tell where it is.
        let Some(told) = value.and_then(|value| serde_json::from_slice::<Told>(value).ok()) else {
            self.hubs.remove(&hub);
            return;
        };
        // That it still lives makes it right about nothing new.
        let before = self.hubs.get(&hub).filter(|word| word.told.partitions == told.partitions);
        let number = before.map_or_else(
            || {
                self.words += 1;
                self.words
            },
            |word| word.number,
        );
        self.hubs.insert(hub, Word { number, heard_ms, told });
    }

    /// The hubs that live, with what they told.
    fn live(&self, now_ms: i64) -> impl Iterator<Item = (&String, &Word)> {
        self.hubs.iter().filter(move |(_, word)| now_ms - word.heard_ms <= SILENCE_MS)
    }

    /// The hub that last said it has the partition.
    fn owner(&self, part: &str, partition: u32, now_ms: i64) -> Option<(&String, &Word)> {
        let has = |told: &Told| told.partitions.get(part).is_some_and(|numbers| numbers.contains(&partition));
        self.live(now_ms).filter(|(_, word)| has(&word.told)).max_by_key(|(_, word)| word.number)
    }

    /// Where the hub is reached, other than `asking`, that last said it has the partition.
    pub(in crate::runtime) fn address_of(&self, part: &str, partition: u32, asking: &str, now_ms: i64) -> Option<&str> {
        let (hub, word) = self.owner(part, partition, now_ms)?;
        Some(word.told.address.as_str()).filter(|address| hub != asking && !address.is_empty())
    }

    /// The hubs that shall follow a partition that another one has, the likeliest to take it over first; none while
    /// nobody is known to have it.
    ///
    /// The first is the one that the group's range assignor gives the partition to when its owner goes: it deals
    /// the partitions out in order to the members in the order of their names, and those begin with the hub's.
    pub(in crate::runtime) fn standbys(
        &self,
        part: &str,
        (partition, partitions): (u32, u32),
        copies: usize,
        now_ms: i64,
    ) -> Vec<&str> {
        let Some((owner, _)) = self.owner(part, partition, now_ms) else { return Vec::new() };
        let others: Vec<(&str, u32)> = self
            .live(now_ms)
            .filter(|(hub, word)| *hub != owner && word.told.parts.iter().any(|runs| runs == part))
            .map(|(hub, word)| (hub.as_str(), word.told.workers))
            .collect();
        let members: Vec<&str> =
            others.iter().flat_map(|(hub, workers)| std::iter::repeat_n(*hub, *workers as usize)).collect();
        let heir = heir(&members, partition, partitions);
        let mut rest: Vec<&str> = others.iter().map(|(hub, _)| *hub).filter(|hub| Some(*hub) != heir).collect();
        rest.sort_by_key(|hub| topology::murmur2(format!("{hub}|{part}|{partition}").as_bytes()));
        heir.into_iter().chain(rest).take(copies).collect()
    }
}

/// Whom the range assignor gives a partition to.
fn heir<'a>(members: &[&'a str], partition: u32, partitions: u32) -> Option<&'a str> {
    let count = u32::try_from(members.len()).ok().filter(|count| *count > 0)?;
    let (each, more) = (partitions / count, partitions % count);
    let dealt = more * (each + 1);
    let member = if partition < dealt { partition / (each + 1) } else { more + (partition - dealt) / each.max(1) };
    members.get(member as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str, partitions: &[u32], beat: u64) -> Told {
        let (partitions, parts) = ([("sla".to_owned(), partitions.to_vec())].into(), vec!["sla".to_owned()]);
        Told { address: address.to_owned(), partitions, parts, workers: 2, beat }
    }

    fn word(address: &str, partitions: &[u32]) -> Vec<u8> {
        serde_json::to_vec(&told(address, partitions, 0)).unwrap()
    }

    #[test]
    fn the_last_hub_that_says_it_has_a_partition_has_it() {
        let mut table = Table::default();
        let owner = |table: &Table, one, asking: &str| table.address_of("sla", one, asking, 0).map(str::to_owned);
        assert_eq!(owner(&table, 0, "me"), None);
        table.take(b"b", Some(&word("b:1", &[0, 1])), 0);
        table.take(b"a", Some(&word("a:1", &[1, 2])), 0);
        let owners = |table: &Table| [0, 1, 2, 3].map(|one| owner(table, one, "me"));
        let named = |names: [Option<&str>; 4]| names.map(|name| name.map(str::to_owned));
        assert_eq!(owners(&table), named([Some("b:1"), Some("a:1"), Some("a:1"), None]));
        // That the first one lives on does not make it the later one.
        table.take(b"b", Some(&serde_json::to_vec(&told("b:1", &[0, 1], 1)).unwrap()), 0);
        assert_eq!(owners(&table), named([Some("b:1"), Some("a:1"), Some("a:1"), None]));
        // It is back with other partitions, then goes.
        table.take(b"b", Some(&word("b:2", &[1, 3])), 0);
        assert_eq!(owners(&table), named([None, Some("b:2"), Some("a:1"), Some("b:2")]));
        table.take(b"b", None, 0);
        assert_eq!(owners(&table), named([None, Some("a:1"), Some("a:1"), None]));
        assert_eq!(owner(&table, 2, "a"), None, "a hub does not ask itself");
        assert_eq!(table.address_of("entity.order", 2, "me", 0), None);
        assert_eq!(table.address_of("sla", 1, "me", SILENCE_MS), Some("a:1"));
        assert_eq!(table.address_of("sla", 1, "me", SILENCE_MS + 1), None, "who died silently has nothing");
    }

    #[test]
    fn what_cannot_be_read_is_nowhere() {
        let mut table = Table::default();
        table.take(b"a", Some(&word("a:1", &[0])), 0);
        table.take(b"a", Some(b"\x00no json"), 0);
        assert_eq!(table.address_of("sla", 0, "me", 0), None);
        // An earlier version tells less, a later one more.
        table.take(b"a", Some(br#"{"address":"a:2","partitions":{"sla":[0]},"zone":"z"}"#), 0);
        assert_eq!(table.address_of("sla", 0, "me", 0), Some("a:2"));
        table.take(b"a", Some(&word("", &[0])), 0);
        assert_eq!(table.address_of("sla", 0, "me", 0), None, "it cannot be reached");
    }

    #[test]
    fn a_partition_is_followed_where_it_will_go() {
        let mut table = Table::default();
        assert!(table.standbys("sla", (0, 6), 1, 0).is_empty());
        table.take(b"a", Some(&word("a:1", &[0, 1])), 0);
        assert!(table.standbys("sla", (0, 6), 1, 0).is_empty(), "there is nobody else");
        table.take(b"b", Some(&word("b:1", &[2, 3])), 0);
        table.take(b"c", Some(&word("c:1", &[4, 5])), 0);
        let first = |partition| table.standbys("sla", (partition, 6), 1, 0);
        // Without a: b and c have two workers each, and 6 partitions are dealt out 2, 2, 1, 1.
        assert_eq!([first(0), first(1)], [["b"], ["b"]]);
        // Without b: a, a, c, c; without c: a, a, b, b.
        assert_eq!([first(2), first(3), first(4), first(5)], [["a"], ["a"], ["b"], ["b"]]);
        assert_eq!(table.standbys("sla", (4, 6), 5, 0), ["b", "a"], "never the owner");
        assert!(table.standbys("entity.order", (0, 6), 1, 0).is_empty());
    }

    #[test]
    fn partitions_are_dealt_out_as_the_range_assignor_does() {
        let deal = |members: &[&'static str], partitions| -> String {
            (0..partitions).map(|partition| heir(members, partition, partitions).unwrap()).collect()
        };
        assert_eq!(deal(&["a", "b", "c"], 7), "aaabbcc");
        assert_eq!(deal(&["a", "b", "c"], 6), "aabbcc");
        assert_eq!(deal(&["a", "b", "c", "d"], 3), "abc");
        assert_eq!(heir(&[], 0, 3), None);
    }
}
