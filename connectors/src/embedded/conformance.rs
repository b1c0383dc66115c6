//! What every implementation of the log port must do, as cases that panic where one does not.
//!
//! The embedded log's own tests run them, and so may those of any other [`Log`]. No case counts on
//! offsets without gaps between transactions: some logs write their ends as records.

mod groups;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use schemas::Timestamp;
use topology::{
    Commit, ConsumerConfig, Log, LogError, Membership, Offset, OutgoingRecord, Position, Producer, Record,
    TopicPartition, TopicPlan, TopicSpec, TopicStep, partition_for_key,
};

/// A log to be put through a case.
#[derive(Clone, Copy)]
pub struct Subject<'l> {
    /// A log without topics.
    pub log: &'l dyn Log,
    /// How long the log may take to tell a consumer of partitions and records that are there. None
    /// where everything happens in this process.
    pub patience: Duration,
}

/// A case: it panics where the log does not do as it must.
pub type Case = fn(Subject<'_>);

/// Every case with its name, each to be given a fresh log.
pub const CASES: [(&str, Case); 16] = [
    ("topics_are_created_once", topics_are_created_once),
    ("topics_can_be_kept_otherwise", topics_can_be_kept_otherwise),
    ("what_does_not_exist_is_an_error", what_does_not_exist_is_an_error),
    ("records_come_back_as_they_were_sent", records_come_back_as_they_were_sent),
    ("whenever_it_happened_it_is_taken", whenever_it_happened_it_is_taken),
    ("keys_choose_the_partition_and_the_rest_is_spread", keys_choose_the_partition_and_the_rest_is_spread),
    ("nothing_is_visible_before_commit_or_after_abort", nothing_is_visible_before_commit_or_after_abort),
    ("records_and_positions_are_committed_together", records_and_positions_are_committed_together),
    ("what_is_sent_during_a_commit_is_of_the_next", what_is_sent_during_a_commit_is_of_the_next),
    ("many_partitions_are_asked_for_at_once", many_partitions_are_asked_for_at_once),
    ("a_newer_producer_fences_the_older", a_newer_producer_fences_the_older),
    ("small_reads_go_through_everything_once", small_reads_go_through_everything_once),
    ("a_prefetch_changes_no_read", a_prefetch_changes_no_read),
    ("a_consumer_starts_where_its_group_left_off", groups::a_consumer_starts_where_its_group_left_off),
    ("a_consumer_can_be_paused_and_rewound", groups::a_consumer_can_be_paused_and_rewound),
    ("members_share_the_partitions", groups::members_share_the_partitions),
];

/// Puts fresh logs, made by `make`, through every case.
pub fn run_all(make: &dyn Fn() -> Arc<dyn Log>) {
    for (_, case) in CASES {
        case(Subject { log: &*make(), patience: Duration::ZERO });
    }
}

fn outgoing(topic: &str, partition: u32, value: &str) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: Some(partition),
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        timestamp: Timestamp(7),
        headers: Vec::new(),
    }
}

fn ensure(log: &dyn Log, topic: &str, partitions: u32) {
    log.ensure_topics(&[TopicSpec::delete(topic, partitions, None)]).expect("a topic is created");
}

fn producer(log: &dyn Log, id: &str) -> Box<dyn Producer> {
    log.producer(id).expect("a producer is made")
}

fn write(producer: &mut dyn Producer, topic: &str, partition: u32, values: &[&str]) {
    for value in values {
        producer.send(outgoing(topic, partition, value)).expect("a record is taken");
    }
    assert_eq!(producer.commit("conformance", &[]).expect("a commit ends"), Commit::Committed);
}

/// Reads what there is, and waits until it is `count` records: a commit is durable when it returns,
/// but with some logs it takes a moment until every partition shows it.
fn read_all(subject: Subject<'_>, topic: &str, partition: u32, count: usize) -> Vec<Record> {
    let place = TopicPartition::new(topic, partition);
    let (mut next, _) = subject.log.bounds(&place).expect("the partition exists");
    let (deadline, mut records) = (Instant::now() + subject.patience, Vec::new());
    loop {
        let (_, end) = subject.log.bounds(&place).expect("the partition exists");
        while next < end {
            next = subject.log.read(&place, next, 1 << 20, &mut records).expect("records are read");
        }
        if records.len() >= count || Instant::now() >= deadline {
            return records;
        }
    }
}

