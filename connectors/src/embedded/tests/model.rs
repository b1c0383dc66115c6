//! Random histories against the simplest log there is: vectors.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemas::Timestamp;
use topology::{Log, Offset, Position, Producer, TopicPartition, TopicSpec};

use super::{open_with, read_all, record, values};
use crate::embedded::Settings;

#[derive(Clone, Debug)]
enum Step {
    /// Records (place, key, value length) and perhaps a position.
    Commit(Vec<(usize, u8, u8)>, Option<(usize, i64)>),
    Abort(Vec<(usize, u8, u8)>),
    Maintain,
    Reopen,
}

const PLACES: [(&str, u32); 3] = [("plain", 0), ("plain", 1), ("compact", 0)];

fn step() -> impl Strategy<Value = Step> {
    let records = || proptest::collection::vec((0..PLACES.len(), 0..5_u8, 0..90_u8), 0..6);
    let position = proptest::option::of((0..PLACES.len(), 0..100_i64));
    prop_oneof![
        8 => (records(), position).prop_map(|(records, position)| Step::Commit(records, position)),
        1 => records().prop_map(Step::Abort),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

fn send(producer: &mut dyn Producer, records: &[(usize, u8, u8)]) {
    for (place, key, length) in records {
        let (topic, partition) = PLACES[*place];
        let value = "v".repeat(usize::from(*length));
        producer.send(record(topic, partition, &key.to_string(), &value)).unwrap();
    }
}

/// Offset, key and value of every record that should be there, or might be if compacted.
type Model = Vec<Vec<(i64, String, String)>>;

fn compare(log: &dyn Log, model: &Model, positions: &BTreeMap<usize, i64>, compacted: bool) {
    for (number, (topic, partition)) in PLACES.iter().enumerate() {
        let records = read_all(log, topic, *partition);
        let found: Vec<_> = records
            .iter()
            .zip(values(&records))
            .map(|(record, value)| {
                (record.offset.0, String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap(), value)
            })
            .collect();
        let expected = &model[number];
        let place = TopicPartition::new(*topic, *partition);
        assert_eq!(log.bounds(&place).unwrap().1, Offset(expected.len() as i64));
        if *topic == "compact" && compacted {
            assert!(found.iter().all(|record| expected.contains(record)));
            assert!(found.is_sorted());
            let newest: BTreeMap<_, _> = expected.iter().map(|record| (&record.1, record)).collect();
            assert!(newest.values().all(|record| found.contains(record)), "the newest of a key is there");
        } else {
            assert_eq!(&found, expected);
        }
        let position = positions.get(&number).map(|next| Position { next_offset: Offset(*next), metadata: "m".into() });
        assert_eq!(log.committed("g", &place).unwrap(), position);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_vectors_do(steps in proptest::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { segment_bytes: 500, commit_file_bytes: 400, compact_bytes: 200, sync: false, ..Settings::default() };
        let reopen = || open_with(directory.path(), settings.clone());
        let (mut log, _) = reopen();
        log.ensure_topics(&[TopicSpec::delete("plain", 2, None), TopicSpec::compact("compact", 1)]).unwrap();
        let mut producer = log.producer("p").unwrap();
        let mut model: Model = vec![Vec::new(); PLACES.len()];
        let mut positions = BTreeMap::new();
        let mut compacted = false;
        for step in steps {
            match step {
                Step::Commit(records, position) => {
                    send(&mut *producer, &records);
                    let committed: Vec<_> = position.iter().map(|(place, next)| {
                        let (topic, partition) = PLACES[*place];
                        (TopicPartition::new(topic, partition), Position { next_offset: Offset(*next), metadata: "m".into() })
                    }).collect();
                    producer.commit("g", &committed).unwrap();
                    positions.extend(position);
                    for ((place, key, length), (_, offset)) in records.iter().zip(producer.last_positions()) {
                        let next = model[*place].len() as i64;
                        prop_assert_eq!(offset.0, next);
                        model[*place].push((next, key.to_string(), "v".repeat(usize::from(*length))));
                    }
                }
                Step::Abort(records) => {
                    send(&mut *producer, &records);
                    producer.abort();
                }
                Step::Maintain => {
                    log.maintain(Timestamp(0)).unwrap();
                    compacted = true;
                }
                Step::Reopen => {
                    drop((producer, log));
                    let (opened, report) = reopen();
                    prop_assert_eq!(report.torn_bytes, 0);
                    log = opened;
                    producer = log.producer("p").unwrap();
                    compare(&*log, &model, &positions, compacted);
                }
            }
        }
        compare(&*log, &model, &positions, compacted);
    }
}
