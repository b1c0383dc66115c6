//! Structured logs on stderr: never a payload, only what, where and why.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::Terminal;

/// The variable of the environment that says what is logged.
pub(super) const FILTER: &str = "HUB_LOG";

/// Sets the logs up. `quiet` leaves warnings and errors.
pub(super) fn start(terminal: Terminal, quiet: bool) {
    let level = match (terminal.verbose, quiet) {
        (0, true) => "warn",
        (0, false) => "info",
        (1, _) => "debug",
        _ => "trace",
    };
    let usual = || EnvFilter::new(format!("warn,hub={level},connectors={level},topology={level}"));
    let filter = match std::env::var(FILTER) {
        Ok(wanted) => EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
            eprintln!("warning: {FILTER} is no filter such as warn,hub=debug: {error}");
            usual()
        }),
        Err(_) => usual(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call in one process changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_ansi(terminal.colour).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
