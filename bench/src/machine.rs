//! Where and with what it was measured.

use std::process::Command;

/// The machine, the versions and the commit.
pub fn line() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        text.lines().next().map(|line| line.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    [
        Some(format!("{cores} cores, shared with the broker")),
        memory.map(|kilobytes| format!("{:.0} GB", kilobytes * 1024.0 / 1e9)),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        said("java", &["-version"]),
        said("git", &["rev-parse", "--short", "HEAD"]).map(|commit| format!("commit {commit}")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" · ")
}
