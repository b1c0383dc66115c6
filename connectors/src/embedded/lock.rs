//! One process at a time holds the directory. The operating system drops the lock of a process
//! that dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use topology::LogError;

use super::files::{failed, open_or_create};

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(super) struct DirectoryLock(#[allow(dead_code, reason = "holding the open file is holding the lock")] File);

/// How long a lock of this very process is waited for. A process that was just started from it holds
/// the lock as well, from its birth until it runs its own program.
const INHERITED_FOR: Duration = Duration::from_secs(1);

/// The process that wrote the file last.
fn owner(file: &mut File) -> Option<String> {
    let mut pid = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut pid).ok()?;
    let pid = pid.trim();
    (!pid.is_empty()).then(|| pid.to_owned())
}

fn is_own(file: &mut File) -> bool {
    owner(file).is_some_and(|pid| pid == std::process::id().to_string())
}

impl DirectoryLock {
    pub(super) fn take(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join("LOCK");
        let mut file = open_or_create(&path)?;
        let until = Instant::now() + INHERITED_FOR;
        let mut locked = file.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && is_own(&mut file) && Instant::now() < until {
            std::thread::sleep(INHERITED_FOR / 100);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Only for the message: a holder that has not written it yet is still a holder.
                let pid = owner(&mut file).unwrap_or_else(|| "(unknown)".to_owned());
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
