//! Waiting until a client has something to tell.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings::rd_kafka_t;

use super::native::Queue;

/// Rung by librdkafka's threads.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Tells when one of several queues of a client has something. Without it, waiting for a delivery would
/// mean to poll in steps.
pub(super) struct Signal {
    queues: Vec<Arc<Queue>>,
    bell: Box<Bell>,
}

impl Signal {
    /// Listens at a client's main queue. The client must outlive the signal.
    pub(super) fn new(rk: *mut rd_kafka_t) -> Self {
        Self::at(vec![Arc::new(Queue::main(rk))])
    }

    /// Listens at these queues, whose client must outlive the signal.
    pub(super) fn at(queues: Vec<Arc<Queue>>) -> Self {
        let signal = Self { queues, bell: Box::default() };
        signal.queues.iter().for_each(|queue| queue.on_event(Some(&signal.bell)));
        signal
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.length()).sum()
    }

    /// Waits until something came since the last call, or the time is over.
    pub(super) fn wait(&self, timeout: Duration) {
        let rung = self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.changed.wait_timeout_while(rung, timeout, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.on_event(None));
    }
}
