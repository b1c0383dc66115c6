//! Transactions of others that do not end: a producer that died with one open, and with a long time-out, keeps
//! records from the hub. It is said where; the hub goes on by itself once the transaction is aborted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::kafka::{Hanging, KafkaLog};
use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use topology::{LogError, TopicPartition, TopicSpec};

/// How many partitions are named on `/readyz`; metrics and log have all of them.
const NAMED: usize = 3;

/// What hangs at the moment. Clones share it.
#[derive(Clone, Default)]
pub(super) struct SharedHanging(Arc<Mutex<Vec<Hanging>>>);

impl SharedHanging {
    /// What hangs and what to do about it, in one sentence; nothing if nothing does.
    pub(super) fn trouble(&self) -> Option<String> {
        sentence(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sentence(hanging: &[Hanging]) -> Option<String> {
    let first = hanging.first()?;
    let mut places = String::new();
    for one in hanging.iter().take(NAMED) {
        let comma = if places.is_empty() { "" } else { ", " };
        let seconds = one.held_for.as_secs();
        write!(places, "{comma}{} at offset {} for {seconds} s", one.partition, one.stable_end.0).ok()?;
    }
    if hanging.len() > NAMED {
        write!(places, " and {} more", hanging.len() - NAMED).ok()?;
    }
    Some(format!(
        "a transaction that does not end holds up the readers of {places}: end its producer, or abort it with \
         kafka-transactions.sh abort --topic {} --partition {} --start-offset {}",
        first.partition.topic, first.partition.partition, first.stable_end.0
    ))
}

pub(super) fn describe() {
    describe_gauge!("hub_hanging_transaction_seconds", "For how long an open transaction holds up the readers");
}

/// Starts the thread that looks; it ends with `shutdown`.
pub(super) fn start(
    log: Arc<KafkaLog>,
    topics: &[TopicSpec],
    shared: SharedHanging,
    shutdown: Shutdown,
) -> std::io::Result<thread::JoinHandle<()>> {
    let all = |spec: &TopicSpec| {
        let name = spec.name.clone();
        (0..spec.partitions).map(move |partition| TopicPartition { topic: name.clone(), partition })
    };
    let partitions: Vec<TopicPartition> = topics.iter().flat_map(all).collect();
    thread::Builder::new().name("hanging-transactions".into()).spawn(move || {
        let mut told = BTreeMap::new();
        while !shutdown.wait(log.hanging_every()) {
            if log.trouble().is_some() {
                // Each question would wait for its time-out.
                continue;
            }
            match log.hanging(&partitions) {
                Ok(hanging) => {
                    tell(&mut told, &hanging);
                    *shared.0.lock().unwrap_or_else(PoisonError::into_inner) = hanging;
                }
                Err(LogError::Retriable(why)) => tracing::debug!(why, "open transactions are not known"),
                Err(error) => tracing::warn!(%error, "open transactions are not known"),
            }
        }
    })
}

/// Logs what began and what ended since the last look, and sets the metrics.
fn tell(told: &mut BTreeMap<TopicPartition, i64>, hanging: &[Hanging]) {
    let set = |partition: &TopicPartition, seconds: f64| {
        let labels = [("topic", partition.topic.to_string()), ("partition", partition.partition.to_string())];
        gauge!("hub_hanging_transaction_seconds", &labels).set(seconds);
    };
    told.retain(|partition, _| {
        let hangs = hanging.iter().any(|one| one.partition == *partition);
        if !hangs {
            tracing::info!(%partition, "the transaction has ended: its partition is read on");
            set(partition, 0.0);
        }
        hangs
    });
    for one in hanging {
        set(&one.partition, one.held_for.as_secs_f64());
        if told.insert(one.partition.clone(), one.stable_end.0) != Some(one.stable_end.0) {
            let (offset, seconds) = (one.stable_end.0, one.held_for.as_secs());
            tracing::warn!(partition = %one.partition, offset, seconds, "a transaction that does not end holds up the readers");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use topology::Offset;

    use super::*;

    #[test]
    fn some_are_named_and_the_rest_is_counted() {
        let hanging = |partition| Hanging {
            partition: TopicPartition::new("jcms.hub.order", partition),
            stable_end: Offset(12),
            written_end: Offset(20),
            held_for: Duration::from_secs(34),
        };
        assert_eq!(sentence(&[]), None);
        let told = sentence(&[0, 1, 2, 3, 4].map(hanging)).expect("something hangs");
        assert!(told.contains("jcms.hub.order/0 at offset 12 for 34 s, jcms.hub.order/1 at"), "{told}");
        assert!(told.contains("and 2 more") && !told.contains("jcms.hub.order/3"), "{told}");
        assert!(told.ends_with("--topic jcms.hub.order --partition 0 --start-offset 12"), "{told}");
    }
}