fn texts(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned())
        .collect()
}

fn topics_are_created_once(Subject { log, .. }: Subject<'_>) {
    ensure(log, "b", 2);
    ensure(log, "b", 2);
    ensure(log, "a", 1);
    assert_eq!(log.topics().expect("topics are listed"), [("a".into(), 1), ("b".into(), 2)]);
    let changed = log.ensure_topics(&[TopicSpec::delete("b", 3, None)]);
    assert!(matches!(changed, Err(LogError::PartitionCount { actual: 2, wanted: 3, .. })), "{changed:?}");
    assert_eq!(log.topics().expect("topics are listed").len(), 2);
}

fn many_partitions_are_asked_for_at_once(subject: Subject<'_>) {
    let log = subject.log;
    ensure(log, "in", 3);
    ensure(log, "out", 2);
    let mut producer = producer(log, "w");
    for (topic, partition, values) in [("in", 0, ["a", "b"].as_slice()), ("in", 2, &["c"]), ("out", 1, &["d"])] {
        write(producer.as_mut(), topic, partition, values);
    }
    // In an order of their own, and one of them twice: the answers come in the order of the questions.
    let asked = [("out", 1), ("in", 2), ("in", 1), ("in", 0), ("out", 0), ("in", 2)];
    let asked = asked.map(|(topic, partition)| TopicPartition::new(topic, partition));
    for place in &asked {
        let count =
            usize::from(*place == asked[0]) + usize::from(*place == asked[1]) + 2 * usize::from(*place == asked[3]);
        assert_eq!(read_all(subject, &place.topic, place.partition, count).len(), count, "{place}");
    }
    let bounds = log.bounds_of(&asked).expect("they exist");
    assert_eq!(bounds, asked.clone().map(|place| log.bounds(&place).expect("it exists")));
    assert_eq!(log.written_ends(&asked).expect("they exist"), asked.clone().map(|one| log.written_end(&one).unwrap()));
    let first = asked.clone().map(|place| (place, Offset(0)));
    let behind: Vec<bool> = log.behind_of(&first).expect("they exist").iter().map(|count| *count > 0).collect();
    assert_eq!(behind, [true, true, false, true, false, true]);
    let last: Vec<_> = asked.iter().cloned().zip(bounds.iter().map(|(_, end)| *end)).collect();
    assert_eq!(log.behind_of(&last).expect("they exist"), [0; 6]);

    assert_eq!(
        log.positions("g", &asked).expect("they exist"),
        [const { None::<Position> }; 6],
        "nothing is committed"
    );
    let position = |next: i64| Position { next_offset: Offset(next), metadata: format!("note {next}") };
    let positions = [(asked[1].clone(), position(1)), (asked[3].clone(), position(2))];
    assert_eq!(producer.commit("g", &positions).expect("a commit ends"), Commit::Committed);
    let wanted = [None, Some(position(1)), None, Some(position(2)), None, Some(position(1))];
    let deadline = Instant::now() + subject.patience;
    while log.positions("g", &asked).expect("they exist") != wanted && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(log.positions("g", &asked).expect("they exist"), wanted);

    let none: [TopicPartition; 0] = [];
    assert!(
        log.bounds_of(&none).expect("nothing is asked").is_empty() && log.positions("g", &none).unwrap().is_empty()
    );
    let unknown = [asked[0].clone(), TopicPartition::new("no", 0)];
    assert!(matches!(log.bounds_of(&unknown), Err(LogError::UnknownTopic(_))));
    let unknown = [asked[0].clone(), TopicPartition::new("in", 3)];
    assert!(matches!(log.written_ends(&unknown), Err(LogError::UnknownPartition(_))));
}

