//! Old records go, compacted topics are compacted: at start and then every few minutes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use connectors::delivery::http::wall_clock;
use connectors::embedded::EmbeddedLog;
use connectors::sink::Shutdown;
use topology::LogError;

use super::failure::Failure;

const EVERY: Duration = Duration::from_secs(60);

/// Starts the thread; it ends with `shutdown`.
pub(super) fn start(
    log: Arc<EmbeddedLog>,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("log-maintenance".into()).spawn(move || {
        loop {
            match log.maintain(wall_clock()) {
                Ok(done) if done.deleted_segments + done.compacted_partitions > 0 => {
                    tracing::info!(
                        deleted_segments = done.deleted_segments,
                        compacted_partitions = done.compacted_partitions,
                        "the log was tidied"
                    );
                }
                Ok(_) => {}
                Err(error @ LogError::Poisoned(_)) => {
                    failure.report("log", &error);
                    return;
                }
                // The log is as it was; the next round may do better.
                Err(error) => tracing::warn!(%error, "the log could not be tidied"),
            }
            if shutdown.wait(EVERY) {
                return;
            }
        }
    })
}
