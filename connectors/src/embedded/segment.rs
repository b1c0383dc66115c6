//! A segment file: its name, its sparse index, and the scan that checks its chain of batches.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use topology::LogError;

use super::batch::{BatchHeader, HEADER};
use super::codec::{Reader, Writer};
use super::files::failed;
use super::manifest::SegmentEntry;

/// At most one index entry for so many bytes.
const INDEX_INTERVAL: u64 = 32 << 10;
/// How much a scan reads at once.
const SCAN_BYTES: usize = 256 << 10;
const INDEX_MAGIC: &[u8; 4] = b"HIX1";

/// Where batches start: offsets and places in the file, ascending, not all of them.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<(i64, u64)>,
    /// The bytes of the segment that the index speaks of.
    covered: u64,
}

impl Index {
    /// Notes a batch; batches come in the order of the file.
    pub(super) fn add(&mut self, base: i64, at: u64, length: u64) {
        if self.entries.last().is_none_or(|(_, last)| at >= last + INDEX_INTERVAL) {
            self.entries.push((base, at));
        }
        self.covered = at + length;
    }

    /// A place at or before the batch that holds `offset`.
    fn locate(&self, offset: i64) -> u64 {
        let after = self.entries.partition_point(|(base, _)| *base <= offset);
        if after == 0 { 0 } else { self.entries[after - 1].1 }
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u64(self.covered);
        writer.u32(self.entries.len() as u32);
        for (base, at) in &self.entries {
            writer.i64(*base);
            writer.u64(*at);
        }
        let mut bytes = INDEX_MAGIC.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&writer.0).to_le_bytes());
        bytes.append(&mut writer.0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != INDEX_MAGIC || reader.u32()? != crc32fast::hash(reader.0) {
            return None;
        }
        let covered = reader.u64()?;
        let entries = reader.list(|reader| Some((reader.i64()?, reader.u64()?)))?;
        Some(Self { entries, covered })
    }
}

/// A segment file of this process: shared by its writer, its readers and the compaction.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) base: i64,
    pub(super) generation: u32,
    /// `None` until someone looks for an offset.
    index: RwLock<Option<Index>>,
    /// Open as long as someone reads or writes it, so that old segments hold no descriptors.
    file: Mutex<Weak<File>>,
}

/// The name of a segment's file.
pub(super) fn file_name(base: i64, generation: u32) -> String {
    if generation == 0 { format!("{base:020}.seg") } else { format!("{base:020}.{generation}.seg") }
}

impl Segment {
    pub(super) fn new(directory: &Path, base: i64, generation: u32) -> Self {
        Self {
            path: directory.join(file_name(base, generation)),
            base,
            generation,
            index: RwLock::default(),
            file: Mutex::default(),
        }
    }

    /// The open file, for reading.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = slot.upgrade() {
            return Ok(file);
        }
        let file = Arc::new(File::open(&self.path)?);
        *slot = Arc::downgrade(&file);
        Ok(file)
    }

    /// A place in the file at or before the batch that holds `offset`; `entry` says how far the
    /// segment is committed.
    pub(super) fn locate(&self, offset: i64, entry: &SegmentEntry) -> Result<u64, LogError> {
        if offset <= self.base {
            return Ok(0);
        }
        if let Some(index) = &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(index.locate(offset));
        }
        self.load(entry.bytes, entry.bytes)?;
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        Ok(index.as_ref().map_or(0, |index| index.locate(offset)))
    }

    /// Makes the index known up to `bytes`: from the index file as far as it goes, then by
    /// following the headers. Bodies from `checked` on have their checksums compared.
    pub(super) fn load(&self, bytes: u64, checked: u64) -> Result<(), LogError> {
        let mut slot = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|index| index.covered >= bytes) {
            return Ok(());
        }
        let known = std::fs::read(self.index_path()).ok().and_then(|bytes| Index::decode(&bytes));
        let mut index = known.filter(|index| index.covered <= bytes).unwrap_or_default();
        if index.covered < bytes {
            let file = self.file().map_err(failed("cannot open", &self.path))?;
            let from = index.covered;
            scan(&self.path, &file, from..bytes, checked, |header, at| {
                index.add(header.base, at, header.length() as u64);
            })?;
        }
        *slot = Some(index);
        Ok(())
    }

    /// Notes batches that were just written from `at` on: first offset, place, length of each.
    pub(super) fn wrote(&self, batches: &[(i64, u64, u64)], at: u64) {
        let mut slot = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let index = slot.get_or_insert_default();
        for (base, place, length) in batches {
            index.add(*base, at + place, *length);
        }
    }

    /// Writes the index file. A lost or broken one costs a scan, never data, so it is not synced
    /// and a failure is only passed on for the log line.
    pub(super) fn save_index(&self) -> io::Result<()> {
        let encoded = match &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            Some(index) if index.covered > 0 => index.encode(),
            _ => return Ok(()),
        };
        std::fs::write(self.index_path(), encoded)
    }

    pub(super) fn index_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// Takes the files away. Whoever still reads holds the open file.
    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(self.index_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::remove_file(&self.path)
    }
}

/// What is wrong at which byte of which file.
pub(super) fn corrupt(path: &Path, at: u64, what: &str) -> LogError {
    LogError::Corrupt(format!("{} at byte {at}: {what}", path.display()))
}

/// Follows the chain of batches through `range`, which must end where a batch ends.
pub(super) fn scan(
    path: &Path,
    file: &File,
    range: std::ops::Range<u64>,
    checked: u64,
    mut each: impl FnMut(&BatchHeader, u64),
) -> Result<(), LogError> {
    let mut buffer = Vec::new();
    // The buffer holds the bytes of the file from `held` on.
    let (mut at, mut held) = (range.start, range.start);
    while at < range.end {
        let mut skip = (at - held) as usize;
        let mut refill = |need: usize, buffer: &mut Vec<u8>, skip: &mut usize| -> Result<bool, LogError> {
            if buffer.len() >= *skip + need {
                return Ok(true);
            }
            let available = (range.end - at) as usize;
            if available < need {
                return Ok(false);
            }
            buffer.resize(need.max(SCAN_BYTES).min(available), 0);
            file.read_exact_at(buffer, at).map_err(failed("cannot read", path))?;
            (held, *skip) = (at, 0);
            Ok(true)
        };
        if !refill(HEADER, &mut buffer, &mut skip)? {
            return Err(corrupt(path, at, "committed bytes end within a batch header"));
        }
        let header = BatchHeader::read(&buffer[skip..]).ok_or_else(|| corrupt(path, at, "no valid batch header"))?;
        if at >= checked {
            if !refill(header.length(), &mut buffer, &mut skip)? {
                return Err(corrupt(path, at, "committed bytes end within a batch"));
            }
            if crc32fast::hash(&buffer[skip + HEADER..skip + header.length()]) != header.body_crc {
                return Err(corrupt(path, at, "a batch does not match its checksum"));
            }
        }
        each(&header, at);
        at += header.length() as u64;
    }
    if at == range.end { Ok(()) } else { Err(corrupt(path, at, "committed bytes end within a batch")) }
}