fn topics_can_be_kept_otherwise(Subject { log, .. }: Subject<'_>) {
    let hour = Some(Duration::from_secs(3_600));
    let made = [TopicSpec::delete("kept", 2, hour), TopicSpec::compact("table", 1)];
    log.ensure_topics(&made).expect("topics are made");
    let names = ["kept".into(), "table".into(), "no".into()];
    let told = || {
        let mut specs = log.topic_specs(&names).expect("topics are described");
        specs.sort_by(|left, right| left.name.cmp(&right.name));
        specs
    };
    assert_eq!(told(), made);
    let wanted = [TopicSpec { retention_bytes: Some(1 << 30), ..TopicSpec::delete("kept", 2, None) }];
    let plan = TopicPlan::of(log, &wanted).expect("a plan is made");
    assert_eq!(plan.steps, [TopicStep::Change { from: made[0].clone(), to: wanted[0].clone() }]);
    plan.apply(log).expect("a topic is changed");
    assert_eq!(told(), [wanted[0].clone(), made[1].clone()]);
    let other_count = log.change_topics(&[TopicSpec::delete("kept", 3, None)]);
    assert!(matches!(other_count, Err(LogError::PartitionCount { actual: 2, wanted: 3, .. })), "{other_count:?}");
    let absent = log.change_topics(&[TopicSpec::delete("no", 1, None)]);
    assert!(matches!(absent, Err(LogError::UnknownTopic(_))), "{absent:?}");
}

fn what_does_not_exist_is_an_error(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    let unknown = |result: Result<(), LogError>| matches!(result, Err(LogError::UnknownTopic(_)));
    assert!(unknown(log.bounds(&TopicPartition::new("no", 0)).map(drop)));
    assert!(unknown(log.read(&TopicPartition::new("no", 0), Offset(0), 1, &mut Vec::new()).map(drop)));
    let config = ConsumerConfig { group: "g".to_owned(), member: 0, members: 1, topics: vec!["no".into()] };
    assert!(unknown(log.consumer(config).map(drop)));
    let beyond = log.bounds(&TopicPartition::new("t", 1));
    assert!(matches!(beyond, Err(LogError::UnknownPartition(_))), "{beyond:?}");
    let mut producer = producer(log, "p");
    assert!(unknown(producer.send(outgoing("no", 0, "x"))));
    write(&mut *producer, "t", 0, &["the transaction is still good"]);
    assert_eq!(read_all(subject, "t", 0, 1).len(), 1);
}

fn records_come_back_as_they_were_sent(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    let mut producer = producer(log, "p");
    let sent = OutgoingRecord {
        key: Some(Bytes::from_static(b"key")),
        timestamp: Timestamp(1_234_567_890_123),
        headers: vec![("one".into(), Bytes::from_static(b"1")), ("one".into(), Bytes::new())],
        ..outgoing("t", 0, "value")
    };
    producer.send(sent.clone()).expect("a record is taken");
    producer.send(OutgoingRecord { value: None, ..sent.clone() }).expect("a tombstone is taken");
    producer.send(OutgoingRecord { key: None, ..outgoing("t", 0, "") }).expect("an empty value is taken");
    producer.commit("g", &[]).expect("a commit ends");
    let places: Vec<_> = (0..3).map(|offset| (TopicPartition::new("t", 0), Offset(offset))).collect();
    assert_eq!(producer.last_positions(), places);
    let records = read_all(subject, "t", 0, 3);
    assert_eq!(records.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [0, 1, 2]);
    let first = &records[0];
    assert_eq!((&*first.topic, first.partition, first.timestamp), ("t", 0, sent.timestamp));
    assert_eq!((&first.key, &first.value, &first.headers), (&sent.key, &sent.value, &sent.headers));
    assert_eq!((&records[1].key, &records[1].value, &records[1].headers), (&sent.key, &None, &sent.headers));
    assert_eq!((&records[2].key, &records[2].value), (&None, &Some(Bytes::new())));
}

fn whenever_it_happened_it_is_taken(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    // 1970, 2001, 2100.
    let times = [0, 1_000_000_000_000, 4_102_444_800_000].map(Timestamp);
    let mut producer = producer(log, "p");
    for timestamp in times {
        let headers = vec![("one".into(), Bytes::from_static(b"1"))];
        producer.send(OutgoingRecord { timestamp, ..outgoing("t", 0, "plain") }).expect("a record is taken");
        producer.send(OutgoingRecord { timestamp, headers, ..outgoing("t", 0, "headed") }).expect("a record is taken");
    }
    producer.commit("g", &[]).expect("a commit ends");
    for (index, record) in read_all(subject, "t", 0, 6).iter().enumerate() {
        assert_eq!((record.timestamp, record.headers.len()), (times[index / 2], index % 2));
    }
}

