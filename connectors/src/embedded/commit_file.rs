//! The commit file: a snapshot of all that is committed, then one frame for each change.
//!
//! ```text
//! frame   magic u32 | crc of the rest u32 | sequence u64 | length u32 | payload
//! ```
//! A frame is written only once the data it speaks of is synced, and acknowledged only once it is
//! synced itself. So only the very last frame can be torn; a bad one with a good one after it
//! means that committed data was damaged.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use topology::LogError;

use super::codec::Reader;
use super::files::{Files, failed, open_or_create};
use super::manifest::{Frame, Manifest};
use super::segment::corrupt;

const MAGIC: u32 = u32::from_le_bytes(*b"HCF1");
const FRAME_HEADER: usize = 4 + 4 + 8 + 4;

/// The commit file that is written to.
#[derive(Debug)]
pub(super) struct CommitFile {
    files: Arc<dyn Files>,
    sync: bool,
    path: PathBuf,
    file: File,
    number: u64,
    bytes: u64,
    snapshot_bytes: u64,
    next_sequence: u64,
}

/// What was found in the newest commit file.
pub(super) struct Recovered {
    pub(super) file: CommitFile,
    /// What its snapshot says.
    pub(super) snapshot: Manifest,
    /// What holds after all its frames.
    pub(super) manifest: Manifest,
    pub(super) frames: u64,
    pub(super) torn_bytes: u64,
}

fn frame_bytes(sequence: u64, frame: &Frame) -> Vec<u8> {
    let payload = frame.encode();
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&payload);
    let crc = crc32fast::hash(&bytes[8..]);
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The frame at the start of `bytes`: its sequence, its payload, its whole length.
fn read_frame(bytes: &[u8]) -> Option<(u64, &[u8], usize)> {
    let mut reader = Reader(bytes);
    let (magic, crc, sequence) = (reader.u32()?, reader.u32()?, reader.u64()?);
    let length = reader.u32()? as usize;
    let payload = reader.take(length)?;
    let whole = FRAME_HEADER + length;
    (magic == MAGIC && crc32fast::hash(&bytes[8..whole]) == crc).then_some((sequence, payload, whole))
}

fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.commits"))
}

