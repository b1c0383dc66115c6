//! What is not there any more when a group comes to read it, on a real broker: it is passed over and told, and what follows
//! is read once.

use std::path::Path;
use std::time::{Duration, Instant};

use connectors::kafka::{GroupProtocol, KafkaLog};
use topology::{Consumer, Log as _, LogError, Offset, Producer, Record, TopicPartition, TopicSpec};

use crate::support::{Billing, Broker, Hub, hub_command, member, order_created, outgoing, until};

const PATIENCE: Duration = Duration::from_secs(60);
/// So much is read of another partition meanwhile.
const MANY: usize = 40;
const TOKEN: &str = "a-token-of-some-length";

/// Writes a value into a partition: one offset, and one for the end of its transaction.
fn write(producer: &mut dyn Producer, partition: u32, value: &str) {
    let mut record = outgoing("orders", value);
    record.partition = Some(partition);
    producer.send(record).expect("the client takes it");
    producer.commit("writer", &[]).expect("it is written");
}

/// Reads until so many records have come, and some time longer: their values.
fn read(consumer: &mut dyn Consumer, count: usize) -> Vec<String> {
    let mut records: Vec<Record> = Vec::new();
    until("the records have come", PATIENCE, || {
        consumer.poll(Duration::from_millis(50), 1 << 20, &mut records).expect("a poll ends");
        (records.len() >= count).then_some(())
    });
    for _ in 0..4 {
        consumer.poll(Duration::from_millis(50), 1 << 20, &mut records).expect("a poll ends");
    }
    let value = |record: &Record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    records.iter().map(value).collect()
}

fn what_is_missing_is_passed_over(broker: &Broker, protocol: GroupProtocol) {
    let log = broker.log_with(&format!("{protocol:?}."), "one", |settings| settings.protocol = protocol);
    log.ensure_topics(&[TopicSpec::delete("orders", 2, None)]).expect("a topic is made");
    let [deleted, whole] = [0, 1].map(|partition| TopicPartition::new("orders", partition));
    let mut producer = log.producer("writer").expect("a producer is made");
    write(&mut *producer, 0, "a0");
    write(&mut *producer, 1, "b0");
    let mut consumer = member(&log, "group", "orders");
    let mut values = read(&mut *consumer, 2);
    values.sort_unstable();
    assert_eq!(values, ["a0", "b0"]);

    // It stood still for longer than the topic is kept: a1 and the end of its transaction are gone.
    consumer.pause(std::slice::from_ref(&deleted));
    for value in ["a1", "a2", "a3"] {
        write(&mut *producer, 0, value);
    }
    broker.delete_records(&format!("{protocol:?}.orders"), &[(0, 4)]);
    for number in 0..MANY {
        write(&mut *producer, 1, &format!("b1-{number}"));
    }
    consumer.resume(std::slice::from_ref(&deleted));
    let (ones, twos): (Vec<_>, Vec<_>) =
        read(&mut *consumer, MANY + 2).into_iter().partition(|value| value.starts_with('a'));
    assert_eq!(ones, ["a2", "a3"]);
    assert_eq!(twos, (0..MANY).map(|number| format!("b1-{number}")).collect::<Vec<_>>());

    // Back to where nothing is left, as after a transaction that was aborted; the first time while it rests.
    for rests in [true, false] {
        if rests {
            consumer.pause(std::slice::from_ref(&deleted));
        }
        consumer.seek(&deleted, Offset(1)).expect("it is read");
        consumer.resume(std::slice::from_ref(&deleted));
        assert_eq!(read(&mut *consumer, 2), ["a2", "a3"]);
    }
    consumer.seek(&deleted, Offset(1)).expect("it is read");
    // The client has heard by now that there is nothing, and reads no more there.
    std::thread::sleep(Duration::from_millis(300));
    let sought = Instant::now();
    consumer.seek(&deleted, Offset(6)).expect("it is read");
    assert_eq!(read(&mut *consumer, 1), ["a3"]);
    assert!(sought.elapsed() < Duration::from_secs(5), "{:?}", sought.elapsed());
    write(&mut *producer, 0, "a4");
    write(&mut *producer, 1, "b2");
    let mut values = read(&mut *consumer, 2);
    values.sort_unstable();
    assert_eq!(values, ["a4", "b2"]);

    // All at once, as after a standstill: six offsets of each, which end with the end of a transaction.
    let both = [deleted.clone(), whole.clone()];
    consumer.pause(&both);
    for value in ["5", "6", "7", "8"] {
        write(&mut *producer, 0, &format!("a{value}"));
        write(&mut *producer, 1, &format!("b{value}"));
    }
    let keep =
        both.clone().map(|partition| (partition.partition, log.written_end(&partition).expect("an answer").0 - 2));
    broker.delete_records(&format!("{protocol:?}.orders"), &keep);
    consumer.resume(&both);
    let mut values = read(&mut *consumer, 2);
    values.sort_unstable();
    assert_eq!(values, ["a8", "b8"]);

    consumer.seek(&whole, Offset(999)).expect("it is read");
    let refused =
        until("it is refused", PATIENCE, || consumer.poll(Duration::from_millis(50), 1 << 20, &mut Vec::new()).err());
    assert!(matches!(&refused, LogError::PastEnd { next: Offset(999), end: Offset(92), .. }), "{refused:?}");
}

