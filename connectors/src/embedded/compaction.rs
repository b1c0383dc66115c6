//! Compaction by key: closed segments are rewritten with the newest record of each key.
//!
//! Offsets stay as they are, so gaps appear. New files are written and synced beside the old
//! ones; one frame swaps them, and only then the old ones go. A crash leaves one or the other.

use std::fs::File;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use schemas::Timestamp;
use topology::LogError;

use super::batch::{BatchBuffer, BatchHeader, Body, RawRecord};
use super::files::{failed, open_or_create};
use super::maintain::before;
use super::manifest::SegmentEntry;
use super::reader::Place;
use super::segment::{Segment, corrupt};
use super::shared::Shared;
use super::syncer::Command;

/// How much is gathered before it is written.
const FLUSH_BYTES: usize = 1 << 20;
/// Batches are joined when they were appended within the same hour, so that joining does not
/// make a tombstone look younger for ever.
const JOIN_MILLIS: i64 = 60 * 60 * 1000;

/// Which record of each key is the newest one among those written since the last compaction.
struct Newest {
    /// 128 bits of two independent hashes stand for a key: keys need not be held in memory.
    offsets: HashMap<u128, i64, RandomState>,
    hashers: [RandomState; 2],
}

impl Newest {
    fn hash(&self, key: &[u8]) -> u128 {
        let [high, low] = &self.hashers;
        (u128::from(high.hash_one(key)) << 64) | u128::from(low.hash_one(key))
    }

    fn note(&mut self, key: &[u8], offset: i64) {
        self.offsets.insert(self.hash(key), offset);
    }

    fn is_newest(&self, key: &[u8], offset: i64) -> bool {
        self.offsets.get(&self.hash(key)).is_none_or(|newest| *newest <= offset)
    }
}

/// Compacts a partition if enough of it is new; returns how many bytes that saved.
pub(super) fn compact(shared: &Shared, number: u32, now: Timestamp) -> Result<Option<u64>, LogError> {
    let segments = shared.manifest().partitions[number as usize].segments.clone();
    let bytes_of = |wanted: bool| -> u64 {
        segments.iter().filter(|segment| (segment.generation == 0) == wanted).map(|segment| segment.bytes).sum()
    };
    let (dirty, clean) = (bytes_of(true), bytes_of(false));
    if dirty == 0 || dirty < shared.settings.compact_bytes || dirty < clean {
        return Ok(None);
    }
    shared.ask(|reply| Command::Roll { partition: number, reply })?;
    let mut sources = shared.manifest().partitions[number as usize].segments.clone();
    sources.pop();
    let mut newest = Newest { offsets: HashMap::default(), hashers: [RandomState::default(), RandomState::default()] };
    for source in sources.iter().filter(|source| source.generation == 0) {
        records(shared, number, source, |_, body, raw| {
            if let Some(key) = &raw.key {
                newest.note(&body.bytes[key.clone()], raw.offset);
            }
            Ok(())
        })?;
    }
    let mut rewrite = Rewrite { shared, number, written: Vec::new(), open: None };
    let added = rewrite.run(&sources, &newest, before(now, shared.settings.tombstone_grace));
    let added = added.inspect_err(|_| rewrite.discard())?;
    let kept: u64 = added.iter().map(|segment| segment.bytes).sum();
    let before: u64 = sources.iter().map(|segment| segment.bytes).sum();
    let removed = sources.iter().map(|segment| segment.base).collect();
    shared.ask(|reply| Command::Replace { partition: number, removed, added, reply })?;
    Ok(Some(before.saturating_sub(kept)))
}

/// Calls `each` with every record of a segment.
fn records(
    shared: &Shared,
    number: u32,
    entry: &SegmentEntry,
    mut each: impl FnMut(&BatchHeader, &Body, &RawRecord) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let segment = shared.files(number).segment(entry.base, entry.generation);
    if entry.bytes == 0 {
        return Ok(());
    }
    let mut place = Place::open(segment, 0)?;
    while place.at < entry.bytes {
        let (header, bytes) = place.batch(entry, FLUSH_BYTES)?;
        let mut body = Body::new(bytes, header.base);
        while !body.is_empty() {
            let raw = body.next_raw().map_err(|what| corrupt(&place.segment.path, place.at, what))?;
            each(&header, &body, &raw)?;
        }
    }
    Ok(())
}

/// A segment being written.
struct Output {
    segment: Arc<Segment>,
    file: File,
    bytes: u64,
    append_time: i64,
    buffer: BatchBuffer,
    /// The offset of the buffer's first record, and the newest append time of its records.
    origin: i64,
    buffer_time: i64,
}

