//! Calls into the client that never come back: some of its requests ignore their time-out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Told once, of a call that will not come back. Its thread cannot be helped: the process must end,
/// which harms nothing that was committed.
pub type OnStuck = Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Default)]
struct Calls {
    next: u64,
    running: BTreeMap<u64, (&'static str, Instant)>,
    ended: bool,
}

struct Inner {
    calls: Mutex<Calls>,
    changed: Condvar,
    told: AtomicBool,
}

impl Inner {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches over calls.
pub(super) struct Watchdog {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the watching thread.
    pub(super) fn start(stuck_after: Duration, on_stuck: OnStuck) -> std::io::Result<Self> {
        let inner = Arc::new(Inner { calls: Mutex::default(), changed: Condvar::new(), told: AtomicBool::new(false) });
        let watched = inner.clone();
        let thread = std::thread::Builder::new()
            .name("kafka-watchdog".into())
            .spawn(move || watch(&watched, stuck_after, &on_stuck))?;
        Ok(Self { inner, thread: Some(thread) })
    }

    /// Makes a call under watch.
    pub(super) fn over<T>(&self, what: &'static str, call: impl FnOnce() -> T) -> T {
        let _watched = self.begin(what);
        call()
    }

    /// Begins to watch over something that ends when what this returns is dropped.
    pub(super) fn begin(&self, what: &'static str) -> Watched {
        let mut calls = self.inner.calls();
        calls.next += 1;
        let number = calls.next;
        calls.running.insert(number, (what, Instant::now()));
        Watched { inner: self.inner.clone(), number }
    }
}

/// Something that is watched over until this is dropped, also by a panic.
pub(super) struct Watched {
    inner: Arc<Inner>,
    number: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.inner.calls().running.remove(&self.number);
    }
}

fn watch(inner: &Inner, stuck_after: Duration, on_stuck: &OnStuck) {
    let every = (stuck_after / 4).clamp(Duration::from_millis(5), Duration::from_secs(5));
    let mut calls = inner.calls();
    while !calls.ended {
        let stuck = calls.running.values().find(|(_, since)| since.elapsed() >= stuck_after).copied();
        if let Some((what, since)) = stuck
            && !inner.told.swap(true, Ordering::AcqRel)
        {
            drop(calls);
            on_stuck(&format!("{what} has not come back for {} s", since.elapsed().as_secs()));
            calls = inner.calls();
        }
        calls = inner.changed.wait_timeout(calls, every).unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.inner.calls().ended = true;
        self.inner.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watching thread had panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_told_once() {
        let (told, heard) = mpsc::channel();
        let on_stuck: OnStuck = Arc::new(move |what| told.send(what.to_owned()).unwrap());
        let watchdog = Watchdog::start(Duration::from_millis(20), on_stuck).unwrap();
        assert_eq!(watchdog.over("a quick call", || 3), 3);
        drop(watchdog.begin("another quick call"));
        let what = watchdog.over("a commit", || heard.recv_timeout(Duration::from_secs(10)).unwrap());
        assert!(what.starts_with("a commit has not come back"), "{what}");
        drop(watchdog);
        assert!(heard.try_recv().is_err());
    }
}
