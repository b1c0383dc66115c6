//! The first thing that went wrong for good: it ends the hub.

use std::sync::Arc;

use tokio::sync::watch;

/// A note that anyone may leave and everyone sees; the first one stays.
#[derive(Clone)]
pub(super) struct Failure(Arc<watch::Sender<Option<String>>>);

impl Failure {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// `part` cannot go on.
    pub(super) fn report(&self, part: &str, why: &dyn std::fmt::Display) {
        let note = format!("{part}: {why}");
        tracing::error!(part, %why, "a part of the hub cannot go on");
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                *first = Some(note);
            }
            is_first
        });
    }

    /// What went wrong, if anything did.
    pub(super) fn get(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Ends when something went wrong, and says what.
    pub(super) async fn happened(&self) -> String {
        let mut watch = self.0.subscribe();
        // The sender lives as long as `self`, so this ends by the value only.
        let note = watch.wait_for(Option::is_some).await.ok().and_then(|note| note.clone());
        note.unwrap_or_default()
    }
}