struct Rewrite<'a> {
    shared: &'a Shared,
    number: u32,
    written: Vec<SegmentEntry>,
    open: Option<Output>,
}

impl Rewrite<'_> {
    /// Writes what is kept of `sources`, several small ones into one, and syncs it.
    fn run(&mut self, sources: &[SegmentEntry], newest: &Newest, cutoff: i64) -> Result<Vec<SegmentEntry>, LogError> {
        let generation = sources.iter().map(|source| source.generation).max().unwrap_or_default() + 1;
        for source in sources {
            let fits = |open: &Output| open.bytes + source.bytes <= self.shared.settings.segment_bytes;
            if !self.open.as_ref().is_some_and(fits) {
                self.finish()?;
                self.open = Some(self.begin(source.base, generation)?);
            }
            let shared = self.shared;
            records(shared, self.number, source, |header, body, raw| {
                let Some(open) = &mut self.open else { return Ok(()) };
                let kept = raw.key.as_ref().is_none_or(|key| {
                    let expired = raw.value.is_none() && header.append_time < cutoff;
                    !expired && newest.is_newest(&body.bytes[key.clone()], raw.offset)
                });
                if kept { open.push(shared, header, &body.bytes[raw.range.clone()], raw.offset) } else { Ok(()) }
            })?;
        }
        self.finish()?;
        let directory = &self.shared.files(self.number).directory;
        if self.shared.settings.sync {
            self.shared.settings.files.sync_directory(directory).map_err(failed("cannot sync", directory))?;
        }
        Ok(std::mem::take(&mut self.written))
    }

    fn begin(&self, base: i64, generation: u32) -> Result<Output, LogError> {
        let files = self.shared.files(self.number);
        // What an earlier attempt left behind is not appended to.
        drop(files.take(base, generation));
        let segment = files.segment(base, generation);
        let file = open_or_create(&segment.path)?;
        file.set_len(0).map_err(failed("cannot cut", &segment.path))?;
        let buffer = BatchBuffer::default();
        Ok(Output { segment, file, bytes: 0, append_time: 0, buffer, origin: 0, buffer_time: 0 })
    }

    fn finish(&mut self) -> Result<(), LogError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.flush(self.shared)?;
        let (base, generation) = (open.segment.base, open.segment.generation);
        self.written.push(SegmentEntry { base, generation, bytes: open.bytes, append_time: open.append_time });
        if open.bytes == 0 {
            self.written.pop();
            let stray = self.shared.files(self.number).take(base, generation);
            return stray.remove().map_err(failed("cannot remove", &stray.path));
        }
        if self.shared.settings.sync {
            let path = &open.segment.path;
            self.shared.settings.files.sync(path, &open.file).map_err(failed("cannot sync", path))?;
        }
        open.segment.save_index().map_err(failed("cannot write the index of", &open.segment.path))
    }

    /// Removes what was written when it came to nothing: the log itself is untouched.
    fn discard(&mut self) {
        let files = self.shared.files(self.number);
        let open = self.open.take().map(|open| (open.segment.base, open.segment.generation));
        let written = self.written.drain(..).map(|entry| (entry.base, entry.generation));
        for (base, generation) in written.chain(open) {
            // The next start removes what cannot be removed now.
            let _ = files.take(base, generation).remove();
        }
    }
}

impl Output {
    fn push(&mut self, shared: &Shared, header: &BatchHeader, record: &[u8], offset: i64) -> Result<(), LogError> {
        let far = offset - self.origin > i64::from(u32::MAX);
        let other_hour = header.append_time.div_euclid(JOIN_MILLIS) != self.buffer_time.div_euclid(JOIN_MILLIS);
        if self.buffer.records() > 0 && (self.buffer.bytes().len() >= FLUSH_BYTES || far || other_hour) {
            self.flush(shared)?;
        }
        if self.buffer.records() == 0 {
            (self.origin, self.buffer_time) = (offset, header.append_time);
        }
        self.buffer_time = self.buffer_time.max(header.append_time);
        self.buffer.push_encoded(record, (offset - self.origin) as u32);
        Ok(())
    }

    fn flush(&mut self, shared: &Shared) -> Result<(), LogError> {
        if self.buffer.records() == 0 {
            return Ok(());
        }
        self.buffer.seal();
        let places = self.buffer.stamp(self.origin, self.buffer_time);
        self.segment.wrote(&places, self.bytes);
        let path = &self.segment.path;
        shared
            .settings
            .files
            .write_at(path, &self.file, self.buffer.bytes(), self.bytes)
            .map_err(failed("cannot write", path))?;
        self.bytes += self.buffer.bytes().len() as u64;
        self.append_time = self.append_time.max(self.buffer_time);
        self.buffer.clear();
        Ok(())
    }
}
