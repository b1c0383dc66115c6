//! Checkpoints on a real file.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use schemas::Timestamp;
use topology::{Checkpoint, CheckpointBatch, Checkpoints, Offset, StoreChanges, TaskId};

use super::LmdbCheckpoints;

fn task() -> TaskId {
    TaskId { sub_topology: "entity.order".into(), partition: 3 }
}

fn names() -> Vec<String> {
    vec!["orders".to_owned(), "ledger".to_owned()]
}

fn open(directory: &std::path::Path) -> Box<dyn Checkpoint> {
    LmdbCheckpoints::open(directory).unwrap().open(&task(), &names()).unwrap()
}

fn batch(changes: Vec<(Bytes, Option<Bytes>)>, next: i64) -> CheckpointBatch {
    CheckpointBatch {
        stores: vec![
            StoreChanges { entries: changes, expired_before: None, next_offset: Some(Offset(next)) },
            StoreChanges::default(),
        ],
        committed_at: Timestamp(next * 1000),
    }
}

fn all(checkpoint: &dyn Checkpoint, max_bytes: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut after = None;
    let reader = checkpoint.reader().unwrap();
    loop {
        let mut each = |key: &[u8], value: &[u8]| {
            assert!(found.insert(key.to_vec(), value.to_vec()).is_none(), "an entry was given twice");
        };
        after = reader.load(0, after.as_deref(), max_bytes, &mut each).unwrap();
        if after.is_none() {
            return found;
        }
    }
}

#[test]
fn entries_and_positions_are_there_after_a_new_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(directory.path());
    assert_eq!((checkpoint.position(0), checkpoint.committed_at()), (None, None));
    let entry = |key: &'static [u8], value: &'static [u8]| (Bytes::from_static(key), Some(Bytes::from_static(value)));
    checkpoint.write(batch(vec![entry(b"a", b"1"), entry(b"", b"no key"), entry(b"gone", b"2")], 7)).unwrap();
    checkpoint.finish().unwrap();
    checkpoint.write(batch(vec![entry(b"a", b"3"), (Bytes::from_static(b"gone"), None)], 9)).unwrap();
    while checkpoint.is_busy().unwrap() {
        std::thread::yield_now();
    }
    drop(checkpoint);
    let checkpoint = open(directory.path());
    assert_eq!(all(checkpoint.as_ref(), 1), [(vec![], b"no key".to_vec()), (b"a".to_vec(), b"3".to_vec())].into());
    assert_eq!(checkpoint.position(0), Some(Offset(9)));
    assert_eq!(checkpoint.position(1), None, "nothing is known of a store that was never written");
    assert_eq!(checkpoint.committed_at(), Some(Timestamp(9000)));
}

#[test]
fn a_new_holder_sees_what_the_former_one_gave_away_last() {
    let directory = tempfile::tempdir().unwrap();
    let place = Arc::new(LmdbCheckpoints::open(directory.path()).unwrap());
    for round in 0..20_i64 {
        let mut checkpoint = place.open(&task(), &names()).unwrap();
        assert_eq!(checkpoint.position(0), (round > 0).then_some(Offset(round)));
        let entries = (0..200).map(|key: u32| (Bytes::copy_from_slice(&key.to_be_bytes()), Some(Bytes::from("v"))));
        checkpoint.write(batch(entries.collect(), round + 1)).unwrap();
        // Closed without waiting, as when the partitions are lost.
    }
}

#[test]
fn a_reader_goes_on_reading_what_it_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(directory.path());
    let long = vec![b'k'; 700];
    let entry = |key: &[u8], value: &'static str| (Bytes::copy_from_slice(key), Some(Bytes::from(value)));
    checkpoint.write(batch(vec![entry(b"a", "1"), entry(&long, "long"), entry(b"gone", "2")], 1)).unwrap();
    checkpoint.finish().unwrap();
    let before = checkpoint.reader().unwrap();
    checkpoint.write(batch(vec![entry(b"a", "3"), (Bytes::from("gone"), None)], 2)).unwrap();
    checkpoint.finish().unwrap();
    let after = checkpoint.reader().unwrap();
    for (reader, expected) in [(&before, [Some("1"), Some("2")]), (&after, [Some("3"), None])] {
        let get = |key: &[u8]| reader.get(0, key).unwrap().map(|value| std::str::from_utf8(value).unwrap().to_owned());
        assert_eq!([get(b"a").as_deref(), get(b"gone").as_deref()], expected);
        assert_eq!(get(&long).as_deref(), Some("long"));
        assert_eq!((get(b""), get(&long[1..]), get(b"b")), (None, None, None));
        assert_eq!(reader.get(1, b"a").unwrap(), None, "another store");
    }
}

#[test]
fn a_holder_that_was_replaced_can_not_write_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let place = LmdbCheckpoints::open(directory.path()).unwrap();
    let mut former = place.open(&task(), &names()).unwrap();
    let mut holder = place.open(&task(), &names()).unwrap();
    holder.write(batch(vec![(Bytes::from("a"), Some(Bytes::from("new")))], 2)).unwrap();
    holder.finish().unwrap();
    former.write(batch(vec![(Bytes::from("a"), Some(Bytes::from("old")))], 1)).unwrap();
    assert!(former.finish().is_err());
    assert_eq!(holder.reader().unwrap().get(0, b"a").unwrap(), Some(&b"new"[..]));
}

