//! The first thing that went wrong for good: it ends the hub.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use topology::LogError;

use crate::config::ConfigCode;

/// What a part of the hub failed of.
#[derive(Clone, Debug)]
pub struct Note {
    text: String,
    /// The code of it, where it has one.
    pub code: Option<ConfigCode>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The code of what only someone outside can mend in the log.
pub(super) fn code_of(error: &LogError) -> Option<ConfigCode> {
    match error {
        LogError::Denied(_) => Some(ConfigCode::LogDenied),
        LogError::PastEnd { .. } => Some(ConfigCode::PastEnd),
        _ => None,
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
        self.note(part, why, None);
    }

    /// `part` cannot go on for what it had of the log, if anything.
    pub(super) fn report_log(&self, part: &str, why: &dyn fmt::Display, error: Option<&LogError>) {
        self.note(part, why, error.and_then(code_of));
    }

    fn note(&self, part: &str, why: &dyn fmt::Display, code: Option<ConfigCode>) {
        let note = Note { text: format!("{part}: {why}"), code };
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
