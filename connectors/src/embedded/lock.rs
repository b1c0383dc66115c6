//! One process at a time holds the directory. The operating system drops the lock of a process
//! that dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use topology::LogError;

use super::files::{failed, open_or_create};

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(super) struct DirectoryLock(#[allow(dead_code, reason = "holding the open file is holding the lock")] File);

impl DirectoryLock {
    pub(super) fn take(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join("LOCK");
        let mut file = open_or_create(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only for the message: a holder that has not written it yet is still a holder.
                let known = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if known { pid.trim().to_owned() } else { "(unknown)".to_owned() };
                return Err(LogError::InUse { directory: directory.display().to_string(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed("cannot lock", &path)(source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed("cannot write", &path))?;
        Ok(Self(file))
    }
}
