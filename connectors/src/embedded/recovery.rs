//! Opening a directory: cut what was never committed, refuse when committed data is damaged.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use topology::LogError;

use super::commit_file::{CommitFile, Recovered};
use super::files::{Files, failed};
use super::manifest::{Manifest, PartitionEntry};
use super::segment::{Segment, corrupt, file_name};
use super::settings::{OpenReport, Settings};
use super::shared::Shared;

/// Reads the commit file, or begins one in an empty directory.
pub(super) fn commit_file(root: &Path, settings: &Settings) -> Result<Recovered, LogError> {
    let commits = root.join("commits");
    let topics = root.join("topics");
    for path in [&commits, &topics] {
        std::fs::create_dir_all(path).map_err(failed("cannot create", path))?;
    }
    let files: &Arc<dyn Files> = &settings.files;
    if let Some(recovered) = CommitFile::recover(&commits, files, settings.sync)? {
        return Ok(recovered);
    }
    let mut entries = std::fs::read_dir(&topics).map_err(failed("cannot list", &topics))?;
    if entries.next().is_some() {
        return Err(corrupt(&commits, 0, "there are topics but no commit file"));
    }
    if settings.sync {
        files.sync_directory(root).map_err(failed("cannot sync", root))?;
    }
    let manifest = Manifest::default();
    let file = CommitFile::create(&commits, files, settings.sync, 1, 0, &manifest)?;
    Ok(Recovered { file, snapshot: manifest.clone(), manifest, frames: 0, torn_bytes: 0 })
}

/// Brings the segment files of every partition to what the manifest says.
pub(super) fn segments(shared: &Shared, snapshot: &Manifest, report: &mut OpenReport) -> Result<(), LogError> {
    let manifest = shared.manifest();
    report.topics = manifest.topics.len();
    report.partitions = manifest.partitions.len();
    for (spec, first) in &manifest.topics {
        for partition in 0..spec.partitions {
            let number = (first + partition) as usize;
            let entry = &manifest.partitions[number];
            let directory = shared.directory(&spec.name, partition);
            report.torn_bytes += remove_strays(&directory, entry)?;
            let checked = snapshot.partitions.get(number).map(PartitionEntry::active);
            for segment in &entry.segments {
                let file = shared.files(number as u32).segment(segment.base, segment.generation);
                report.torn_bytes += cut(&file, segment.bytes)?;
                // What the snapshot knows was synced long before; what came after it is checked.
                let from = match checked {
                    Some(known) if segment.base < known.base || segment.generation > 0 => segment.bytes,
                    Some(known) if segment.base == known.base => known.bytes,
                    _ => 0,
                };
                if from < segment.bytes || *segment == entry.active() {
                    file.load(segment.bytes, from)?;
                }
            }
        }
    }
    Ok(())
}

/// Removes the files that no committed segment has; returns the bytes of those never committed.
fn remove_strays(directory: &Path, entry: &PartitionEntry) -> Result<u64, LogError> {
    let names: BTreeSet<_> = entry.segments.iter().map(|segment| file_name(segment.base, segment.generation)).collect();
    let active = file_name(entry.active().base, 0);
    let mut torn = 0;
    for found in std::fs::read_dir(directory).map_err(failed("cannot list", directory))? {
        let found = found.map_err(failed("cannot list", directory))?;
        let name = found.file_name().to_string_lossy().into_owned();
        let segment = Path::new(&name).with_extension("seg").to_string_lossy().into_owned();
        if names.contains(&segment) {
            continue;
        }
        let path = found.path();
        // Names sort by base: later than the active one means begun but never committed. What is
        // earlier was replaced, by retention or by compaction, and is nobody's loss.
        if name == segment && name > active {
            torn += found.metadata().map_err(failed("cannot read", &path))?.len();
        }
        std::fs::remove_file(&path).map_err(failed("cannot remove", &path))?;
    }
    Ok(torn)
}

/// Cuts a segment to its committed length and returns how much that was.
fn cut(segment: &Segment, bytes: u64) -> Result<u64, LogError> {
    let path = &segment.path;
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(source) => return Err(failed("cannot read", path)(source)),
    };
    if length < bytes {
        return Err(corrupt(path, length, &format!("{bytes} bytes are committed, the file ends here")));
    }
    if length > bytes {
        let file = std::fs::File::options().write(true).open(path).map_err(failed("cannot open", path))?;
        file.set_len(bytes).map_err(failed("cannot cut", path))?;
        file.sync_all().map_err(failed("cannot sync", path))?;
    }
    Ok(length - bytes)
}
