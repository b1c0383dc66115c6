//! Where requests hand their records over: one queue to the one thread with the one transactional producer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use topology::{Log, LogError, Offset, OutgoingRecord, TopicPartition};

use super::committing::Thread;

/// The committer's bounds.
#[derive(Clone, Debug)]
pub struct CommitterSettings {
    /// The producer's transactional id.
    pub transactional_id: String,
    /// Submissions that may wait.
    pub queue: usize,
    /// Records after which a group is not widened any more.
    pub group_records: usize,
}

impl Default for CommitterSettings {
    fn default() -> Self {
        Self { transactional_id: "ingest".into(), queue: 1_024, group_records: 16_384 }
    }
}

/// Where each record of a submission went, in its order.
pub(super) type Positions = Vec<(TopicPartition, Offset)>;

/// Why a submission is not in the log.
#[derive(Clone, Debug)]
pub(super) enum NotCommitted {
    /// A record of it is larger than the log takes.
    TooLarge,
    /// The log failed, or is closing.
    Failed,
}

/// Records of one request, and who waits for them.
pub(super) struct Submission {
    pub(super) records: Vec<OutgoingRecord>,
    pub(super) reply: oneshot::Sender<Result<Positions, NotCommitted>>,
}

/// The queue to the committing thread. Clones share it; the thread ends when the last is gone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Submission>,
    state: Arc<State>,
}

/// How the thread is.
pub(super) struct State {
    failed: AtomicBool,
    /// There is no producer, and it is not the first moment in which it is asked for.
    refuses: AtomicBool,
    /// Why there is no producer.
    waits_for: Mutex<Option<String>>,
}

impl State {
    /// Why there is no producer from now on, or that there is one.
    pub(super) fn wait_for(&self, why: Option<String>) {
        self.refuses.store(why.is_some(), Ordering::Release);
        *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Nothing is taken in any more.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }
}

impl Committer {
    /// Starts the thread. A log that gives no producer for now is waited for without limit; `on_end` is told when it
    /// never will.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        log: Arc<dyn Log>,
        settings: &CommitterSettings,
        on_end: impl FnOnce(LogError) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(settings.queue.max(1));
        let waits_for = Mutex::new(Some("connecting to the log".to_owned()));
        let state = Arc::new(State { failed: AtomicBool::new(false), refuses: AtomicBool::new(false), waits_for });
        let thread = Thread {
            log,
            transactional_id: settings.transactional_id.clone(),
            group_records: settings.group_records.max(1),
            waiting,
            state: state.clone(),
        };
        let thread = std::thread::Builder::new().name("ingest-committer".into()).spawn(move || {
            if let Err(error) = thread.run() {
                on_end(error);
            }
        })?;
        Ok((Self { queue, state }, thread))
    }

    /// Whether a commit has failed for good: nothing is taken in any more.
    pub fn has_failed(&self) -> bool {
        self.state.has_failed()
    }

    /// Whether nothing can be taken in for now. In the first moments what comes waits for the log instead.
    pub fn refuses(&self) -> bool {
        self.state.refuses.load(Ordering::Acquire)
    }

    /// Why nothing can be made durable for now, if so.
    pub fn waits_for(&self) -> Option<String> {
        self.state.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands records over if there is room; `None` when there is none.
    pub(super) fn try_submit(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Option<oneshot::Receiver<Result<Positions, NotCommitted>>> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Submission { records, reply }).ok().map(|()| answer)
    }

    /// Hands records over when there is room.
    pub(super) async fn submit(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> oneshot::Receiver<Result<Positions, NotCommitted>> {
        let (reply, answer) = oneshot::channel();
        // When the thread is gone the answer's sender is dropped, which the caller sees.
        let _ = self.queue.send(Submission { records, reply }).await;
        answer
    }
}
