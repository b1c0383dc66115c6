//! The broker's jars, fetched once from Maven Central.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{LocalBrokerError, io, last_of};

/// What is fetched.
const POM: &str = include_str!("pom.xml");
/// The version in the pom.
const VERSION: &str = "4.3.1";

/// A folder with Apache Kafka and all it needs.
#[derive(Clone, Debug)]
pub struct Jars(PathBuf);

impl Jars {
    /// Fetches the jars into a folder below `cache`, unless they are there from before.
    ///
    /// # Errors
    /// [`LocalBrokerError::Missing`] without Maven, [`LocalBrokerError::Fetch`] where it fails, I/O.
    pub fn fetch(cache: &Path) -> Result<Self, LocalBrokerError> {
        let jars = cache.join("libs");
        // Written last: a fetch that was cut short is made again, and so is one for another version.
        let complete = cache.join("complete.xml");
        if fs::read_to_string(&complete).is_ok_and(|fetched| fetched == POM) {
            return Ok(Self(jars));
        }
        fs::create_dir_all(cache).map_err(io(format!("making {}", cache.display())))?;
        drop(fs::remove_dir_all(&jars));
        let pom = cache.join("pom.xml");
        fs::write(&pom, POM).map_err(io(format!("writing {}", pom.display())))?;
        let fetched = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime", "-f"])
            .arg(&pom)
            .arg(format!("-DoutputDirectory={}", jars.display()))
            .stdin(Stdio::null())
            .output();
        let fetched = match fetched {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(LocalBrokerError::Missing { program: "Maven", package: "maven" });
            }
            other => other.map_err(io("starting Maven"))?,
        };
        if !fetched.status.success() {
            let said = last_of(&String::from_utf8_lossy(&fetched.stdout));
            return Err(LocalBrokerError::Fetch { version: VERSION, status: fetched.status, said });
        }
        fs::write(&complete, POM).map_err(io(format!("writing {}", complete.display())))?;
        Ok(Self(jars))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Java with these jars on its class path.
    pub(super) fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.arg("-Xmx512m").arg("-cp").arg(self.0.join("*")).stdin(Stdio::null());
        java
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_before_is_not_fetched_again() {
        let cache = tempfile::tempdir().unwrap();
        fs::write(cache.path().join("complete.xml"), POM).unwrap();
        assert_eq!(Jars::fetch(cache.path()).unwrap().folder(), cache.path().join("libs"));
        assert!(!cache.path().join("pom.xml").exists());
        assert!(POM.contains(&format!("<kafka.version>{VERSION}<")));
    }
}