fn what_is_sent_during_a_commit_is_of_the_next(subject: Subject<'_>) {
    /// Enough for a producer to find that the commit has ended before it is asked for that.
    const MEANWHILE: u32 = 200;
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    ensure(log, "in", 1);
    let (mut producer, member) = (producer(log, "p"), Membership::of_group("g"));
    let send = |producer: &mut dyn Producer, values: &[String]| {
        for value in values {
            producer.send(outgoing("t", 0, value)).expect("a record is taken");
        }
    };
    let place = TopicPartition::new("in", 0);
    let mut expected: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for round in 0..9_u32 {
        let first = vec![format!("{round}")];
        send(producer.as_mut(), &first);
        open.extend(first);
        let positions = [(place.clone(), Position::from(Offset(i64::from(round) + 1)))];
        let ended = producer.begin_commit(&member, &positions).expect("a commit begins");
        let meanwhile: Vec<String> = (0..MEANWHILE).map(|number| format!("{round} {number}")).collect();
        // In half of the rounds the commit has ended by then.
        while round % 2 == 1 && !producer.has_commit_ended() {
            std::thread::yield_now();
        }
        send(producer.as_mut(), &meanwhile);
        let ended = ended.map_or_else(|| producer.end_commit(), Ok).expect("a commit ends");
        assert_eq!(ended, Commit::Committed);
        assert_eq!(producer.last_positions().len(), open.len(), "what came later is not of it");
        assert_eq!(log.committed("g", &place).expect("positions are told"), Some(positions[0].1.clone()));
        expected.append(&mut open);
        if round % 3 == 2 {
            // And what comes after an abort is of no concern to it.
            producer.abort();
        } else {
            open = meanwhile;
        }
    }
    producer.abort();
    let records = read_all(subject, "t", 0, expected.len());
    assert_eq!(texts(&records), expected);
}

fn keys_choose_the_partition_and_the_rest_is_spread(Subject { log, .. }: Subject<'_>) {
    ensure(log, "t", 4);
    let mut producer = producer(log, "p");
    for number in 0..20_u32 {
        let key = Bytes::from(format!("key-{number}"));
        let record = OutgoingRecord { partition: None, key: Some(key), ..outgoing("t", 0, "keyed") };
        producer.send(record).expect("a record is taken");
    }
    producer.commit("g", &[]).expect("a commit ends");
    for (number, (place, _)) in producer.last_positions().iter().enumerate() {
        assert_eq!(place.partition, partition_for_key(format!("key-{number}").as_bytes(), 4));
    }
    for _ in 0..40 {
        producer.send(OutgoingRecord { partition: None, ..outgoing("t", 0, "keyless") }).expect("a record is taken");
    }
    producer.commit("g", &[]).expect("a commit ends");
    let used: BTreeSet<_> = producer.last_positions().iter().map(|(place, _)| place.partition).collect();
    assert_eq!(used.len(), 4, "records without a key are spread");
}

fn nothing_is_visible_before_commit_or_after_abort(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 2);
    let mut producer = producer(log, "p");
    producer.send(outgoing("t", 0, "thrown away")).expect("a record is taken");
    assert!(read_all(subject, "t", 0, 0).is_empty());
    producer.abort();
    write(&mut *producer, "t", 1, &["kept"]);
    assert!(read_all(subject, "t", 0, 0).is_empty());
    assert_eq!(texts(&read_all(subject, "t", 1, 1)), ["kept"]);
    assert_eq!(producer.last_positions().len(), 1);
}

fn records_and_positions_are_committed_together(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 2);
    let place = TopicPartition::new("t", 1);
    assert_eq!(log.committed("g", &place).expect("a position is asked"), None);
    let mut producer = producer(log, "p");
    producer.send(outgoing("t", 0, "out")).expect("a record is taken");
    let position = Position { next_offset: Offset(4), metadata: "stream time 9".to_owned() };
    producer.commit("g", &[(place.clone(), position.clone())]).expect("a commit ends");
    assert_eq!(log.committed("g", &place).expect("a position is asked"), Some(position));
    assert_eq!(log.committed("other", &place).expect("a position is asked"), None);
    assert_eq!(read_all(subject, "t", 0, 1).len(), 1);
    // Positions alone are a transaction too, and later ones replace earlier ones.
    producer.commit("g", &[(place.clone(), Offset(5).into())]).expect("a commit ends");
    assert_eq!(log.committed("g", &place).expect("a position is asked"), Some(Offset(5).into()));
}

