//! The name of this process among those that share the work: kept in its data directory, so that a
//! process that starts again ends the transactions it left open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use rand::Rng as _;

/// A name that no other process uses while this value lives.
pub(super) struct Instance {
    name: String,
    /// Locked.
    _file: File,
}

impl Instance {
    /// Holds the directory's name, made at the first start, or `configured` where that is not empty.
    pub(super) fn hold(data: &Path, configured: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
        let path = data.join("instance");
        let failed = || format!("cannot use {}", path.display());
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "{} is in use by another hub: give each process a data directory of its own",
                data.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        let mut name = String::new();
        file.read_to_string(&mut name).with_context(failed)?;
        let mut name = name.trim().to_owned();
        if !configured.is_empty() {
            return Ok(Self { name: configured.to_owned(), _file: file });
        }
        if name.is_empty() {
            let mut bytes = [0_u8; 6];
            rand::rng().fill_bytes(&mut bytes);
            name = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            file.rewind().with_context(failed)?;
            writeln!(file, "{name}").and_then(|()| file.sync_all()).with_context(failed)?;
        }
        Ok(Self { name, _file: file })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stays_and_only_one_process_has_it() {
        let data = tempfile::tempdir().unwrap();
        let first = Instance::hold(data.path(), "").unwrap();
        let name = first.name().to_owned();
        assert_eq!(name.len(), 12);
        assert!(Instance::hold(data.path(), "").is_err_and(|error| error.to_string().contains("in use")));
        drop(first);
        assert_eq!(Instance::hold(data.path(), "").unwrap().name(), name);
        assert_eq!(Instance::hold(data.path(), "pod-1").unwrap().name(), "pod-1");
        assert_ne!(Instance::hold(tempfile::tempdir().unwrap().path(), "").unwrap().name(), name);
    }
}