#[test]
fn clearing_forgets_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(directory.path());
    checkpoint.write(batch(vec![(Bytes::from("a"), Some(Bytes::from("1")))], 1)).unwrap();
    checkpoint.clear().unwrap();
    assert_eq!((checkpoint.position(0), checkpoint.committed_at()), (None, None));
    assert!(all(open(tempfile::tempdir().unwrap().path()).as_ref(), 100).is_empty());
    assert!(all(checkpoint.as_ref(), 100).is_empty());
}

#[test]
fn what_expired_is_deleted_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(directory.path());
    let long = |first: &[u8]| [first, &[7; 600]].concat();
    let keys = [b"a".to_vec(), b"b1".to_vec(), b"b2".to_vec(), b"c".to_vec(), long(b"a"), long(b"c"), Vec::new()];
    let entries = keys.iter().map(|key| (Bytes::copy_from_slice(key), Some(Bytes::from("v"))));
    checkpoint.write(batch(entries.collect(), 1)).unwrap();
    checkpoint.finish().unwrap();
    let mut expiring = batch(vec![(Bytes::from("b3"), Some(Bytes::from("v")))], 2);
    expiring.stores[0].expired_before = Some(Bytes::from("b2"));
    checkpoint.write(expiring).unwrap();
    checkpoint.finish().unwrap();
    let left: Vec<_> = all(checkpoint.as_ref(), 1).into_keys().collect();
    assert_eq!(left, [b"b2".to_vec(), b"b3".to_vec(), b"c".to_vec(), long(b"c")]);
}

#[test]
fn a_store_that_was_gone_for_a_while_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let place = LmdbCheckpoints::open(directory.path()).unwrap();
    let mut checkpoint = place.open(&task(), &names()).unwrap();
    let entry = |key: &'static str| (Bytes::from(key), Some(Bytes::from("1")));
    checkpoint.write(batch(vec![entry("a"), entry("b")], 1)).unwrap();
    checkpoint.finish().unwrap();
    drop(checkpoint);
    // As many tables as there may be at once must not be too many over the years.
    for round in 0..200 {
        let names = [format!("other-{round}"), "ledger".to_owned()];
        let mut without = place.open(&task(), &names).unwrap();
        without.write(batch(vec![entry("c")], 2)).unwrap();
        without.finish().unwrap();
    }
    let checkpoint = place.open(&task(), &names()).unwrap();
    assert_eq!((checkpoint.position(0), checkpoint.committed_at()), (None, Some(Timestamp(2000))));
    assert!(all(checkpoint.as_ref(), 100).is_empty());
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("entity.order").join("3");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("data.mdb"), b"this is no database, whatever its name says").unwrap();
    let error = LmdbCheckpoints::open(directory.path()).unwrap().open(&task(), &names()).err().unwrap();
    assert!(error.to_string().contains("entity.order"), "{error}");
}

/// Keys of which some are too long to be kept as they are, and differ there only.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    let long = (prop::collection::vec(0_u8..3, 0..2), 496_usize..504, prop::collection::vec(0_u8..3, 0..3));
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::collection::vec(0_u8..3, 498..504),
        long.prop_map(|(first, length, last)| [first, vec![1; length], last].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batches_come_to_what_a_map_comes_to(
        batches in prop::collection::vec(
            prop::collection::btree_map(
                keys(),
                prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
                0..20,
            ),
            0..6,
        ),
        max_bytes in 1_usize..200,
        edges in prop::collection::vec(keys(), 2..5),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut model = BTreeMap::new();
        let mut checkpoint = open(directory.path());
        for (number, changes) in batches.into_iter().enumerate() {
            let entries = changes.iter().map(|(key, value)| {
                (Bytes::copy_from_slice(key), value.as_ref().map(|value| Bytes::copy_from_slice(value)))
            });
            checkpoint.write(batch(entries.collect(), number as i64)).unwrap();
            checkpoint.finish().unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => drop(model.insert(key, value)),
                    None => drop(model.remove(&key)),
                }
            }
        }
        let reader = checkpoint.reader().unwrap();
        for (from, to) in edges.iter().flat_map(|from| edges.iter().map(move |to| (from, to))) {
            for to in [Some(to).filter(|to| *to >= from), None] {
                let within = |key: &Vec<u8>| key >= from && to.is_none_or(|to| key < to);
                let expected: Vec<_> = model.clone().into_iter().filter(|(key, _)| within(key)).collect();
                for limit in [1, 2, usize::MAX] {
                    let mut found = Vec::new();
                    let mut each = |key: &[u8], value: &[u8]| {
                        found.push((key.to_vec(), value.to_vec()));
                        found.len() < limit
                    };
                    reader.range(0, from, to.map(Vec::as_slice), &mut each).unwrap();
                    prop_assert_eq!(&found[..], &expected[..expected.len().min(limit)]);
                }
            }
        }
        prop_assert_eq!(all(checkpoint.as_ref(), max_bytes), model);
    }
}
