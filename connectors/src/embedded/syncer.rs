//! The one thread that writes: it gives offsets, and lets many transactions share one sync.
//!
//! A round is: write the data, sync the files touched, write one frame, sync it, make it visible,
//! answer. When any step fails the log is poisoned: durability is in doubt, so nothing more is
//! taken in until the process starts again and finds out what the disk holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use hashbrown::HashMap;
use topology::{Commit, LogError, TopicSpec};

use super::batch::BatchBuffer;
use super::commit_file::CommitFile;
use super::files::{failed, open_or_create};
use super::manifest::{Frame, Move, Moved, SegmentEntry};
use super::segment::Segment;
use super::shared::Shared;

/// How many files are synced at the same time.
const SYNC_LANES: usize = 4;

/// What a transaction writes to one partition.
pub(super) struct Part {
    pub(super) partition: u32,
    pub(super) buffer: BatchBuffer,
    /// The first offset, once it is given.
    pub(super) base: i64,
}

/// Called with how a transaction ended, and its parts with their offsets.
pub(super) type Reply = Box<dyn FnOnce(Result<(Commit, Vec<Part>), LogError>) + Send>;

/// A transaction to be committed.
pub(super) struct Transaction {
    pub(super) id: Arc<str>,
    pub(super) epoch: u64,
    pub(super) parts: Vec<Part>,
    pub(super) positions: Vec<Moved>,
    pub(super) reply: Reply,
}

/// What the syncer does, in the order in which it is asked.
pub(super) enum Command {
    Commit(Transaction),
    /// A new holder of a transactional id; answers its epoch once all earlier commits ended.
    Fence {
        id: Arc<str>,
        reply: Sender<Result<u64, LogError>>,
    },
    Topics {
        specs: Vec<TopicSpec>,
        reply: Sender<Result<(), LogError>>,
    },
    /// Closes the segment that is appended to, unless it is empty.
    Roll {
        partition: u32,
        reply: Sender<Result<(), LogError>>,
    },
    Replace {
        partition: u32,
        removed: Vec<i64>,
        added: Vec<SegmentEntry>,
        reply: Sender<Result<(), LogError>>,
    },
    Stop,
}

/// Where the next bytes of a partition go.
struct Head {
    segment: Arc<Segment>,
    file: Arc<File>,
    bytes: u64,
    end: i64,
}

/// The state of the writing thread.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    commit_file: CommitFile,
    heads: BTreeMap<u32, Head>,
    epochs: HashMap<Arc<str>, u64>,
}

/// Files and directories that a round has changed.
#[derive(Default)]
struct Dirty {
    files: BTreeMap<PathBuf, Arc<File>>,
    directories: BTreeSet<PathBuf>,
    moves: Vec<Move>,
    closed: Vec<Arc<Segment>>,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

impl Syncer {
    pub(super) fn new(shared: Arc<Shared>, commit_file: CommitFile) -> Self {
        Self { shared, commit_file, heads: BTreeMap::new(), epochs: HashMap::new() }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut carried = None;
        loop {
            let Some(command) = carried.take().or_else(|| commands.recv().ok()) else { return };
            let Command::Commit(first) = command else {
                if !self.other(command) {
                    break;
                }
                continue;
            };
            let mut round = vec![first];
            carried = self.gather(commands, &mut round);
            self.round(round);
        }
        self.save_indexes();
    }

    /// Takes the transactions that share a round; returns the command that ends it, if one does.
    fn gather(&self, commands: &Receiver<Command>, round: &mut Vec<Transaction>) -> Option<Command> {
        let deadline = Instant::now() + self.shared.settings.commit_linger;
        loop {
            match commands.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Command::Commit(transaction)) => round.push(transaction),
                Ok(other) => return Some(other),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Answers what is not a commit; `false` to stop.
    fn other(&mut self, command: Command) -> bool {
        // A reply that nobody waits for any more is not a fault.
        match command {
            Command::Commit(transaction) => self.round(vec![transaction]),
            Command::Fence { id, reply } => {
                let epoch = self.epochs.entry(id).or_default();
                *epoch += 1;
                let _ = reply.send(if self.shared.poison.get().is_some() {
                    Err(self.shared.poisoned())
                } else {
                    Ok(*epoch)
                });
            }
            Command::Topics { specs, reply } => {
                let missing = self.shared.manifest().missing(specs);
                let add = |specs: Vec<_>| {
                    if specs.is_empty() { Ok(()) } else { self.guarded(|syncer| syncer.add_topics(specs)) }
                };
                let result = missing.and_then(add);
                let _ = reply.send(result);
            }
            Command::Roll { partition, reply } => {
                let result = self.guarded(|syncer| syncer.roll(partition));
                let _ = reply.send(result);
            }
            Command::Replace { partition, removed, added, reply } => {
                let result = self.guarded(|syncer| syncer.replace(partition, removed, added));
                let _ = reply.send(result);
            }
            Command::Stop => return false,
        }
        true
    }

    /// Does nothing once poisoned, and poisons when `work` fails.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, LogError>) -> Result<T, LogError> {
        if self.shared.poison.get().is_some() {
            return Err(self.shared.poisoned());
        }
        work(self).map_err(|error| {
            let reason = self.shared.poison.get_or_init(|| error.to_string());
            tracing::error!(reason, "the log refuses writes from now on");
            self.shared.poisoned()
        })
    }

