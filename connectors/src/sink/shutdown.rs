//! The wish to stop, for threads and for spawned futures alike.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// A signal that is given once and seen by every clone.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    asked: Mutex<bool>,
    wake: Condvar,
    watch: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A signal that was not given yet.
    pub fn new() -> Self {
        Self(Arc::new(Inner { asked: Mutex::new(false), wake: Condvar::new(), watch: watch::Sender::new(false) }))
    }

    /// Gives the signal.
    pub fn trigger(&self) {
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.wake.notify_all();
        self.0.watch.send_replace(true);
    }

    /// Whether it was given.
    pub fn is_triggered(&self) -> bool {
        *self.0.watch.borrow()
    }

    /// Blocks this thread for `timeout`, or less when the signal is given; returns whether it was.
    pub fn wait(&self, timeout: Duration) -> bool {
        let asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, _) =
            self.0.wake.wait_timeout_while(asked, timeout, |asked| !*asked).unwrap_or_else(PoisonError::into_inner);
        *asked
    }

    /// Ends when the signal is given.
    pub async fn triggered(&self) {
        // The sender lives as long as `self`, so this ends by the value only.
        let _ = self.0.watch.subscribe().wait_for(|asked| *asked).await;
    }
}
