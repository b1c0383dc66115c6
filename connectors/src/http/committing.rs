//! The thread that commits what was handed over, as a group.
//!
//! ```text
//!              a producer                    it cannot be reached
//!  [waiting] -------------> [taking in] --------------------------> [waiting]
//!      | never one               | nothing more can be made durable
//!      v                         v
//!   told, and the end        [failed]: all is refused
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use topology::{Commit, Log, LogError, Producer};

use super::committer::{NotCommitted, Positions, State, Submission};
use crate::patience::until_answered;

/// How often requests that came before the door was closed are answered while the log is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Thread {
    pub(super) log: Arc<dyn Log>,
    pub(super) transactional_id: String,
    pub(super) group_records: usize,
    pub(super) waiting: mpsc::Receiver<Submission>,
    pub(super) state: Arc<State>,
}

/// Whether the producer that a group was committed by is of use for the next one.
#[derive(Debug, PartialEq, Eq)]
enum After {
    GoOn,
    /// The log could not be reached, for this reason.
    BeginAnew(String),
}

impl Thread {
    /// Works until nobody can hand anything over any more, or the log will never take anything.
    pub(super) fn run(mut self) -> Result<(), LogError> {
        let Some(mut producer) = self.producer()? else { return Ok(()) };
        let seconds = metrics::histogram!("hub_ingest_commit_seconds");
        let mut group = Vec::new();
        while let Some(first) = self.waiting.blocking_recv() {
            let began = Instant::now();
            self.gather(first, &mut group);
            if self.state.has_failed() {
                refuse(&mut group);
                continue;
            }
            let after = commit_group(producer.as_mut(), &mut group, &self.state);
            seconds.record(began.elapsed().as_secs_f64());
            if let After::BeginAnew(why) = after {
                // Who comes meanwhile is refused at once, instead of waiting for what cannot come through.
                self.state.wait_for(Some(why));
                drop(producer);
                let Some(next) = self.producer()? else { return Ok(()) };
                producer = next;
            }
        }
        Ok(())
    }

    /// A producer, once the log gives one; `None` when nobody can hand anything over any more.
    fn producer(&mut self) -> Result<Option<Box<dyn Producer>>, LogError> {
        let Self { log, transactional_id, waiting, state, .. } = self;
        let asked = until_answered(
            || log.producer(transactional_id),
            |why, pause| {
                tracing::warn!(why, "the listener waits for the log");
                state.wait_for(Some(why.to_owned()));
                rest(waiting, pause)
            },
        );
        match &asked {
            Ok(Some(_)) => state.wait_for(None),
            Ok(None) => {}
            Err(_) => state.fail(),
        }
        asked
    }

    /// What waits is committed with the first one, up to a bound.
    fn gather(&mut self, first: Submission, group: &mut Vec<Submission>) {
        let mut records = first.records.len();
        group.push(first);
        while records < self.group_records
            && let Ok(next) = self.waiting.try_recv()
        {
            records += next.records.len();
            group.push(next);
        }
    }
}

/// Waits while the log gives no producer; false when nobody can hand anything over any more.
fn rest(waiting: &mut mpsc::Receiver<Submission>, pause: Duration) -> bool {
    let until = Instant::now() + pause;
    loop {
        match waiting.try_recv() {
            Ok(late) => answer(late.reply, Err(NotCommitted::Failed)),
            Err(mpsc::error::TryRecvError::Disconnected) => return false,
            Err(mpsc::error::TryRecvError::Empty) if Instant::now() >= until => return true,
            Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

fn refuse(group: &mut Vec<Submission>) {
    group.drain(..).for_each(|submission| answer(submission.reply, Err(NotCommitted::Failed)));
}

/// Commits all of the group in one transaction; where a record of it is too large, one by one.
fn commit_group(producer: &mut dyn Producer, group: &mut Vec<Submission>, state: &State) -> After {
    let records = group.iter().flat_map(|submission| &submission.records);
    let sent = records.cloned().try_for_each(|record| producer.send(record));
    match sent.and_then(|()| commit(producer, state)) {
        Ok(true) => {
            let mut positions = producer.last_positions();
            for submission in group.drain(..) {
                let (own, rest) = positions.split_at(submission.records.len());
                positions = rest;
                answer(submission.reply, Ok(own.to_vec()));
            }
        }
        Ok(false) => refuse(group),
        Err(LogError::TooLarge { .. } | LogError::TooLargeForTopic { .. }) => {
            producer.abort();
            return commit_each(producer, group, state);
        }
        Err(error) => {
            producer.abort();
            refuse(group);
            return note(error, state);
        }
    }
    After::GoOn
}

/// Commits each of the group by itself, so that those alone fail that have a record which is too large.
fn commit_each(producer: &mut dyn Producer, group: &mut Vec<Submission>, state: &State) -> After {
    let mut left = std::mem::take(group).into_iter();
    while let Some(submission) = left.next() {
        let sent = submission.records.into_iter().try_for_each(|record| producer.send(record));
        let result = match sent.and_then(|()| commit(producer, state)) {
            Ok(true) => Ok(producer.last_positions().to_vec()),
            Ok(false) => Err(NotCommitted::Failed),
            Err(LogError::TooLarge { .. } | LogError::TooLargeForTopic { .. }) => {
                producer.abort();
                Err(NotCommitted::TooLarge)
            }
            Err(error) => {
                producer.abort();
                answer(submission.reply, Err(NotCommitted::Failed));
                group.extend(left);
                refuse(group);
                return note(error, state);
            }
        };
        answer(submission.reply, result);
    }
    After::GoOn
}

/// Whether what was sent is durable now.
fn commit(producer: &mut dyn Producer, state: &State) -> Result<bool, LogError> {
    match producer.commit("ingest", &[])? {
        Commit::Committed => Ok(true),
        Commit::Aborted => Ok(false),
        Commit::Fenced => {
            state.fail();
            tracing::error!("another process writes as this listener: nothing more is taken in");
            Ok(false)
        }
    }
}

fn note(error: LogError, state: &State) -> After {
    tracing::error!(%error, "the listener cannot make events durable");
    match error {
        LogError::Retriable(why) => After::BeginAnew(why),
        _ => {
            state.fail();
            After::GoOn
        }
    }
}

fn answer(reply: oneshot::Sender<Result<Positions, NotCommitted>>, result: Result<Positions, NotCommitted>) {
    // The client may have gone; its event is durable all the same.
    let _ = reply.send(result);
}
