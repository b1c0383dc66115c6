//! The real hub on a real broker and a real schema registry: what is on topics carries the registry's ids.

use std::path::Path;
use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use bytes::Bytes;
use schemas::{Timestamp, tmf};
use serde_json::{Value, json};
use topology::{Log, Offset, OutgoingRecord, TopicPartition};

use crate::support::{Broker, Hub, Registry, order_created, run_hub, until};

const TOKEN: &str = "a-token-of-some-length";
const PATIENCE: Duration = Duration::from_secs(60);
const SUBJECT: &str = "r.hub.order-value";
/// The exit code of a command that an outside system does not answer.
const UNAVAILABLE: i32 = 69;

fn configuration(broker: &str, registry: &str, more: &str) -> String {
    format!(
        "[log]\nkind = \"kafka\"\npartitions = 2\n[log.kafka]\nbrokers = [\"{broker}\"]\nprefix = \"r.\"\n\
         session_timeout = \"2s\"\ntransaction_timeout = \"5s\"\n[schemas]\nregistry = \"{registry}\"\ntimeout = \"1s\"\n\
         {more}\n[[http.tokens]]\nname = \"test\"\ntoken = \"{TOKEN}\"\n"
    )
}

/// Runs a command with this configuration: exit code, what it printed and said.
fn run(arguments: &[&str], configuration: &Path) -> (Option<i32>, String) {
    let file = configuration.display().to_string();
    let output = run_hub(&[arguments, &["--config", &file]].concat(), b"");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// All values that are on a topic, as any consumer sees them.
fn values(log: &dyn Log, topic: &str) -> Vec<Bytes> {
    let mut records = Vec::new();
    for partition in 0..2 {
        let partition = TopicPartition::new(topic, partition);
        let Ok((_, end)) = log.bounds(&partition) else { continue };
        let mut next = Offset(0);
        while next < end {
            next = log.read(&partition, next, 1 << 20, &mut records).expect("a topic is read");
        }
    }
    records.into_iter().filter_map(|record| record.value).collect()
}

/// The creation of an order as a writer of another schema puts it on the topic: its fields, and more.
fn written_elsewhere(order: &str, id: u32, more: &[u8]) -> OutgoingRecord {
    let event = tmf::read(order_created(order).to_string().as_bytes(), None, Timestamp(0)).expect("an order");
    let frame = event.encode();
    let value = [&[0][..], &id.to_be_bytes(), &frame[5..], more].concat();
    OutgoingRecord {
        topic: "hub.order".into(),
        partition: None,
        key: Some(Bytes::copy_from_slice(order.as_bytes())),
        value: Some(value.into()),
        timestamp: Timestamp(1_800_000_000_000),
        headers: Vec::new(),
    }
}

/// The schema of orders with a field that was added at its end.
fn newer(field: &str) -> String {
    let text = schemas::registry::schema_by_name("OrderEvent").expect("orders have a schema").avsc;
    let mut schema: Value = serde_json::from_str(text).expect("a schema is JSON");
    let fields = schema["fields"].as_array_mut().expect("a record has fields");
    fields.push(json!({ "name": field, "type": "string", "default": "", "doc": "Added by a newer writer." }));
    schema.to_string()
}

fn applied(hub: &Hub) -> f64 {
    hub.metric("hub_records_total", &["topic=\"hub.order\"", "outcome=\"applied\""]).unwrap_or(0.0)
}

#[test]
fn frames_carry_the_ids_of_the_registry_and_a_new_schema_is_waited_for() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("check.toml");
    std::fs::write(&file, configuration(&broker.address(), &registry.url, "register = false")).expect("a folder");

    let (code, said) = run(&["schemas", "check", "--exit-code"], &file);
    assert!(code == Some(4) && said.contains("+ r.hub.order-value "), "{code:?}: {said}");
    let listen = ["run", "--listen", "127.0.0.1:0", "--data", &data.path().join("refused").display().to_string()]
        .map(str::to_owned);
    let (code, said) = run(&listen.each_ref().map(String::as_str), &file);
    assert!(
        code == Some(1) && said.contains("error[HUB-1023]") && said.contains("+ r.hub.order-value"),
        "{code:?}: {said}"
    );
    let (code, said) = run(&["schemas", "register"], &file);
    assert!(code == Some(2) && said.contains("--yes"), "{code:?}: {said}");
    // It tells to try again where the registry is slow to answer, which it is just after its start.
    let (code, said) = until("the registry answers", PATIENCE, || {
        Some(run(&["schemas", "register", "--yes"], &file)).filter(|(code, _)| *code != Some(UNAVAILABLE))
    });
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["schemas", "check", "--exit-code"], &file);
    assert_eq!(code, Some(0), "{said}");

    let hub = Hub::configured(data.path(), &configuration(&broker.address(), &registry.url, ""), TOKEN);
    let log = broker.log("r.", "outside");
    hub.send(&order_created("ours"));
    until("the hub takes in its own order", PATIENCE, || (applied(&hub) >= 1.0).then_some(()));

    // What is on the topic is read with the registry alone, as any consumer would.
    let held = registry.get(&format!("/subjects/{SUBJECT}/versions/latest")).expect("the subject is there");
    let frame = values(&*log, "hub.order").pop().expect("the order is on its topic");
    assert_eq!(schemas::schema_id(&frame).expect("a frame"), held["id"].as_u64().expect("an id") as u32);
    let schema = registry.get(&format!("/schemas/ids/{}", held["id"])).expect("the schema is there");
    let schema = apache_avro::Schema::parse_str(schema["schema"].as_str().expect("a text")).expect("Avro");
    let reader = GenericDatumReader::builder(&schema).build().expect("a schema that stands alone");
    let order = reader.read_value(&mut &frame[5..]).expect("the datum follows it");
    assert!(format!("{order:?}").contains("ours"));

    // A writer with a newer schema, and one with an id that nobody knows.
    let mut outside = log.producer("outside").expect("a producer");
    let second = registry.register(SUBJECT, &newer("added_later"));
    outside.send(written_elsewhere("newer", second, &[0])).expect("it is sent");
    outside.send(written_elsewhere("unknown", 999_999, &[])).expect("it is sent");
    outside.commit("outside", &[]).expect("it is committed");
    until("the newer one is read, the other is a dead letter", PATIENCE, || {
        let letters = hub.metric("hub_records_total", &["topic=\"hub.order\"", "outcome=\"dead_lettered\""]);
        (applied(&hub) >= 2.0 && letters == Some(1.0)).then_some(())
    });

    // The registry falls silent: what is known goes on, what is new waits and is not lost.
    let third = registry.register(SUBJECT, &newer("added_last"));
    registry.freeze(true);
    outside.send(written_elsewhere("waits", third, &[0])).expect("it is sent");
    outside.commit("outside", &[]).expect("it is committed");
    until("the hub says what it waits for", PATIENCE, || hub.get("/readyz").contains("schema registry").then_some(()));
    // Orders of both partitions: at least one of them has nothing to wait for.
    (0..8).for_each(|number| drop(hub.send(&order_created(&format!("meanwhile-{number}")))));
    until("orders with known schemas go on", PATIENCE, || (applied(&hub) >= 3.0).then_some(()));
    assert!(applied(&hub) < 11.0, "the order with the new schema, and what came after it, waits");
    registry.freeze(false);
    until("all of them are taken in", PATIENCE, || (applied(&hub) >= 11.0).then_some(()));
    hub.settle(PATIENCE);
    assert_eq!((applied(&hub), hub.imbalance()), (11.0, 0.0));
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn a_registry_that_does_not_answer_is_waited_for_and_then_named() {
    let broker = Broker::start();
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    let nobody = format!("http://127.0.0.1:{}", crate::support::free_port());
    std::fs::write(&file, configuration(&broker.address(), &nobody, "start_timeout = \"2s\"")).expect("a folder");
    let place = data.path().display().to_string();
    let (code, said) = run(&["run", "--listen", "127.0.0.1:0", "--data", &place], &file);
    assert!(code == Some(1) && said.contains("HUB-1023") && said.contains(&nobody), "{code:?}: {said}");
    let (code, said) = run(&["schemas", "check"], &file);
    assert!(code == Some(69) && said.contains(&nobody), "{code:?}: {said}");
}