fn a_newer_producer_fences_the_older(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    let mut old = producer(log, "same");
    let mut stranger = producer(log, "another");
    write(&mut *old, "t", 0, &["old"]);
    old.send(outgoing("t", 0, "too late")).expect("a record is taken");
    let mut new = producer(log, "same");
    let place = TopicPartition::new("t", 0);
    let commit = old.commit("g", &[(place.clone(), Offset(9).into())]).expect("a commit ends");
    assert_eq!(commit, Commit::Fenced);
    assert_eq!(old.last_positions(), [(place.clone(), Offset(0))], "still those of the last committed one");
    assert_eq!(log.committed("g", &place).expect("a position is asked"), None);
    write(&mut *new, "t", 0, &["new"]);
    write(&mut *stranger, "t", 0, &["stranger"]);
    assert_eq!(texts(&read_all(subject, "t", 0, 3)), ["old", "new", "stranger"]);
}

fn a_prefetch_changes_no_read(subject: Subject<'_>) {
    let log = subject.log;
    ensure(log, "ahead", 3);
    let mut producer = producer(log, "p");
    for partition in 0..3 {
        write(&mut *producer, "ahead", partition, &["a", "b", "c"]);
    }
    let first: Vec<_> = (0..3).map(|partition| read_all(subject, "ahead", partition, 3)[1].offset).collect();
    let place = |partition: u32| TopicPartition::new("ahead", partition);
    // Twice, of one that nobody reads then, of one that is read from elsewhere, and of one that does not exist.
    let soon = [(place(0), first[0]), (place(1), first[1]), (place(2), first[2]), (place(9), Offset(0))];
    log.prefetch(&soon);
    log.prefetch(&soon[..2]);
    let mut records = Vec::new();
    let next = log.read(&place(0), first[0], 1 << 20, &mut records).expect("records are read");
    assert_eq!(texts(&records), ["b", "c"]);
    write(&mut *producer, "ahead", 0, &["d"]);
    let (deadline, mut later) = (Instant::now() + subject.patience, Vec::new());
    let mut next = next;
    loop {
        next = log.read(&place(0), next, 1 << 20, &mut later).expect("records are read");
        if !later.is_empty() || Instant::now() >= deadline {
            break;
        }
    }
    assert_eq!(texts(&later), ["d"]);
    assert_eq!(texts(&read_all(subject, "ahead", 1, 3)), ["a", "b", "c"]);
}

fn small_reads_go_through_everything_once(subject: Subject<'_>) {
    let Subject { log, .. } = subject;
    ensure(log, "t", 1);
    let mut producer = producer(log, "p");
    let values: Vec<_> = (0..50).map(|number| format!("{number:0100}")).collect();
    for some in values.chunks(7) {
        write(&mut *producer, "t", 0, &some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let place = TopicPartition::new("t", 0);
    let (mut next, mut records, mut reads) = (Offset(-3), Vec::new(), 0);
    let all = read_all(subject, "t", 0, 50);
    let (start, end) = log.bounds(&place).expect("the partition exists");
    assert_eq!((start, texts(&all)), (Offset(0), values.clone()));
    while next < end {
        let before = records.len();
        next = log.read(&place, next, 300, &mut records).expect("records are read");
        reads += usize::from(records.len() > before);
    }
    assert_eq!(texts(&records), values);
    assert!(reads > 5, "the limit of bytes is respected, about");
    assert!(end > records[49].offset);
    assert_eq!(log.read(&place, end, 300, &mut records).expect("the end is no error"), end);
    assert_eq!(records.len(), 50);
    let mut middle = Vec::new();
    log.read(&place, records[30].offset, 1, &mut middle).expect("records are read");
    assert_eq!(middle[0].offset, records[30].offset);
    assert_eq!(log.behind(&place, Offset(0)).expect("it can be counted"), end.0 as u64);
    assert_eq!(log.behind(&place, records[49].offset).expect("it can be counted").min(1), 1);
    assert_eq!(log.behind(&place, records[49].offset.next()).expect("it can be counted"), 0, "all records were read");
}