    fn round(&mut self, transactions: Vec<Transaction>) {
        let (mut live, fenced): (Vec<_>, Vec<_>) =
            transactions.into_iter().partition(|one| self.epochs.get(&one.id) == Some(&one.epoch));
        let result = self.guarded(|syncer| syncer.commit(&mut live));
        for one in fenced {
            (one.reply)(Ok((Commit::Fenced, one.parts)));
        }
        for one in live {
            (one.reply)(match result {
                Ok(()) => Ok((Commit::Committed, one.parts)),
                Err(_) => Err(self.shared.poisoned()),
            });
        }
    }

    fn commit(&mut self, transactions: &mut [Transaction]) -> Result<(), LogError> {
        let append_time = now();
        let mut dirty = Dirty::default();
        let mut positions = Vec::new();
        for transaction in &mut *transactions {
            for part in &mut transaction.parts {
                self.write(part, append_time, &mut dirty)?;
            }
            positions.append(&mut transaction.positions);
        }
        if dirty.moves.is_empty() && positions.is_empty() {
            return Ok(());
        }
        let moves = std::mem::take(&mut dirty.moves);
        self.sync(&dirty)?;
        self.append(Frame::Round { transactions: transactions.len() as u64, append_time, moves, positions })?;
        dirty.closed.iter().for_each(|segment| save_index(segment));
        Ok(())
    }

    /// Writes a part behind what its partition holds. Not visible and not durable yet.
    fn write(&mut self, part: &mut Part, append_time: i64, dirty: &mut Dirty) -> Result<(), LogError> {
        let length = part.buffer.bytes().len() as u64;
        if length == 0 {
            return Ok(());
        }
        let head = self.head(part.partition, dirty)?;
        if head.bytes > 0 && head.bytes + length > self.shared.settings.segment_bytes {
            self.close_segment(part.partition, dirty)?;
        }
        let head = self.heads.get_mut(&part.partition).expect("made above");
        part.base = head.end;
        let (segment, at) = (&head.segment, head.bytes);
        let places = part.buffer.stamp(head.end, append_time);
        segment.wrote(&places, at);
        let files = &self.shared.settings.files;
        files
            .write_at(&segment.path, &head.file, part.buffer.bytes(), at)
            .map_err(failed("cannot write", &segment.path))?;
        head.bytes += length;
        head.end += i64::from(part.buffer.records());
        let moved = Move { partition: part.partition, end: head.end, segment: segment.base, bytes: head.bytes };
        if !dirty.files.contains_key(&segment.path) {
            dirty.files.insert(segment.path.clone(), head.file.clone());
        }
        match dirty.moves.iter_mut().find(|other| (other.partition, other.segment) == (moved.partition, moved.segment))
        {
            Some(known) => *known = moved,
            None => dirty.moves.push(moved),
        }
        Ok(())
    }

    fn head(&mut self, partition: u32, dirty: &mut Dirty) -> Result<&mut Head, LogError> {
        if !self.heads.contains_key(&partition) {
            let (active, end) = {
                let manifest = self.shared.manifest();
                let entry = &manifest.partitions[partition as usize];
                (entry.active(), entry.end)
            };
            let files = self.shared.files(partition);
            let segment = files.segment(active.base, active.generation);
            let file = Arc::new(open_or_create(&segment.path)?);
            segment.load(active.bytes, active.bytes)?;
            dirty.directories.insert(files.directory.clone());
            self.heads.insert(partition, Head { segment, file, bytes: active.bytes, end });
        }
        Ok(self.heads.get_mut(&partition).expect("inserted where it was missing"))
    }

    /// Goes on in a new segment whose base is the next offset.
    fn close_segment(&mut self, partition: u32, dirty: &mut Dirty) -> Result<(), LogError> {
        let files = self.shared.files(partition);
        let head = self.head(partition, dirty)?;
        let segment = files.segment(head.end, 0);
        let file = Arc::new(open_or_create(&segment.path)?);
        dirty.directories.insert(files.directory.clone());
        dirty.closed.push(std::mem::replace(&mut head.segment, segment));
        (head.file, head.bytes) = (file, 0);
        Ok(())
    }

