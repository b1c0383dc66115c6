//! Reading one partition in order: one `pread` for a chunk, records as slices of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use topology::{LogError, Offset, Record, TopicName};

use super::batch::{BatchHeader, Body, HEADER, Names};
use super::files::failed;
use super::manifest::SegmentEntry;
use super::segment::{Segment, corrupt};
use super::shared::Shared;

/// The least that is read at once: a batch or so.
const CHUNK_MIN: usize = 64 << 10;
/// The most that is read at once, unless a batch is larger.
const CHUNK_MAX: usize = 128 << 10;

/// Where the next batch starts.
pub(super) struct Place {
    pub(super) segment: Arc<Segment>,
    file: Arc<File>,
    pub(super) at: u64,
    /// Bytes of the file from `at` on that were read already.
    chunk: Bytes,
}

/// A place in one partition, and what was read ahead there.
pub(super) struct PartitionReader {
    topic: TopicName,
    partition: u32,
    /// The partition's number among all of the log.
    number: u32,
    next: i64,
    place: Option<Place>,
    body: Body,
    names: Names,
}

impl PartitionReader {
    pub(super) fn new(topic: TopicName, partition: u32, number: u32, next: Offset) -> Self {
        let (body, names) = (Body::default(), Names::default());
        Self { topic, partition, number, next: next.0, place: None, body, names }
    }

    /// The offset to read next.
    pub(super) fn next(&self) -> Offset {
        Offset(self.next)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Goes on from another offset.
    pub(super) fn seek(&mut self, next: Offset) {
        (self.next, self.place, self.body) = (next.0, None, Body::default());
    }

    /// Appends records to `into`, about `max_bytes` but at least one if there is one; returns
    /// how many bytes they were.
    pub(super) fn read(
        &mut self,
        shared: &Shared,
        max_bytes: usize,
        into: &mut Vec<Record>,
    ) -> Result<usize, LogError> {
        let mut taken = 0;
        while taken < max_bytes.max(1) {
            if self.body.is_empty() && !self.load(shared, max_bytes - taken)? {
                break;
            }
            let raw = self.body.next_raw().map_err(|what| self.malformed(what))?;
            if raw.offset < self.next {
                continue;
            }
            taken += raw.range.len();
            self.next = raw.offset + 1;
            let record = self.body.record(raw, &self.topic, self.partition, &mut self.names);
            into.push(record.map_err(|what| self.malformed(what))?);
        }
        Ok(taken)
    }

    fn malformed(&self, what: &str) -> LogError {
        LogError::Corrupt(format!("{}/{} near offset {}: {what}", self.topic, self.partition, self.next))
    }

    /// Takes up the batch with the next offset, or the first one after it; `false` at the end.
    fn load(&mut self, shared: &Shared, max_bytes: usize) -> Result<bool, LogError> {
        let mut missing: Option<SegmentEntry> = None;
        loop {
            let view = shared.view(self.number, self.next);
            if view.next >= view.end {
                return Ok(false);
            }
            self.next = view.next;
            let mut place = match self.place.take() {
                Some(place)
                    if (place.segment.base, place.segment.generation)
                        == (view.segment.base, view.segment.generation) =>
                {
                    place
                }
                _ => match open(shared, self.number, self.next, &view.segment) {
                    Ok(place) => place,
                    // Deleted or compacted since it was looked up: look again, once for each.
                    Err(LogError::Io { source, .. })
                        if source.kind() == io::ErrorKind::NotFound && missing != Some(view.segment) =>
                    {
                        missing = Some(view.segment);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            if place.at >= view.segment.bytes {
                let following = view
                    .following
                    .ok_or_else(|| corrupt(&place.segment.path, place.at, "committed records are missing"))?;
                self.next = self.next.max(following);
                continue;
            }
            let (header, body) = place.batch(&view.segment, max_bytes)?;
            self.place = Some(place);
            if header.last() >= self.next {
                self.body = Body::new(body, header.base);
                return Ok(true);
            }
        }
    }
}

fn open(shared: &Shared, number: u32, next: i64, entry: &SegmentEntry) -> Result<Place, LogError> {
    let segment = shared.files(number).segment(entry.base, entry.generation);
    let at = segment.locate(next, entry)?;
    Place::open(segment, at)
}

impl Place {
    pub(super) fn open(segment: Arc<Segment>, at: u64) -> Result<Self, LogError> {
        let file = segment.file().map_err(failed("cannot open", &segment.path))?;
        Ok(Self { segment, file, at, chunk: Bytes::new() })
    }

    /// Takes the batch at this place, checked, and moves behind it.
    pub(super) fn batch(&mut self, entry: &SegmentEntry, max_bytes: usize) -> Result<(BatchHeader, Bytes), LogError> {
        let wanted = max_bytes.clamp(CHUNK_MIN, CHUNK_MAX);
        self.fill(HEADER, wanted, entry)?;
        let header = BatchHeader::read(&self.chunk)
            .ok_or_else(|| corrupt(&self.segment.path, self.at, "no valid batch header"))?;
        self.fill(header.length(), wanted, entry)?;
        let mut batch = self.chunk.split_to(header.length());
        let body = batch.split_off(HEADER);
        if crc32fast::hash(&body) != header.body_crc {
            return Err(corrupt(&self.segment.path, self.at, "a batch does not match its checksum"));
        }
        self.at += header.length() as u64;
        Ok((header, body))
    }

    /// Makes sure that the chunk holds `need` bytes; when it must read, it reads `wanted` if there are.
    fn fill(&mut self, need: usize, wanted: usize, entry: &SegmentEntry) -> Result<(), LogError> {
        if self.chunk.len() >= need {
            return Ok(());
        }
        let available = (entry.bytes - self.at) as usize;
        if available < need {
            return Err(corrupt(&self.segment.path, self.at, "committed bytes end within a batch"));
        }
        let mut chunk = vec![0; wanted.max(need).min(available)];
        self.file.read_exact_at(&mut chunk, self.at).map_err(failed("cannot read", &self.segment.path))?;
        self.chunk = chunk.into();
        Ok(())
    }
}
