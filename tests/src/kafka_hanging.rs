//! Somebody's transaction does not end: the hub says where it is held up, and goes on once that is aborted.

use std::time::Duration;

use schemas::Timestamp;
use topology::{Log as _, OutgoingRecord, TopicPartition};

use crate::support::{Broker, Hub, order_created, until};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "a-token-of-some-length";

#[test]
fn a_transaction_that_does_not_end_is_named_until_it_is_aborted() {
    let broker = Broker::start();
    let data = tempfile::tempdir().expect("a folder");
    let configuration = format!(
        "[log]\nkind = \"kafka\"\npartitions = 4\n[log.kafka]\nbrokers = [\"{}\"]\nprefix = \"jcms.\"\ntransaction_timeout = \"2s\"\nhanging_after = \"3s\"\n\
         [[http.tokens]]\nname = \"test\"\ntoken = \"{TOKEN}\"\n",
        broker.address()
    );
    let hub = Hub::configured(data.path(), &configuration, TOKEN);
    let taken = || hub.metric("hub_records_taken_total", &["topic=\"hub.order\""]).unwrap_or_default();
    hub.send(&order_created("before"));
    until("the first order is taken in", PATIENCE, || (taken() == 1.0).then_some(()));

    // A producer that may leave its transaction open for a quarter of an hour begins, writes, and stays.
    let open_log =
        || broker.log_with("jcms.", "another", |settings| settings.transaction_timeout = Duration::from_secs(900));
    let log = open_log();
    let topics = log.topics().expect("topics");
    let (_, partitions) = topics.iter().find(|(name, _)| &**name == "hub.order").expect("the topic of orders");
    let mut dead = log.producer("dead").expect("a producer");
    for partition in 0..*partitions {
        let record = OutgoingRecord {
            topic: "hub.order".into(),
            partition: Some(partition),
            key: Some("nobody".into()),
            value: Some("never committed".into()),
            timestamp: Timestamp(1_000),
            headers: Vec::new(),
        };
        dead.send(record).expect("the record is taken");
    }
    // Only what is written after the broker has the open transaction's records lies behind them.
    let is_open = |partition| {
        let place = TopicPartition::new("hub.order", partition);
        log.bounds(&place).expect("bounds").1 < log.written_end(&place).expect("an end")
    };
    until("the transaction is open", PATIENCE, || (0..*partitions).all(is_open).then_some(()));
    hub.send(&order_created("behind"));

    let told = until("the hub says what holds it up", PATIENCE, || {
        Some(hub.get("/readyz")).filter(|told| told.contains("a transaction that does not end"))
    });
    // It is held up and nothing more: who sends events is still let in.
    assert!(told.contains("jcms.hub.order/") && told.contains(r#""ready":true"#), "{told}");
    assert_eq!(hub.metric("hub_ready", &[]), Some(1.0));
    let held = |partition: u32| {
        let labels = ["topic=\"jcms.hub.order\"".to_owned(), format!("partition=\"{partition}\"")];
        hub.metric("hub_hanging_transaction_seconds", &labels.each_ref().map(String::as_str)).unwrap_or_default()
    };
    until("every partition is named", PATIENCE, || (0..*partitions).all(|number| held(number) > 2.0).then_some(()));
    assert_eq!(taken(), 1.0, "what is behind an open transaction was read");

    // The next producer of that name ends it, as an administrator would.
    drop(open_log().producer("dead").expect("the producer comes back"));
    until("what was held up is taken in", PATIENCE, || (taken() == 2.0).then_some(()));
    until("nothing is said to hang", PATIENCE, || {
        (!hub.get("/readyz").contains("does not end") && (0..*partitions).all(|number| held(number) == 0.0))
            .then_some(())
    });
    assert_eq!(hub.imbalance(), 0.0);
    assert_eq!(hub.stop(), Some(0));
}
