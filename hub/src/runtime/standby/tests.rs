//! Standbys and workers that take over from them, in one process.

use std::sync::mpsc;

use bytes::Bytes;
use topology::sim::{MemoryCheckpoints, SimLog};
use topology::{
    Checkpoints, Consumer, ConsumerConfig, LogError, Offset, OutgoingRecord, Position, Producer, Record, TopicName,
    TopicPartition, TopicSpec,
};

use super::*;
use crate::wiring;

/// A task of the real topology with its changelogs, and a hub that shall follow it.
struct Scene {
    log: SimLog,
    stores: Vec<String>,
    places: Places,
    following: Following,
    task: TaskId,
}

fn changelog(store: &str) -> TopicName {
    format!("{APPLICATION}.{store}.changelog").into()
}

impl Scene {
    fn new() -> Self {
        let topology = Arc::new(wiring::topology(&Config::defaults()).unwrap());
        let log = SimLog::new();
        let part = topology.sub_topologies.iter().find(|part| part.name == "sla").unwrap();
        let mut stores: Vec<String> = part.stores.iter().map(|store| store.name.clone()).collect();
        stores.extend(["sla.timers".to_owned(), "sla.ledger".to_owned()]);
        let topics: Vec<_> = stores.iter().map(|store| TopicSpec::compact(changelog(store), 1)).collect();
        log.ensure_topics(&topics).unwrap();
        let places = Places::new(Arc::new(MemoryCheckpoints::default()));
        let following = Following {
            settings: Standbys { parts: vec!["sla".into()], copies: 1 },
            topology,
            instances: Arc::new(Instances::new("me", None)),
            partitions: 1,
            places: places.clone(),
            followed: HashMap::new(),
        };
        Self { log, stores, places, following, task: TaskId { sub_topology: "sla".into(), partition: 0 } }
    }

    /// The task's owner writes these keys.
    fn write(&self, keys: std::ops::Range<u32>) {
        let mut producer = self.log.producer("owner").unwrap();
        for key in keys {
            let record = OutgoingRecord {
                topic: changelog(&self.stores[0]),
                partition: Some(0),
                key: Some(key.to_string().into()),
                value: Some(Bytes::from_static(b"value")),
                timestamp: wall_clock(),
                headers: Vec::new(),
            };
            producer.send(record).unwrap();
        }
        producer.commit("owner", &[]).unwrap();
    }

    fn step(&mut self) {
        self.following.step(&self.task, &self.log);
    }
}

#[test]
fn a_worker_gets_the_checkpoint_from_the_standby_that_followed() {
    let mut scene = Scene::new();
    scene.write(0..100);
    (0..9).for_each(|_| scene.step());
    scene.write(100..120);
    assert_eq!(scene.following.followed.len(), 1);

    let checkpoint = scene.places.open(&scene.task, &scene.stores).unwrap();
    assert_eq!(checkpoint.position(0), Some(Offset(100)), "only the tail is left to replay");
    let mut entries = 0;
    checkpoint.reader().unwrap().load(0, None, 1 << 20, &mut |_, _| entries += 1).unwrap();
    assert_eq!(entries, 100);
    // While a worker has it nobody follows.
    scene.step();
    assert!(scene.following.followed.is_empty());
    drop(checkpoint);
    scene.step();
    assert_eq!(scene.following.followed.len(), 1);
    scene.step();
    scene.following.let_go(|_| true);
    assert_eq!(scene.places.open(&scene.task, &scene.stores).unwrap().position(0), Some(Offset(120)));
}

#[test]
fn a_worker_does_not_wait_for_what_its_standby_reads() {
    for is_opening in [true, false] {
        let mut scene = Scene::new();
        scene.write(0..100);
        if !is_opening {
            (0..9).for_each(|_| scene.step());
            scene.write(100..120);
        }
        let before = scene.following.followed.len();
        let (asked, is_asked) = mpsc::channel();
        let (answer, is_answered) = mpsc::channel();
        let slow = SlowLog { log: scene.log.clone(), asked, answered: std::sync::Mutex::new(is_answered) };
        let (places, task, stores) = (scene.places.clone(), scene.task.clone(), scene.stores.clone());
        let following = thread::spawn(move || {
            scene.following.step(&scene.task, &slow);
            scene.following.followed.len()
        });
        is_asked.recv().expect("the standby asks the brokers");
        // They have not answered yet; this would wait for ever.
        let checkpoint = places.open(&task, &stores).unwrap();
        let had = (before == 1).then_some(Offset(100));
        assert_eq!(checkpoint.position(0), had, "what the standby had written");
        drop(answer);
        assert_eq!(following.join().unwrap(), 0, "the standby goes on beside the worker");
        assert_eq!(checkpoint.position(0), had, "the standby wrote beside the worker");
    }
}

/// A log whose ends are not told before the test says so.
struct SlowLog {
    log: SimLog,
    asked: mpsc::Sender<()>,
    /// Closed once the brokers answer.
    answered: std::sync::Mutex<mpsc::Receiver<()>>,
}

impl Log for SlowLog {
    fn bounds(&self, partition: &TopicPartition) -> Result<(Offset, Offset), LogError> {
        let _ = self.asked.send(());
        let _ = self.answered.lock().unwrap().recv();
        self.log.bounds(partition)
    }

    fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.log.ensure_topics(topics)
    }

    fn topic_specs(&self, names: &[TopicName]) -> Result<Vec<TopicSpec>, LogError> {
        self.log.topic_specs(names)
    }

    fn change_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.log.change_topics(topics)
    }

    fn topics(&self) -> Result<Vec<(TopicName, u32)>, LogError> {
        self.log.topics()
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Position>, LogError> {
        self.log.committed(group, partition)
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<Offset, LogError> {
        self.log.read(partition, from, max_bytes, into)
    }

    fn consumer(&self, config: ConsumerConfig) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(config)
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, LogError> {
        self.log.producer(transactional_id)
    }
}
