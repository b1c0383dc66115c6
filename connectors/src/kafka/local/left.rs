//! A broker that a killed process left running.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::error::{LocalBrokerError, io};

fn file(folder: &Path) -> PathBuf {
    folder.join("broker.pid")
}

/// Notes who runs on the folder.
pub(super) fn note(folder: &Path, pid: u32) -> Result<(), LocalBrokerError> {
    fs::write(file(folder), pid.to_string()).map_err(io("noting the broker's process id"))
}

/// Stops the broker that still runs on the folder, if there is one.
pub(super) fn stop(folder: &Path) -> Result<(), LocalBrokerError> {
    let Some(pid) = fs::read_to_string(file(folder)).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return Ok(());
    };
    if !runs_on(pid, folder) {
        return Ok(());
    }
    tracing::warn!(pid, "a broker still runs on this folder: stopping it");
    terminate(pid)?;
    let deadline = Instant::now() + super::STOP;
    while runs_on(pid, folder) {
        if Instant::now() >= deadline {
            signal(pid, "-KILL")?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether this process is a broker on this folder: ids are given again to others.
fn runs_on(pid: u32, folder: &Path) -> bool {
    let wanted = folder.join("server.properties");
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == wanted.as_os_str().as_encoded_bytes())
}

/// Asks a process to end.
pub(super) fn terminate(pid: u32) -> Result<(), LocalBrokerError> {
    signal(pid, "-TERM")
}

fn signal(pid: u32, signal: &str) -> Result<(), LocalBrokerError> {
    let mut kill = Command::new("kill");
    // One that has ended by itself meanwhile is no fault.
    kill.args([signal, &pid.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    kill.status().map(drop).map_err(io("stopping the broker"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_another_process_by_now_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        note(folder.path(), std::process::id()).unwrap();
        assert!(!runs_on(std::process::id(), folder.path()));
        stop(folder.path()).unwrap();
    }
}
