//! The bytes of a segment file: batches of records, each with its own checksums.
//!
//! ```text
//! batch   magic u32 | header crc u32 | base offset i64 | body length u32 | records u32
//!         | last delta u32 | body crc u32 | append time i64 | body
//! record  length of the rest u32 | offset delta u32 | timestamp i64 | key length u32
//!         | value length u32 | headers u16 | key | value | (name length u16 | name
//!         | value length u32 | value)*
//! ```
//! All little-endian; a length of `u32::MAX` says that there is no key or no value. The body is
//! encoded and summed by the producer's thread; the header is stamped when offsets are given.

use std::sync::Arc;

use bytes::Bytes;
use schemas::Timestamp;
use topology::{Header, Offset, OutgoingRecord, Record, TopicName};

use super::codec::Reader;

/// How long a batch header is.
pub(super) const HEADER: usize = 40;
/// A batch that has reached this size is closed: it is the unit of reading and of checking.
const BATCH_BYTES: usize = 64 << 10;
const MAGIC: u32 = u32::from_le_bytes(*b"HBT1");
const NONE: u32 = u32::MAX;
/// Length, delta, timestamp, key length, value length, header count.
const RECORD_FIXED: usize = 4 + 4 + 8 + 4 + 4 + 2;

/// A batch's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) base: i64,
    pub(super) body: u32,
    pub(super) records: u32,
    pub(super) last_delta: u32,
    pub(super) body_crc: u32,
    pub(super) append_time: i64,
}

