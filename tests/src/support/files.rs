//! Looking through everything that a hub has left on disk.

use std::path::{Path, PathBuf};

/// Every file below `directory` that holds one of `needles`, byte by byte, and how many files there are.
pub fn files_with(directory: &Path, needles: &[&str]) -> (Vec<PathBuf>, usize) {
    let (mut found, mut files, mut open) = (Vec::new(), 0, vec![directory.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            // A file that the hub removes while its folder is read holds nothing any more.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            files += 1;
            if needles.iter().any(|needle| contains(&bytes, needle)) {
                found.push(path);
            }
        }
    }
    (found, files)
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    // What is searched for is ASCII, which the replacement of other bytes leaves alone.
    String::from_utf8_lossy(bytes).contains(needle)
}