/// The commit files of a directory, oldest first; half-made ones are removed.
fn list(directory: &Path) -> Result<Vec<u64>, LogError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed("cannot list", directory))? {
        let path = entry.map_err(failed("cannot list", directory))?.path();
        let stem: Option<u64> = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("commits") => numbers.extend(stem),
            Some("new") => std::fs::remove_file(&path).map_err(failed("cannot remove", &path))?,
            _ => {}
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl CommitFile {
    /// Reads the newest commit file, cuts what is torn and removes older files; `None` where
    /// there is no commit file yet.
    pub(super) fn recover(directory: &Path, files: &Arc<dyn Files>, sync: bool) -> Result<Option<Recovered>, LogError> {
        let numbers = list(directory)?;
        let Some(number) = numbers.last().copied() else { return Ok(None) };
        let path = path_of(directory, number);
        let bytes = std::fs::read(&path).map_err(failed("cannot read", &path))?;
        let snapshot = read_frame(&bytes).and_then(|(sequence, payload, whole)| match Frame::decode(payload)? {
            Frame::Snapshot(manifest) => Some((sequence, manifest, whole)),
            _ => None,
        });
        // The file got its name only after its snapshot was synced.
        let (mut sequence, snapshot, mut at) = snapshot.ok_or_else(|| corrupt(&path, 0, "no valid snapshot"))?;
        let (snapshot_bytes, mut manifest, mut frames) = (at as u64, snapshot.clone(), 1);
        while let Some((next, payload, whole)) = read_frame(&bytes[at..]) {
            let applied = (next == sequence + 1).then(|| manifest.apply(Frame::decode(payload)?)).flatten();
            applied.ok_or_else(|| corrupt(&path, at as u64, "a frame does not fit the one before it"))?;
            (sequence, at, frames) = (next, at + whole, frames + 1);
        }
        if let Some(later) = later_frame(&bytes, at, sequence) {
            return Err(corrupt(&path, at as u64, &format!("a bad frame before a good one at byte {later}")));
        }
        let torn_bytes = (bytes.len() - at) as u64;
        let file = open_or_create(&path)?;
        if torn_bytes > 0 {
            file.set_len(at as u64).map_err(failed("cannot cut", &path))?;
            file.sync_all().map_err(failed("cannot sync", &path))?;
        }
        for old in &numbers[..numbers.len() - 1] {
            let old = path_of(directory, *old);
            std::fs::remove_file(&old).map_err(failed("cannot remove", &old))?;
        }
        let file = Self {
            files: files.clone(),
            sync,
            path,
            file,
            number,
            bytes: at as u64,
            snapshot_bytes,
            next_sequence: sequence + 1,
        };
        Ok(Some(Recovered { file, snapshot, manifest, frames, torn_bytes }))
    }

    /// Writes a commit file that begins with `manifest`, under a name that it gets when synced.
    pub(super) fn create(
        directory: &Path,
        files: &Arc<dyn Files>,
        sync: bool,
        number: u64,
        sequence: u64,
        manifest: &Manifest,
    ) -> Result<Self, LogError> {
        let path = path_of(directory, number);
        let new = path.with_extension("new");
        let file = open_or_create(&new)?;
        let bytes = frame_bytes(sequence, &Frame::Snapshot(manifest.clone()));
        files.write_at(&new, &file, &bytes, 0).map_err(failed("cannot write", &new))?;
        if sync {
            files.sync(&new, &file).map_err(failed("cannot sync", &new))?;
        }
        std::fs::rename(&new, &path).map_err(failed("cannot rename", &new))?;
        if sync {
            files.sync_directory(directory).map_err(failed("cannot sync", directory))?;
        }
        let length = bytes.len() as u64;
        Ok(Self {
            files: files.clone(),
            sync,
            path,
            file,
            number,
            bytes: length,
            snapshot_bytes: length,
            next_sequence: sequence + 1,
        })
    }

    /// Appends a frame and returns when it is durable.
    pub(super) fn append(&mut self, frame: &Frame) -> Result<(), LogError> {
        let bytes = frame_bytes(self.next_sequence, frame);
        self.files.write_at(&self.path, &self.file, &bytes, self.bytes).map_err(failed("cannot write", &self.path))?;
        if self.sync {
            self.files.sync(&self.path, &self.file).map_err(failed("cannot sync", &self.path))?;
        }
        self.bytes += bytes.len() as u64;
        self.next_sequence += 1;
        Ok(())
    }

    /// Whether it is time for the next file. A large snapshot is not repeated too soon.
    pub(super) fn is_full(&self, limit: u64) -> bool {
        self.bytes > limit.max(4 * self.snapshot_bytes)
    }

    /// Goes on in a new file that begins with `manifest`, and removes this one.
    pub(super) fn roll(&mut self, manifest: &Manifest) -> Result<(), LogError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let next = Self::create(directory, &self.files, self.sync, self.number + 1, self.next_sequence, manifest)?;
        let old = std::mem::replace(self, next).path;
        std::fs::remove_file(&old).map_err(failed("cannot remove", &old))
    }
}

/// Where a valid frame with a later sequence starts after the bad bytes at `from`, if any does.
fn later_frame(bytes: &[u8], from: usize, sequence: u64) -> Option<usize> {
    let magic = MAGIC.to_le_bytes();
    (from + 1..bytes.len().saturating_sub(FRAME_HEADER)).find(|at| {
        bytes[*at..].starts_with(&magic) && read_frame(&bytes[*at..]).is_some_and(|(next, ..)| next > sequence)
    })
}
