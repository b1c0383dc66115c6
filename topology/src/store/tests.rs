//! A store that is a part against a map that is the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use schemas::Timestamp;

use super::{Entries, Stores};
use crate::sim::MemoryCheckpoints;
use crate::task::{CheckpointPace, Checkpointing};
use crate::{Checkpoints, StoreKind, TaskId};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// What happens to a store.
#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8),
    Delete(u8),
    Undo,
    Commit,
    Abort,
    /// A look at the checkpoint: a batch begins or ends.
    Step,
    Evict(usize),
    Trim(usize),
    Warm,
    Reach(u8, u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let key = 0_u8..12;
    let act = prop_oneof![
        8 => (key.clone(), any::<u8>()).prop_map(|(key, value)| Act::Put(key, value)),
        6 => key.clone().prop_map(Act::Delete),
        1 => Just(Act::Undo),
        4 => Just(Act::Commit),
        1 => Just(Act::Abort),
        8 => Just(Act::Step),
        2 => (0_usize..200).prop_map(Act::Evict),
        2 => (1_usize..4).prop_map(Act::Trim),
        1 => Just(Act::Warm),
        4 => (key.clone(), 1_u8..6).prop_map(|(from, length)| Act::Reach(from, from + length)),
    ];
    prop::collection::vec(act, 1..120)
}

fn within(model: &Model, from: u8, to: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = model.range(vec![from]..vec![to]);
    inside.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn check(stores: &Stores, model: &Model) -> Result<(), TestCaseError> {
    for from in 0..13 {
        let found = stores.collect(0, &[from], Some(&[13]), usize::MAX);
        let found: Vec<_> = found.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(&found, &within(model, from, 13));
        let few = stores.collect(0, &[from], None, 2);
        prop_assert!(few.iter().map(|(key, _)| key.to_vec()).eq(found.iter().take(2).map(|(key, _)| key.clone())));
        prop_assert_eq!(stores.get(0, &[from]), model.get(&vec![from]).map(Vec::as_slice));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_part_shows_what_the_whole_would_show(acts in acts(), seed in any::<u64>()) {
        let task = TaskId { sub_topology: "part".into(), partition: 0 };
        let disk = MemoryCheckpoints::with_faults(seed, crate::sim::FaultPlan::NONE);
        let port = disk.open(&task, &["store".to_owned()]).unwrap();
        let mut stores = Stores::new([&StoreKind::OrderedKeyValue]);
        stores.attach(port.reader().unwrap());
        stores.start_from_checkpoint(0);
        let mut checkpoint = Checkpointing::new(port, 1);
        let pace = CheckpointPace { interval: Duration::ZERO, bytes_max: usize::MAX };
        let (mut model, mut committed, mut is_open) = (Model::new(), Model::new(), false);
        let mut below = None;
        for act in acts {
            match act {
                Act::Put(key, value) => {
                    stores.put(0, &[key], &[value]);
                    model.insert(vec![key], vec![value]);
                    is_open = true;
                }
                Act::Delete(key) => {
                    stores.delete(0, &[key]);
                    model.remove(&vec![key]);
                    is_open = true;
                }
                Act::Undo => {
                    let savepoint = stores.savepoint();
                    for key in 3..9 {
                        stores.put(0, &[key], b"undone");
                        stores.reach_first(0, &[0], &[13], 1).unwrap();
                        stores.delete(0, &[key + 1]);
                        stores.reach_first(0, &[key], &[13], 5).unwrap();
                    }
                    stores.undo_to(savepoint);
                }
                Act::Commit => {
                    stores
                        .for_each_changed::<()>(|store, key, value, is_known| {
                            if !is_known {
                                checkpoint.stage(store, &key, value.as_ref());
                            }
                            Ok(())
                        })
                        .unwrap();
                    stores.committed();
                    checkpoint.committed(Timestamp(0));
                    (committed, is_open) = (model.clone(), false);
                }
                Act::Abort => {
                    stores.undo_to(0);
                    checkpoint.rolled_back();
                    (model, is_open) = (committed.clone(), false);
                }
                Act::Step => checkpoint.step(Timestamp(0), pace, &task, &mut stores, is_open).unwrap(),
                Act::Reach(from, to) => {
                    stores.reach_first(0, &[from], &[to], 1).unwrap();
                    let first = stores.entries(0).range(&[from], Some(&[to])).next().map(|entry| entry.key().to_vec());
                    prop_assert_eq!(first, within(&model, from, to).first().map(|(key, _)| key.clone()));
                }
                // What a transaction changed may have to come back as it was: it ends first.
                Act::Evict(_) | Act::Trim(_) | Act::Warm if is_open => {}
                Act::Evict(bytes) => {
                    checkpoint.evict(0, &mut stores, |entries: &mut Entries, at| entries.evict(at, bytes));
                }
                Act::Trim(slots) => {
                    checkpoint.evict(0, &mut stores, |entries, at| entries.evict_last(at, 999, &mut below, slots));
                }
                Act::Warm if stores.entries(0).is_whole() => {}
                Act::Warm => {
                    let mut after = None;
                    while let Some(last) = stores.warm(0, after.as_deref(), 3).unwrap() {
                        after = Some(last);
                    }
                    stores.loaded(0);
                }
            }
            check(&stores, &model)?;
        }
    }
}
