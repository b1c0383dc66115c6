//! The token of a hub that was given none: made once, kept with mode 0600, shown once.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rand::Rng as _;

use crate::runtime::private_directory;

/// A token, where it is kept, and whether it was made just now.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) path: PathBuf,
    pub(super) is_new: bool,
}

/// The token kept in `data`, made if there is none.
pub(super) fn load_or_create(data: &Path) -> anyhow::Result<Token> {
    private_directory(data).with_context(|| format!("cannot create {}", data.display()))?;
    let path = data.join("token");
    if let Some(text) = read(&path)? {
        return Ok(Token { text, path, is_new: false });
    }
    let text = generate();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(Token { text, path, is_new: true }),
        // Another process made it in between.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = read(&path)?.with_context(|| format!("{} is empty", path.display()))?;
            Ok(Token { text, path, is_new: false })
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    let mut text = String::new();
    match std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {
            let text = text.trim();
            anyhow::ensure!(!text.is_empty(), "{} is empty: remove it, and a new token is made", path.display());
            Ok(Some(text.to_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn generate() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = load_or_create(&directory.path().join("data")).unwrap();
        let second = load_or_create(&directory.path().join("data")).unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!((first.text.len(), &first.text), (64, &second.text));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
