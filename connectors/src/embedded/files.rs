//! The few ways in which the log changes a disk, behind a trait: tests make them fail or forget.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use topology::LogError;

/// Writing and syncing. Reads, truncation at start and removal go straight to the file system.
pub trait Files: Debug + Send + Sync {
    /// Writes all of `bytes` at `position`.
    ///
    /// # Errors
    /// When the file system refuses: the log is poisoned then.
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Returns when everything written to this file survives a loss of power.
    ///
    /// # Errors
    /// When the file system refuses: the log is poisoned then.
    fn sync(&self, path: &Path, file: &File) -> io::Result<()>;

    /// Returns when the names in this directory survive a loss of power.
    ///
    /// # Errors
    /// When the file system refuses: the log is poisoned then.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn write_at(&self, _path: &Path, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        file.write_all_at(bytes, position)
    }

    fn sync(&self, _path: &Path, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Says what was being done to which path when input or output failed.
pub(super) fn failed<'a>(doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> LogError + 'a {
    move |source| LogError::Io { context: format!("{doing} {}", path.display()), source }
}

/// Opens a file for reading and writing, creating it where it is missing.
pub(super) fn open_or_create(path: &Path) -> Result<File, LogError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(failed("cannot open", path))
}
