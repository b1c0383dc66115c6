//! One thread, one transactional producer, many requests: what waits is committed as a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use topology::{Commit, Log, LogError, Offset, OutgoingRecord, Producer, TopicPartition};

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

struct Submission {
    records: Vec<OutgoingRecord>,
    reply: oneshot::Sender<Result<Positions, NotCommitted>>,
}

/// The queue to the committing thread. Clones share it; the thread ends when the last is gone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Submission>,
    failed: Arc<AtomicBool>,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the log gives no producer, or the system no thread.
    pub fn start(log: &dyn Log, settings: &CommitterSettings) -> Result<(Self, JoinHandle<()>), LogError> {
        let producer = log.producer(&settings.transactional_id)?;
        let (queue, waiting) = mpsc::channel(settings.queue.max(1));
        let failed = Arc::new(AtomicBool::new(false));
        let group_records = settings.group_records.max(1);
        let flag = failed.clone();
        let thread = std::thread::Builder::new()
            .name("ingest-committer".into())
            .spawn(move || run(producer, waiting, group_records, &flag))
            .map_err(|source| LogError::Io { context: "starting the committing thread".into(), source })?;
        Ok((Self { queue, failed }, thread))
    }

    /// Whether a commit has failed for good: nothing is taken in any more.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
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

fn run(
    mut producer: Box<dyn Producer>,
    mut waiting: mpsc::Receiver<Submission>,
    group_records: usize,
    failed: &AtomicBool,
) {
    let seconds = metrics::histogram!("hub_ingest_commit_seconds");
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        let began = Instant::now();
        let mut records = first.records.len();
        group.push(first);
        while records < group_records
            && let Ok(next) = waiting.try_recv()
        {
            records += next.records.len();
            group.push(next);
        }
        if failed.load(Ordering::Acquire) {
            group.drain(..).for_each(|submission| answer(submission.reply, Err(NotCommitted::Failed)));
            continue;
        }
        commit_group(producer.as_mut(), &mut group, failed);
        seconds.record(began.elapsed().as_secs_f64());
    }
}

/// Commits all of the group in one transaction; where a record of it is too large, one by one.
fn commit_group(producer: &mut dyn Producer, group: &mut Vec<Submission>, failed: &AtomicBool) {
    let mut fits = true;
    for submission in group.iter() {
        fits = fits && submission.records.iter().all(|record| producer.send(record.clone()).is_ok());
    }
    if !fits {
        producer.abort();
        for submission in group.drain(..) {
            let sent = submission.records.into_iter().try_for_each(|record| producer.send(record));
            let result = match sent {
                Ok(()) => commit(producer, failed).map(|()| producer.last_positions().to_vec()),
                Err(error) => {
                    producer.abort();
                    Err(if matches!(error, LogError::TooLarge { .. }) {
                        NotCommitted::TooLarge
                    } else {
                        note(&error, failed)
                    })
                }
            };
            answer(submission.reply, result);
        }
        return;
    }
    match commit(producer, failed) {
        Ok(()) => {
            let mut positions = producer.last_positions();
            for submission in group.drain(..) {
                let (own, rest) = positions.split_at(submission.records.len());
                positions = rest;
                answer(submission.reply, Ok(own.to_vec()));
            }
        }
        Err(why) => group.drain(..).for_each(|submission| answer(submission.reply, Err(why.clone()))),
    }
}

fn commit(producer: &mut dyn Producer, failed: &AtomicBool) -> Result<(), NotCommitted> {
    match producer.commit("ingest", &[]) {
        Ok(Commit::Committed) => Ok(()),
        Ok(Commit::Aborted) => Err(NotCommitted::Failed),
        Ok(Commit::Fenced) => {
            failed.store(true, Ordering::Release);
            tracing::error!("another process writes as this listener: nothing more is taken in");
            Err(NotCommitted::Failed)
        }
        Err(error) => Err(note(&error, failed)),
    }
}

fn note(error: &LogError, failed: &AtomicBool) -> NotCommitted {
    tracing::error!(%error, "the listener cannot make events durable");
    if !matches!(error, LogError::Retriable(_)) {
        failed.store(true, Ordering::Release);
    }
    NotCommitted::Failed
}

fn answer(reply: oneshot::Sender<Result<Positions, NotCommitted>>, result: Result<Positions, NotCommitted>) {
    // The client may have gone; its event is durable all the same.
    let _ = reply.send(result);
}
