//! Calls that may never come back, made by a thread of their own so that whoever makes them goes on.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use topology::LogError;

type Call = Box<dyn FnOnce() + Send>;

/// The thread. It ends when this is dropped, after the call that it is in.
pub(super) struct Aside(mpsc::SyncSender<Call>);

impl Aside {
    pub(super) fn start(name: &str) -> Result<Self, LogError> {
        let (calls, made) = mpsc::sync_channel::<Call>(1);
        let started = thread::Builder::new().name(name.into()).spawn(move || made.into_iter().for_each(|call| call()));
        started.map_err(|source| LogError::Io { context: "starting a thread of a producer".to_owned(), source })?;
        Ok(Self(calls))
    }

    /// Begins a call, whose end can be waited for.
    pub(super) fn begin<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
        let (tell, told) = mpsc::sync_channel(1);
        // Nobody may wait for the end any more. Where the thread is gone, whoever waits hears that at once.
        drop(self.0.send(Box::new(move || drop(tell.send(call())))));
        told
    }

    /// Makes a call and waits for its end; `None` where it has not ended in time. Nothing more can be called then.
    pub(super) fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.begin(call).recv_timeout(patience).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_given_up() {
        let aside = Aside::start("test").unwrap();
        assert_eq!(aside.call(Duration::from_secs(20), || 3), Some(3));
        let (end, ended) = mpsc::channel::<()>();
        assert_eq!(aside.call(Duration::from_millis(10), move || ended.recv()), None);
        drop(end);
    }
}
