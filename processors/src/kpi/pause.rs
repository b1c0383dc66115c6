//! Time less what waited for the customer.

use super::story::Story;
use super::tally::Value;

/// Counts working time from an instant on.
pub(super) struct Working {
    from: i64,
    paused_ms: i64,
    paused_at: Option<i64>,
}

impl Working {
    pub(super) fn from(from: i64) -> Self {
        Self { from, paused_ms: 0, paused_at: None }
    }

    /// The entity came to a state at this instant, one that waits for the customer or not.
    pub(super) fn enter(&mut self, at: i64, pauses: bool) {
        if pauses {
            self.paused_at.get_or_insert(at);
        } else if let Some(since) = self.paused_at.take() {
            self.paused_ms += (at - since).max(0);
        }
    }

    /// Working time up to an instant.
    pub(super) fn until(&self, at: i64) -> i64 {
        let resting = self.paused_at.map_or(0, |since| (at - since).max(0));
        at - self.from - self.paused_ms - resting
    }

    /// The same as a value, where it makes sense: an entity that was born ended, or ended before it
    /// began, has none.
    pub(super) fn measured(&self, at: i64, story: &Story) -> Value {
        let millis = self.until(at);
        if story.suspect || story.is_born_ended() || millis <= 0 { Value::Suspect } else { Value::Millis(millis) }
    }
}