impl BatchHeader {
    /// Reads and checks the header at the start of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let mut reader = Reader(header);
        let (magic, crc) = (reader.u32()?, reader.u32()?);
        if magic != MAGIC || crc32fast::hash(&header[8..]) != crc {
            return None;
        }
        Some(Self {
            base: reader.i64()?,
            body: reader.u32()?,
            records: reader.u32()?,
            last_delta: reader.u32()?,
            body_crc: reader.u32()?,
            append_time: reader.i64()?,
        })
    }

    fn write(&self, into: &mut [u8]) {
        into[..4].copy_from_slice(&MAGIC.to_le_bytes());
        into[8..16].copy_from_slice(&self.base.to_le_bytes());
        into[16..20].copy_from_slice(&self.body.to_le_bytes());
        into[20..24].copy_from_slice(&self.records.to_le_bytes());
        into[24..28].copy_from_slice(&self.last_delta.to_le_bytes());
        into[28..32].copy_from_slice(&self.body_crc.to_le_bytes());
        into[32..40].copy_from_slice(&self.append_time.to_le_bytes());
        let crc = crc32fast::hash(&into[8..HEADER]);
        into[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// The whole batch's length in the file.
    pub(super) const fn length(&self) -> usize {
        HEADER + self.body as usize
    }

    /// The offset of its last record.
    pub(super) const fn last(&self) -> i64 {
        self.base + self.last_delta as i64
    }
}

/// What one transaction writes to one partition: closed batches, and perhaps an open one.
#[derive(Default)]
pub(super) struct BatchBuffer {
    bytes: Vec<u8>,
    /// Where each batch starts, and the number of its first record within this buffer.
    starts: Vec<(usize, u32)>,
    /// Offset delta of the newest record within the open batch, one more than that.
    next_delta: u32,
    in_batch: u32,
    records: u32,
    open: bool,
}

impl BatchBuffer {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
        (self.next_delta, self.in_batch, self.records, self.open) = (0, 0, 0, false);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }

    /// Adds a record and returns its number within this buffer.
    pub(super) fn push(&mut self, record: &OutgoingRecord, length: usize) -> u32 {
        let number = self.records;
        self.begin_if_needed(number);
        let bytes = &mut self.bytes;
        bytes.reserve(length);
        let mut fixed = [0; RECORD_FIXED];
        fixed[..4].copy_from_slice(&(length as u32 - 4).to_le_bytes());
        fixed[4..8].copy_from_slice(&self.next_delta.to_le_bytes());
        fixed[8..16].copy_from_slice(&record.timestamp.0.to_le_bytes());
        fixed[16..20].copy_from_slice(&option_length(record.key.as_ref()).to_le_bytes());
        fixed[20..24].copy_from_slice(&option_length(record.value.as_ref()).to_le_bytes());
        fixed[24..].copy_from_slice(&(record.headers.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&fixed);
        if let Some(key) = &record.key {
            bytes.extend_from_slice(key);
        }
        if let Some(value) = &record.value {
            bytes.extend_from_slice(value);
        }
        for (name, value) in &record.headers {
            bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        self.next_delta += 1;
        self.added();
        number
    }

    /// Adds a record that is already encoded, at `offset - origin` from the buffer's first offset.
    pub(super) fn push_encoded(&mut self, encoded: &[u8], position: u32) {
        self.begin_if_needed(position);
        let start = self.starts.last().map_or(0, |(_, first)| *first);
        let delta = position - start;
        let at = self.bytes.len();
        self.bytes.extend_from_slice(encoded);
        self.bytes[at + 4..at + 8].copy_from_slice(&delta.to_le_bytes());
        self.next_delta = delta + 1;
        self.added();
    }

    fn begin_if_needed(&mut self, first: u32) {
        if !self.open {
            self.starts.push((self.bytes.len(), first));
            self.bytes.resize(self.bytes.len() + HEADER, 0);
            (self.open, self.next_delta, self.in_batch) = (true, 0, 0);
        }
    }

    fn added(&mut self) {
        self.in_batch += 1;
        self.records += 1;
        let start = self.starts.last().map_or(0, |(start, _)| *start);
        if self.bytes.len() - start >= BATCH_BYTES {
            self.seal();
        }
    }

    /// Closes the open batch: everything but its base offset and append time is known now.
    pub(super) fn seal(&mut self) {
        let Some((start, _)) = self.starts.last().copied().filter(|_| self.open) else { return };
        let header = BatchHeader {
            base: 0,
            body: (self.bytes.len() - start - HEADER) as u32,
            records: self.in_batch,
            last_delta: self.next_delta - 1,
            body_crc: crc32fast::hash(&self.bytes[start + HEADER..]),
            append_time: 0,
        };
        header.write(&mut self.bytes[start..start + HEADER]);
        self.open = false;
    }

    /// Gives the sealed batches their offsets, from `base` on. Returns where they are: the first
    /// offset, the place in the buffer and the length of each.
    pub(super) fn stamp(&mut self, base: i64, append_time: i64) -> Vec<(i64, u64, u64)> {
        let mut places = Vec::with_capacity(self.starts.len());
        for (start, first) in self.starts.iter().copied() {
            let bytes = &mut self.bytes[start..start + HEADER];
            let header = BatchHeader::read(bytes).expect("sealed before it is stamped");
            let base = base + i64::from(first);
            BatchHeader { base, append_time, ..header }.write(bytes);
            places.push((base, start as u64, header.length() as u64));
        }
        places
    }
}

fn option_length(bytes: Option<&Bytes>) -> u32 {
    bytes.map_or(NONE, |bytes| bytes.len() as u32)
}

/// How many bytes a record takes in a batch; `None` when a part is larger than its length field.
pub(super) fn encoded_length(record: &OutgoingRecord) -> Option<usize> {
    let mut length = RECORD_FIXED;
    length += record.key.as_ref().map_or(0, Bytes::len);
    length += record.value.as_ref().map_or(0, Bytes::len);
    if record.headers.len() > usize::from(u16::MAX) {
        return None;
    }
    for (name, value) in &record.headers {
        if name.len() > usize::from(u16::MAX) {
            return None;
        }
        length += 2 + name.len() + 4 + value.len();
    }
    (length < NONE as usize).then_some(length)
}

/// The records of one batch's body, taken from the front; keys and values share its memory.
#[derive(Default)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) base: i64,
    at: usize,
}

/// A record's bytes within a body, split up but not copied.
pub(super) struct RawRecord {
    /// Where it starts and ends.
    pub(super) range: std::ops::Range<usize>,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Option<std::ops::Range<usize>>,
    pub(super) value: Option<std::ops::Range<usize>>,
    headers: u16,
    headers_at: usize,
}

impl Body {
    pub(super) fn new(bytes: Bytes, base: i64) -> Self {
        Self { bytes, base, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next record; `Err` when the bytes, although their checksum holds, make no sense.
    pub(super) fn next_raw(&mut self) -> Result<RawRecord, &'static str> {
        const SHORT: &str = "a record is longer than its batch";
        let start = self.at;
        let mut reader = Reader(&self.bytes[start..]);
        let mut fixed =
            || Some((reader.u32()?, reader.u32()?, reader.i64()?, reader.u32()?, reader.u32()?, reader.u16()?));
        let (length, delta, timestamp, key, value, headers) = fixed().ok_or(SHORT)?;
        let end = start + 4 + length as usize;
        let mut at = start + RECORD_FIXED;
        let mut part = |length: u32| {
            (length != NONE).then(|| {
                let range = at..at + length as usize;
                at = range.end;
                range
            })
        };
        let (key, value) = (part(key), part(value));
        if end > self.bytes.len() || at > end {
            return Err(SHORT);
        }
        self.at = end;
        let offset = self.base + i64::from(delta);
        Ok(RawRecord { range: start..end, offset, timestamp, key, value, headers, headers_at: at })
    }

    /// The record with its topic, its headers read and its names shared through `names`.
    pub(super) fn record(
        &self,
        raw: RawRecord,
        topic: &TopicName,
        partition: u32,
        names: &mut Names,
    ) -> Result<Record, &'static str> {
        let headers = if raw.headers == 0 { Vec::new() } else { self.headers(&raw, names).ok_or("bad headers")? };
        Ok(Record {
            topic: topic.clone(),
            partition,
            offset: Offset(raw.offset),
            timestamp: Timestamp(raw.timestamp),
            key: raw.key.map(|range| self.bytes.slice(range)),
            value: raw.value.map(|range| self.bytes.slice(range)),
            headers,
        })
    }

    fn headers(&self, raw: &RawRecord, names: &mut Names) -> Option<Vec<Header>> {
        let mut reader = Reader(&self.bytes[raw.headers_at..raw.range.end]);
        let mut headers = Vec::with_capacity(usize::from(raw.headers));
        for _ in 0..raw.headers {
            let length = reader.u16()?;
            let name = names.get(std::str::from_utf8(reader.take(usize::from(length))?).ok()?);
            let length = reader.u32()? as usize;
            headers.push((name, self.bytes.slice_ref(reader.take(length)?)));
        }
        Some(headers)
    }
}

/// Header names seen lately: there are few, and each record need not own them.
#[derive(Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        const LIMIT: usize = 32;
        if let Some(known) = self.0.iter().find(|known| &***known == name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        if self.0.len() < LIMIT {
            self.0.push(name.clone());
        }
        name
    }
}
