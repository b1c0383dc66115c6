//! What is there after the process ended, and what happens when the disk fails.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topology::{Commit, Log, LogError, Offset, Position, TopicPartition, TopicSpec};

use super::{commit, open, open_with, read_all, record, values};
use crate::embedded::{Disk, EmbeddedLog, Files, OpenReport, Settings};

fn topics() -> Vec<TopicSpec> {
    vec![TopicSpec::delete("a", 2, None), TopicSpec::compact("b", 1)]
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(std::fs::copy(&path, &target).is_ok()) }
    }
}

/// The only file in a directory that ends so.
fn file_in(directory: &Path, ending: &str) -> PathBuf {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    found.sort();
    found.pop().expect("there is one")
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn everything_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let place = TopicPartition::new("a", 0);
    let position = Position { next_offset: Offset(1), metadata: "note".to_owned() };
    {
        let log = open(directory.path());
        log.ensure_topics(&topics()).unwrap();
        let mut producer = log.producer("p").unwrap();
        commit(&mut *producer, &[("a", 0, "one"), ("b", 0, "two")]);
        producer.commit("g", &[(place.clone(), position.clone())]).unwrap();
        producer.send(record("a", 1, "k", "never committed")).unwrap();
    }
    let (log, report) = open_with(directory.path(), Settings::default());
    let expected = OpenReport { torn_bytes: 0, topics: 2, partitions: 3, frames: 4, elapsed: report.elapsed };
    assert_eq!(report, expected);
    assert_eq!(values(&read_all(&*log, "a", 0)), ["one"]);
    assert_eq!(values(&read_all(&*log, "b", 0)), ["two"]);
    assert!(read_all(&*log, "a", 1).is_empty());
    assert_eq!(log.committed("g", &place).unwrap(), Some(position.clone()));
    assert_eq!(log.groups(), [("g".to_owned(), vec![(place, position)])]);
    assert_eq!(log.topic_specs(), topics());
    let mut producer = log.producer("p").unwrap();
    commit(&mut *producer, &[("a", 0, "three")]);
    assert_eq!(producer.last_positions()[0].1, Offset(1));
    assert_eq!(values(&read_all(&*log, "a", 0)), ["one", "three"]);
}

/// A directory with one good transaction and one that is to be torn, and the sizes before it.
fn two_transactions(directory: &Path) -> (u64, u64) {
    let log = open(directory);
    log.ensure_topics(&topics()).unwrap();
    let mut producer = log.producer("p").unwrap();
    commit(&mut *producer, &[("a", 0, "kept"), ("b", 0, "kept")]);
    let frame = length(&file_in(&directory.join("commits"), ".commits"));
    let data = length(&file_in(&directory.join("topics/a/0"), ".seg"));
    commit(&mut *producer, &[("a", 0, "torn"), ("a", 1, "torn"), ("b", 0, "torn")]);
    (frame, data)
}

#[test]
fn a_frame_torn_at_any_byte_takes_its_whole_transaction_away() {
    let source = tempfile::tempdir().unwrap();
    let (frame, _) = two_transactions(source.path());
    let whole = length(&file_in(&source.path().join("commits"), ".commits"));
    for cut in frame..whole {
        let directory = tempfile::tempdir().unwrap();
        copy(source.path(), directory.path());
        let commits = file_in(&directory.path().join("commits"), ".commits");
        File::options().write(true).open(commits).unwrap().set_len(cut).unwrap();
        let (log, report) = open_with(directory.path(), Settings::default());
        assert!(report.torn_bytes >= cut - frame + 3, "data and frame are counted: {report:?}");
        for (topic, partition, kept) in [("a", 0, 1), ("a", 1, 0), ("b", 0, 1)] {
            assert_eq!(read_all(&*log, topic, partition).len(), kept, "cut at {cut}");
        }
        let mut producer = log.producer("p").unwrap();
        commit(&mut *producer, &[("a", 0, "next")]);
        drop((producer, log));
        let (log, report) = open_with(directory.path(), Settings::default());
        assert_eq!((values(&read_all(&*log, "a", 0)), report.torn_bytes), (vec!["kept".into(), "next".into()], 0));
    }
}

#[test]
fn data_torn_at_any_byte_without_its_frame_is_cut() {
    let source = tempfile::tempdir().unwrap();
    let (frame, data) = two_transactions(source.path());
    let whole = length(&file_in(&source.path().join("topics/a/0"), ".seg"));
    for cut in data..=whole {
        let directory = tempfile::tempdir().unwrap();
        copy(source.path(), directory.path());
        let open = |path: PathBuf| File::options().write(true).open(path).unwrap();
        open(file_in(&directory.path().join("commits"), ".commits")).set_len(frame).unwrap();
        open(file_in(&directory.path().join("topics/a/0"), ".seg")).set_len(cut).unwrap();
        let (log, report) = open_with(directory.path(), Settings::default());
        assert!(report.torn_bytes >= cut - data);
        assert_eq!(values(&read_all(&*log, "a", 0)), ["kept"]);
        assert_eq!(length(&file_in(&directory.path().join("topics/a/0"), ".seg")), data);
    }
}