    fn sync(&self, dirty: &Dirty) -> Result<(), LogError> {
        let settings = &self.shared.settings;
        if !settings.sync {
            return Ok(());
        }
        let all: Vec<_> = dirty.files.iter().collect();
        let sync_some = |some: &[(&PathBuf, &Arc<File>)]| {
            some.iter()
                .try_for_each(|(path, file)| settings.files.sync(path, file).map_err(failed("cannot sync", path)))
        };
        // Side by side, the file system puts several of them into one write of its journal.
        let mut lanes = all.chunks(all.len().div_ceil(SYNC_LANES).max(1));
        let own = lanes.next().unwrap_or_default();
        std::thread::scope(|scope| {
            let others: Vec<_> = lanes.map(|lane| scope.spawn(move || sync_some(lane))).collect();
            let results = others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(self.shared.poisoned())));
            results.fold(sync_some(own), Result::and)
        })?;
        for path in &dirty.directories {
            settings.files.sync_directory(path).map_err(failed("cannot sync", path))?;
        }
        Ok(())
    }

    /// Makes a frame durable, then visible.
    fn append(&mut self, frame: Frame) -> Result<(), LogError> {
        self.commit_file.append(&frame)?;
        let new_topics = matches!(frame, Frame::Topics(_));
        let mut manifest = self.shared.manifest.write().unwrap_or_else(PoisonError::into_inner);
        let applied = manifest.apply(frame);
        if new_topics {
            self.shared.extend_partitions(&manifest);
        }
        drop(manifest);
        applied.ok_or_else(|| LogError::Corrupt("a frame does not fit what is committed".to_owned()))?;
        self.shared.announce();
        if self.commit_file.is_full(self.shared.settings.commit_file_bytes) {
            self.save_indexes();
            self.commit_file.roll(&self.shared.manifest())?;
        }
        Ok(())
    }

    /// Saves the indexes of the segments in use, so that the next start need not scan them.
    fn save_indexes(&self) {
        if self.shared.poison.get().is_none() {
            self.heads.values().for_each(|head| save_index(&head.segment));
        }
    }

    fn add_topics(&mut self, specs: Vec<TopicSpec>) -> Result<(), LogError> {
        let files = &self.shared.settings.files;
        let mut directories = BTreeSet::new();
        for spec in &specs {
            for partition in 0..spec.partitions {
                let path = self.shared.directory(&spec.name, partition);
                std::fs::create_dir_all(&path).map_err(failed("cannot create", &path))?;
            }
            let topic = self.shared.root.join("topics").join(&*spec.name);
            directories.extend([topic, self.shared.root.join("topics")]);
        }
        for path in &directories {
            if self.shared.settings.sync {
                files.sync_directory(path).map_err(failed("cannot sync", path))?;
            }
        }
        self.append(Frame::Topics(specs))
    }

    fn roll(&mut self, partition: u32) -> Result<(), LogError> {
        let mut dirty = Dirty::default();
        if self.head(partition, &mut dirty)?.bytes == 0 {
            return Ok(());
        }
        self.close_segment(partition, &mut dirty)?;
        let head = self.head(partition, &mut dirty)?;
        let moves = vec![Move { partition, end: head.end, segment: head.segment.base, bytes: 0 }];
        self.sync(&dirty)?;
        self.append(Frame::Round { transactions: 0, append_time: 0, moves, positions: Vec::new() })?;
        dirty.closed.iter().for_each(|segment| save_index(segment));
        Ok(())
    }

    fn replace(&mut self, partition: u32, removed: Vec<i64>, added: Vec<SegmentEntry>) -> Result<(), LogError> {
        let old: Vec<_> = {
            let manifest = self.shared.manifest();
            let segments = &manifest.partitions[partition as usize].segments;
            segments.iter().filter(|segment| removed.contains(&segment.base)).copied().collect()
        };
        self.append(Frame::Replace { partition, removed, added })?;
        let files = self.shared.files(partition);
        for entry in old {
            // What cannot be removed now is removed at the next start: the manifest decides.
            if let Err(error) = files.take(entry.base, entry.generation).remove() {
                tracing::warn!(%error, path = %files.directory.display(), "an old segment stays until the next start");
            }
        }
        Ok(())
    }
}

fn save_index(segment: &Segment) {
    if let Err(error) = segment.save_index() {
        tracing::warn!(%error, path = %segment.path.display(), "an index was not saved; the next start scans");
    }
}