#[test]
fn what_is_missing_is_passed_over_and_what_follows_is_read_once() {
    let broker = Broker::start();
    what_is_missing_is_passed_over(&broker, GroupProtocol::Classic);
    what_is_missing_is_passed_over(&broker, GroupProtocol::Consumer);
}

fn configuration(broker: &str, billing: &Path) -> String {
    format!(
        "[log]\nkind = \"kafka\"\n[log.kafka]\nbrokers = [\"{broker}\"]\nprefix = \"jcms.\"\n\
         [[http.tokens]]\nname = \"test\"\ntoken = \"{TOKEN}\"\n\
         [billing]\nkind = \"sqlite\"\npath = \"{}\"\n",
        billing.display()
    )
}

/// Where the partitions of a topic end.
fn ends(log: &KafkaLog, topic: &str) -> Vec<(TopicPartition, Offset)> {
    let (_, partitions) =
        log.topics().expect("topics").into_iter().find(|(name, _)| &**name == topic).expect("it exists");
    let end = |partition| log.written_end(&partition).map(|end| (partition, end)).expect("an answer");
    (0..partitions).map(|partition| end(TopicPartition::new(topic, partition))).collect()
}

#[test]
fn a_hub_names_what_was_deleted_unread_and_goes_on() {
    let (broker, data) = (Broker::start(), tempfile::tempdir().expect("a folder"));
    let text = configuration(&broker.address(), &data.path().join("billing.db"));
    let hub = Hub::configured(data.path(), &text, TOKEN);
    hub.send(&order_created("order-read"));
    hub.settle(PATIENCE);
    assert_eq!(hub.metric("hub_unread_offsets_deleted_total", &[r#"group="hub""#]), Some(0.0));
    assert_eq!(hub.stop(), Some(0));

    let file = data.path().join("hub.toml");
    let taking = Hub::only(data.path(), Some(&file), "ingest", TOKEN);
    let log = broker.log("jcms.", "test");
    let before: i64 = ends(&log, "hub.order").iter().map(|(_, end)| end.0).sum();
    for number in 0..9 {
        taking.send(&order_created(&format!("order-{number}")));
    }
    assert_eq!(taking.stop(), Some(0));
    let ends_then = ends(&log, "hub.order");
    let missing = ends_then.iter().map(|(_, end)| end.0).sum::<i64>() - before;
    assert!(missing >= 9, "{missing}");
    let all: Vec<_> = ends_then.iter().map(|(partition, end)| (partition.partition, end.0)).collect();
    broker.delete_records("jcms.hub.order", &all);

    let hub = Hub::configured(data.path(), &text, TOKEN);
    let told = || {
        let told = hub.metric("hub_unread_offsets_deleted_total", &[r#"group="hub""#, r#"topic="hub.order""#]);
        told.filter(|told| *told >= missing as f64)
    };
    // The end of the transaction that was read last may count too.
    let told = until("it is told", PATIENCE, told);
    assert!(told <= (missing + all.len() as i64) as f64, "{told} of {missing}");
    let said = std::fs::read_to_string(data.path().join("test-hub.log")).expect("the hub has a log");
    assert!(said.contains("HUB-1026") && said.contains("hub.order/"), "{said}");
    hub.send(&order_created("order-new"));
    hub.settle(PATIENCE);
    Billing::open(data.path()).wait_for(2, "true");
    assert_eq!(hub.stop(), Some(0));

    // As if the brokers had lost what they had taken.
    let mut producer = log.producer("operator").expect("a producer is made");
    let beyond: Vec<_> = ends_then.iter().map(|(partition, _)| (partition.clone(), Offset(9_999).into())).collect();
    producer.commit("hub", &beyond).expect("positions are committed");
    let ended = hub_command()
        .args(["run", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .arg("--config")
        .arg(&file)
        .output()
        .expect("the hub runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("error[HUB-1027]") && said.contains("9999"), "{said}");
}
