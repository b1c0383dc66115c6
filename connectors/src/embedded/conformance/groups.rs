//! The cases of consumers: where a group goes on, and who of it reads what.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use topology::{Consumer, ConsumerConfig, Log, LogError, Offset, Poll, Position, Record, TopicPartition};

use super::{Subject, ensure, producer, texts, write};

fn consumer(log: &dyn Log, group: &str, member: u32, members: u32, topics: &[&str]) -> Box<dyn Consumer> {
    let topics = topics.iter().map(|topic| (*topic).into()).collect();
    log.consumer(ConsumerConfig { group: group.to_owned(), member, members, topics }).expect("a consumer is made")
}

fn assigned(consumer: &mut dyn Consumer, patience: Duration) -> Vec<(TopicPartition, Position)> {
    match consumer.poll(patience, 1 << 20, &mut Vec::new()).expect("a poll ends") {
        Poll::Assigned(assigned) => assigned,
        other => panic!("the first thing that a poll brings is the assignment, not {other:?}"),
    }
}

/// Polls until so many records have come and nothing more comes.
fn drain(consumer: &mut dyn Consumer, count: usize, patience: Duration) -> Vec<Record> {
    let mut records = Vec::new();
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // What is too much would be there already when the last of what is due has come.
        let left = if records.len() < count { left } else { left.min(Duration::from_millis(100)) };
        let polled = consumer.poll(left, 1 << 20, &mut records).expect("a poll ends");
        if matches!(polled, Poll::Idle) && (records.len() >= count || Instant::now() >= deadline) {
            return records;
        }
    }
}

pub(super) fn a_consumer_starts_where_its_group_left_off(Subject { log, patience }: Subject<'_>) {
    ensure(log, "t", 1);
    let place = TopicPartition::new("t", 0);
    let mut producer = producer(log, "p");
    write(&mut *producer, "t", 0, &["a", "b", "c"]);
    let mut first = consumer(log, "g", 0, 1, &["t"]);
    assert_eq!(first.group(), "g");
    assert_eq!(assigned(&mut *first, patience), [(place.clone(), Offset(0).into())]);
    assert_eq!(texts(&drain(&mut *first, 3, patience)), ["a", "b", "c"]);
    // A group protocol lets nobody else take over, or commit for it, while a member is there.
    drop(first);
    let left = Position { next_offset: Offset(2), metadata: "note".to_owned() };
    producer.commit("g", &[(place.clone(), left.clone())]).expect("a commit ends");
    let mut second = consumer(log, "g", 0, 1, &["t"]);
    assert_eq!(assigned(&mut *second, patience), [(place, left)]);
    assert_eq!(texts(&drain(&mut *second, 1, patience)), ["c"]);
    write(&mut *producer, "t", 0, &["d"]);
    assert_eq!(texts(&drain(&mut *second, 1, patience)), ["d"]);
}

pub(super) fn a_consumer_can_be_paused_and_rewound(Subject { log, patience }: Subject<'_>) {
    ensure(log, "t", 2);
    let mut producer = producer(log, "p");
    write(&mut *producer, "t", 0, &["a", "b"]);
    write(&mut *producer, "t", 1, &["c"]);
    let mut consumer = consumer(log, "g", 0, 1, &["t"]);
    assigned(&mut *consumer, patience);
    let zero = TopicPartition::new("t", 0);
    consumer.pause(std::slice::from_ref(&zero));
    assert_eq!(texts(&drain(&mut *consumer, 1, patience)), ["c"]);
    consumer.resume(std::slice::from_ref(&zero));
    assert_eq!(texts(&drain(&mut *consumer, 2, patience)), ["a", "b"]);
    consumer.seek(&zero, Offset(1)).expect("it is assigned");
    assert_eq!(texts(&drain(&mut *consumer, 1, patience)), ["b"]);
    let foreign = consumer.seek(&TopicPartition::new("t", 9), Offset(0));
    assert!(matches!(foreign, Err(LogError::UnknownPartition(_))), "{foreign:?}");
}

pub(super) fn members_share_the_partitions(Subject { log, patience }: Subject<'_>) {
    ensure(log, "s", 4);
    ensure(log, "t", 4);
    let mut members: Vec<_> = (0..3).map(|member| consumer(log, "g", member, 3, &["s", "t"])).collect();
    let mut owned: Vec<BTreeSet<TopicPartition>> = vec![BTreeSet::new(); members.len()];
    // A group protocol hands partitions over one by one, and may take many rounds until every member has what it keeps.
    let (deadline, mut rounds) = (Instant::now() + patience, 0);
    let of = |places: &BTreeSet<TopicPartition>, topic: &str| -> Vec<_> {
        places.iter().filter(|place| &*place.topic == topic).map(|place| place.partition).collect()
    };
    let settled = |owned: &[BTreeSet<TopicPartition>]| {
        owned.iter().map(BTreeSet::len).sum::<usize>() == 8
            && owned.iter().all(|places| !places.is_empty() && of(places, "s") == of(places, "t"))
    };
    while rounds < 10 || (!settled(&owned) && Instant::now() < deadline) {
        rounds += 1;
        for (member, owned) in members.iter_mut().zip(&mut owned) {
            match member.poll(patience.min(Duration::from_millis(50)), 1 << 20, &mut Vec::new()).expect("a poll ends") {
                Poll::Assigned(more) => owned.extend(more.into_iter().map(|(place, _)| place)),
                Poll::Revoked(gone) | Poll::Lost(gone) => owned.retain(|place| !gone.contains(place)),
                Poll::Records | Poll::Idle => {}
            }
        }
    }
    for places in &owned {
        assert_eq!(of(places, "s"), of(places, "t"), "co-partitioned topics land together");
        assert!((2..=4).contains(&places.len()), "every member has its share, not {}", places.len());
    }
    assert_eq!(owned.iter().map(BTreeSet::len).sum::<usize>(), 8, "no partition has two owners");
    assert_eq!(owned.iter().flatten().collect::<BTreeSet<_>>().len(), 8, "every partition has an owner");
}
