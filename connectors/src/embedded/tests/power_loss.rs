//! The power fails: what was written but not synced is lost, in part or whole.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use topology::{Commit, Log, TopicSpec};

use super::{open_with, read_all, record, values};
use crate::embedded::{Disk, Files, Settings};

/// Bytes, and where they go.
type Written = (Vec<u8>, u64);

/// A disk with a cache in front: a write reaches it only when its file is synced.
#[derive(Debug, Default)]
struct Cached {
    pending: Mutex<HashMap<PathBuf, Vec<Written>>>,
    /// Changes to the disk that are still allowed; then the power is off.
    left: Mutex<u64>,
}

impl Cached {
    fn spend(&self) -> io::Result<()> {
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(())
    }

    /// The cache is gone, but for what happened to reach the disk on its own.
    fn lose(&self, mut chance: u64) {
        for (path, writes) in self.pending.lock().unwrap().drain() {
            for (bytes, position) in writes {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let reached = (chance >> 33) as usize % (bytes.len() * 2);
                let file = File::options().write(true).open(&path);
                if let (Ok(file), Some(bytes)) = (file, bytes.get(..reached)) {
                    Disk.write_at(&path, &file, bytes, position).unwrap();
                }
            }
        }
    }
}

impl Files for Cached {
    fn write_at(&self, path: &Path, _: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        self.spend()?;
        self.pending.lock().unwrap().entry(path.to_owned()).or_default().push((bytes.to_vec(), position));
        Ok(())
    }

    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        self.spend()?;
        for (bytes, position) in self.pending.lock().unwrap().remove(path).unwrap_or_default() {
            Disk.write_at(path, file, &bytes, position)?;
        }
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.spend()
    }
}

#[test]
fn whenever_the_power_fails_acknowledged_transactions_are_whole() {
    for lasts in 20..180 {
        let directory = tempfile::tempdir().unwrap();
        let disk = Arc::new(Cached { left: Mutex::new(lasts), ..Cached::default() });
        let settings =
            Settings { segment_bytes: 300, commit_file_bytes: 600, files: disk.clone(), ..Settings::default() };
        let (log, _) = open_with(directory.path(), settings.clone());
        log.ensure_topics(&[TopicSpec::delete("t", 2, None), TopicSpec::compact("u", 1)]).unwrap();
        let mut producer = log.producer("p").unwrap();
        let mut acknowledged = 0;
        for number in 0.. {
            for (topic, partition) in [("t", 0), ("t", 1), ("u", 0)] {
                producer.send(record(topic, partition, &number.to_string(), &format!("{number:05}"))).unwrap();
            }
            match producer.commit("g", &[]) {
                Ok(commit) => assert_eq!(commit, Commit::Committed),
                Err(_) => break,
            }
            acknowledged += 1;
        }
        drop((producer, log));
        disk.lose(lasts);
        let (log, _) = open_with(directory.path(), Settings { files: Arc::new(Disk), ..settings });
        let all: Vec<_> = [("t", 0), ("t", 1), ("u", 0)]
            .map(|(topic, partition)| values(&read_all(&*log, topic, partition)))
            .to_vec();
        assert!(
            all[0].len() == acknowledged || all[0].len() == acknowledged + 1,
            "{acknowledged} and {}",
            all[0].len()
        );
        assert!(all.iter().all(|one| *one == all[0]), "a transaction is torn after {lasts} changes");
        assert!(all[0].iter().enumerate().all(|(number, value)| *value == format!("{number:05}")));
    }
}

/// Writes through, as the system's own cache does; remembers which files are as synced.
#[derive(Debug, Default)]
struct WriteThrough {
    synced: Mutex<HashSet<PathBuf>>,
    /// Syncs of commit files fail, whatever the system has taken in.
    broken: bool,
}

impl Files for WriteThrough {
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        self.synced.lock().unwrap().remove(path);
        Disk.write_at(path, file, bytes, position)
    }

    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        if self.broken && path.extension().is_some_and(|ending| ending == "commits") {
            return Err(io::ErrorKind::Other.into());
        }
        // The name that a file is made under is not the one it is read by.
        self.synced.lock().unwrap().insert(path.with_extension(""));
        Disk.sync(path, file)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        Disk.sync_directory(path)
    }
}

/// A frame may be in the system's cache only, and be lost with the power although a new process
/// reads it; after a failed sync the system even believes that it is on the disk. What a start
/// shows to readers must be written and synced anew.
#[test]
fn what_a_start_makes_visible_is_durable_even_when_its_sync_had_failed() {
    let directory = tempfile::tempdir().unwrap();
    open_with(directory.path(), Settings::default()).0.ensure_topics(&[TopicSpec::delete("t", 1, None)]).unwrap();
    let broken = Arc::new(WriteThrough { broken: true, ..WriteThrough::default() });
    let (log, _) = open_with(directory.path(), Settings { files: broken, ..Settings::default() });
    let mut producer = log.producer("p").unwrap();
    producer.send(record("t", 0, "k", "in doubt")).unwrap();
    assert!(producer.commit("g", &[]).is_err());
    drop((producer, log));

    let disk = Arc::new(WriteThrough::default());
    let (log, _) = open_with(directory.path(), Settings { files: disk.clone(), ..Settings::default() });
    assert_eq!(values(&read_all(&*log, "t", 0)), ["in doubt"]);
    let commits: Vec<_> =
        directory.path().join("commits").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(commits.len(), 1);
    assert!(disk.synced.lock().unwrap().contains(&commits[0].with_extension("")), "{commits:?}");
}
