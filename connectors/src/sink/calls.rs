//! Where a sink calls its log, whose calls may block.

use tokio::task::{JoinHandle, spawn_blocking};

/// Where calls are made that may block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Calls {
    /// On threads of their own, as a log needs that waits for a disk or a broker.
    OnThreads,
    /// On the runtime's own thread, where each takes [`CALL`] before and after. For a simulated log, which never
    /// blocks: nothing runs at the same time as anything else, so that a run in virtual time is the same each time.
    #[cfg(test)]
    Inline,
}

/// How long an inline call is under way until it is made, and again until its answer is there: other things happen
/// in between.
#[cfg(test)]
const CALL: std::time::Duration = std::time::Duration::from_millis(2);

impl Calls {
    /// Makes a call. It is made even if nobody waits for its end any more, as one is that a dead process has sent.
    pub(super) fn spawn<R: Send + 'static>(self, call: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        match self {
            Self::OnThreads => spawn_blocking(call),
            #[cfg(test)]
            Self::Inline => tokio::spawn(async {
                tokio::time::sleep(CALL).await;
                let answer = call();
                tokio::time::sleep(CALL).await;
                answer
            }),
        }
    }
}
