//! Kafka's own commands, as processes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::jars_folder;

/// Where Kafka's classes are.
pub(super) fn class_path() -> PathBuf {
    jars_folder().join("libs").join("*")
}

/// One of Kafka's commands.
pub fn java(arguments: &[&str]) -> Command {
    let mut command = Command::new("java");
    // Commands that live for a moment: no time for the compiler.
    command.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp"]).arg(class_path()).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end; returns what it said.
///
/// # Panics
/// When it fails.
pub fn run(command: &mut Command) -> String {
    let ended = command.output().expect("java is there: sh setup.sh test");
    let [said, complained] = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(ended.status.success(), "{command:?}: {said:?} {complained:?}");
    said
}
