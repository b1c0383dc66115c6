//! Why there is no local broker.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

/// Why a local broker could not be started. The text says what to do where something can be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalBrokerError {
    /// A program that it needs is not installed.
    #[error(
        "{program} is not installed, and a local Apache Kafka needs it; on Debian or Ubuntu: apt-get install {package}"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// Maven did not bring the broker's jars.
    #[error("Maven cannot fetch Apache Kafka {version} ({status}): {said}")]
    Fetch {
        /// The version that was asked for.
        version: &'static str,
        /// How Maven ended.
        status: ExitStatus,
        /// The last of what it said.
        said: String,
    },
    /// The broker's folder cannot be prepared.
    #[error("the broker's folder {} cannot be formatted: {said}", folder.display())]
    Format {
        /// The folder.
        folder: PathBuf,
        /// What the tool said.
        said: String,
    },
    /// The broker ended while it started.
    #[error("the broker ended with {status} while it started; its last words, all of them in {}: {said}", log.display())]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// Where it writes its log.
        log: PathBuf,
        /// The end of it.
        said: String,
    },
    /// The broker does not answer.
    #[error("the broker at {address} does not answer after {seconds} s; see {}", log.display())]
    Silent {
        /// Where it listens.
        address: String,
        /// How long it was waited for.
        seconds: u64,
        /// Where it writes its log.
        log: PathBuf,
    },
    /// A file or a process.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The client could not be made.
    #[error(transparent)]
    Log(#[from] topology::LogError),
}

/// Gives an I/O error its context.
pub(super) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> LocalBrokerError {
    move |source| LocalBrokerError::Io { context: context.into(), source }
}

/// The end of a text that may be long.
pub(super) fn last_of(text: &str) -> String {
    /// Enough to see the exception and its cause.
    const KEPT: usize = 2_000;
    let from = text.len().saturating_sub(KEPT);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[from..].trim().to_owned()
}
