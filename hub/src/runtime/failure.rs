//! The first thing that went wrong for good: it ends the hub.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use topology::LogError;

/// What a part of the hub failed of.
#[derive(Clone, Debug)]
pub struct Note {
    text: String,
    /// Whether the log does not let it do what it must.
    pub is_denied: bool,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A note that anyone may leave and everyone sees; the first one stays.
#[derive(Clone)]
pub(super) struct Failure(Arc<watch::Sender<Option<Note>>>);

impl Failure {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// `part` cannot go on.
    pub(super) fn report(&self, part: &str, why: &dyn fmt::Display) {
        self.note(part, why, false);
    }

    /// `part` cannot go on for what it had of the log, if anything.
    pub(super) fn report_log(&self, part: &str, why: &dyn fmt::Display, error: Option<&LogError>) {
        self.note(part, why, matches!(error, Some(LogError::Denied(_))));
    }

    fn note(&self, part: &str, why: &dyn fmt::Display, is_denied: bool) {
        let note = Note { text: format!("{part}: {why}"), is_denied };
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
    pub(super) fn get(&self) -> Option<Note> {
        self.0.borrow().clone()
    }

    /// Ends when something went wrong, and says what.
    pub(super) async fn happened(&self) -> Note {
        let mut watch = self.0.subscribe();
        let note = watch.wait_for(Option::is_some).await.ok().and_then(|note| note.clone());
        note.expect("the sender lives as long as `self`, so this ends by the value only")
    }
}