#[test]
fn committed_data_that_is_missing_or_damaged_is_refused_with_its_place() {
    let source = tempfile::tempdir().unwrap();
    let (frame, _) = two_transactions(source.path());
    let whole = length(&file_in(&source.path().join("topics/a/0"), ".seg"));
    let refused = |damage: &dyn Fn(&Path)| {
        let directory = tempfile::tempdir().unwrap();
        copy(source.path(), directory.path());
        // Without the index the start follows the batches themselves.
        let _ = std::fs::remove_file(file_in(&directory.path().join("topics/a/0"), ".idx"));
        damage(directory.path());
        match EmbeddedLog::open(directory.path(), Settings::default()) {
            Err(LogError::Corrupt(place)) => place,
            other => panic!("damage goes unseen: {:?}", other.map(|(_, report)| report)),
        }
    };
    let flip = |path: &Path, at: u64| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at as usize] ^= 0x40;
        std::fs::write(path, bytes).unwrap();
    };
    for at in 0..whole {
        let place = refused(&|directory| {
            let segment = file_in(&directory.join("topics/a/0"), ".seg");
            File::options().write(true).open(segment).unwrap().set_len(at).unwrap();
        });
        assert!(place.contains("topics/a/0/"), "{place}");
        let place = refused(&|directory| flip(&file_in(&directory.join("topics/a/0"), ".seg"), at));
        assert!(place.contains("topics/a/0/") && place.contains("at byte"), "{place}");
    }
    refused(&|directory| std::fs::remove_file(file_in(&directory.join("topics/a/1"), ".seg")).unwrap());
    refused(&|directory| std::fs::remove_file(file_in(&directory.join("commits"), ".commits")).unwrap());
    for at in 0..frame {
        let place = refused(&|directory| flip(&file_in(&directory.join("commits"), ".commits"), at));
        assert!(place.contains(".commits"), "{place}");
    }
}

#[test]
fn a_second_opener_is_told_who_holds_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    match EmbeddedLog::open(directory.path(), Settings::default()).map(drop) {
        Err(LogError::InUse { pid, directory: named }) => {
            assert_eq!((pid, named), (std::process::id().to_string(), directory.path().display().to_string()));
        }
        other => panic!("{other:?}"),
    }
    drop(log);
    open(directory.path());
}

/// A disk that fails from some moment on, once `broken`.
#[derive(Debug, Default)]
struct Failing {
    broken: AtomicBool,
    /// Whether writes fail; otherwise syncs do.
    writes: bool,
}

impl Failing {
    fn check(&self, concerned: bool) -> io::Result<()> {
        if concerned && self.broken.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Files for Failing {
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check(self.writes)?;
        Disk.write_at(path, file, bytes, position)
    }

    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        self.check(!self.writes)?;
        Disk.sync(path, file)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.check(!self.writes)?;
        Disk.sync_directory(path)
    }
}

#[test]
fn a_failed_write_or_sync_poisons_and_loses_nothing_acknowledged() {
    for writes in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let disk = Arc::new(Failing { writes, ..Failing::default() });
        let (log, _) = open_with(directory.path(), Settings { files: disk.clone(), ..Settings::default() });
        log.ensure_topics(&topics()).unwrap();
        let mut producer = log.producer("p").unwrap();
        commit(&mut *producer, &[("a", 0, "acknowledged"), ("b", 0, "acknowledged")]);
        disk.broken.store(true, Ordering::SeqCst);
        producer.send(record("a", 0, "k", "in doubt")).unwrap();
        assert!(matches!(producer.commit("g", &[]), Err(LogError::Poisoned(_))));
        // The disk is well again, but nobody can know what it holds now.
        disk.broken.store(false, Ordering::SeqCst);
        producer.send(record("a", 0, "k", "refused")).unwrap();
        assert!(matches!(producer.commit("g", &[]), Err(LogError::Poisoned(_))));
        assert!(matches!(log.producer("q").map(drop), Err(LogError::Poisoned(_))));
        let added = log.ensure_topics(&[TopicSpec::delete("new", 1, None)]);
        assert!(matches!(added, Err(LogError::Poisoned(_))));
        assert!(log.poison().is_some());
        assert_eq!(values(&read_all(&*log, "a", 0)), ["acknowledged"]);
        drop((producer, log));
        let log = open(directory.path());
        assert_eq!(values(&read_all(&*log, "a", 0))[0], "acknowledged");
        assert_eq!(values(&read_all(&*log, "b", 0)), ["acknowledged"]);
    }
}

#[test]
fn a_record_that_is_too_large_leaves_the_transaction_open() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open_with(directory.path(), Settings { max_record_bytes: 100, ..Settings::default() });
    log.ensure_topics(&topics()).unwrap();
    let mut producer = log.producer("p").unwrap();
    producer.send(record("a", 0, "k", "fits")).unwrap();
    let refused = producer.send(record("a", 0, "k", &"x".repeat(100)));
    assert!(matches!(refused, Err(LogError::TooLarge { bytes: 127, limit: 100 })), "{refused:?}");
    assert_eq!(producer.commit("g", &[]).unwrap(), Commit::Committed);
    assert_eq!(values(&read_all(&*log, "a", 0)), ["fits"]);
}

#[test]
fn illegal_topics_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for name in ["", ".", "..", "a/b", "ä"] {
        assert!(matches!(log.ensure_topics(&[TopicSpec::delete(name, 1, None)]), Err(LogError::Io { .. })), "{name}");
    }
    assert!(log.ensure_topics(&[TopicSpec::delete("none", 0, None)]).is_err());
    assert!(log.ensure_topics(&[TopicSpec::delete("two", 1, None), TopicSpec::delete("two", 2, None)]).is_err());
    assert!(log.topics().unwrap().is_empty());
    log.ensure_topics(&[TopicSpec::delete("good.One_2-3", 1, None)]).unwrap();
}
