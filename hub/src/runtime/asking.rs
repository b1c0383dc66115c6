//! Questions to the workers of this process for values of their stores.
//!
//! A worker answers between two rounds, so that a question never stops it within one. What it tells
//! may be ahead of what is committed by the transaction that is open.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use topology::Worker;

/// How many questions may wait for one worker.
pub(super) const QUEUE: usize = 16;
/// How long a worker may take: a round with a large transaction.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question for one value.
pub(super) struct Ask {
    store: &'static str,
    partition: u32,
    key: Bytes,
    reply: SyncSender<Answer>,
}

/// Nothing where the worker has no task of the partition, else the value, if there is one.
type Answer = Option<Option<Bytes>>;

impl Ask {
    /// Answers it; who asked may have gone meanwhile.
    pub(super) fn answer(self, worker: &Worker) {
        let _gone = self.reply.try_send(worker.store_look(self.store, self.partition, &self.key));
    }
}

/// The workers' queues.
#[derive(Clone, Default)]
pub(super) struct Asking {
    workers: Vec<SyncSender<Ask>>,
}

impl Asking {
    pub(super) fn add(&mut self, worker: SyncSender<Ask>) {
        self.workers.push(worker);
    }

    /// The value of a key in a store of this process's task of the partition, if there is one; nothing where it has
    /// no such task that is restored. Blocks until every worker has answered or one of them has it. An error says that
    /// a worker did not answer.
    pub(super) fn look(&self, store: &'static str, partition: u32, key: &[u8]) -> Result<Answer, String> {
        let until = Instant::now() + PATIENCE;
        let key = Bytes::copy_from_slice(key);
        let ask = |worker: &SyncSender<Ask>| -> Option<Receiver<Answer>> {
            let (reply, answer) = sync_channel(1);
            worker.try_send(Ask { store, partition, key: key.clone(), reply }).ok().map(|()| answer)
        };
        // All are asked before the first answer is waited for.
        let answers: Vec<_> = self.workers.iter().map(ask).collect();
        let mut silent = false;
        for answer in answers {
            let left = until.saturating_duration_since(Instant::now());
            match answer.map(|answer| answer.recv_timeout(left)) {
                Some(Ok(Some(value))) => return Ok(Some(value)),
                Some(Ok(None)) => {}
                Some(Err(_)) | None => silent = true,
            }
        }
        if silent { Err("A worker did not answer in time.".to_owned()) } else { Ok(None) }
    }
}
