//! News of clocks for whoever follows `/v1/sla/events`: a warning, a breach and what late facts make of it,
//! a clock that came to be likely to breach.

use std::sync::{Arc, Mutex, PoisonError};

use schemas::{SlaEscalation, SlaPrediction, SlaState, SlaViolation, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// How much may wait for a reader that is slow; it is told how many it missed beyond that.
const WAITING: usize = 1_024;

/// Where news go, while anybody listens.
#[derive(Clone)]
pub(super) struct SlaNews(Arc<Mutex<Option<Sender<Arc<str>>>>>);

impl SlaNews {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(channel(WAITING).0))))
    }

    /// All that is told from now on; nothing once the hub stops.
    pub(super) fn listen(&self) -> Option<Receiver<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Sender::subscribe)
    }

    /// The hub stops: every listener comes to the end.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells it to those who listen; it is not even made where nobody does.
    pub(super) fn tell(&self, news: impl FnOnce() -> Value) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
            && sender.receiver_count() > 0
        {
            // Its last listener may have left just now.
            let _ = sender.send(news().to_string().into());
        }
    }
}

/// A clock went past a warning level.
pub(super) fn warning(state: &SlaState) -> Value {
    json!({
        "event": "warning",
        "at": state.updated_at.to_string(),
        "objective": state.objective,
        "entity": format!("{}:{}", state.entity_kind, state.entity_id),
        "warned_percent": state.warned_percent,
        "breach_at": state.breach_at.map(|at| at.to_string()),
        "until_breach_ms": state.breach_at.map(|at| at.millis_since(state.updated_at)),
    })
}

/// A violation, one that late facts changed, or one that they took back.
pub(super) fn violation(violation: &SlaViolation) -> Value {
    let event = match (violation.withdrawn, violation.version) {
        (true, _) => "withdrawn",
        (false, 1) => "breach",
        (false, _) => "amended",
    };
    json!({
        "event": event,
        "at": violation.breached_at.to_string(),
        "objective": violation.objective,
        "entity": format!("{}:{}", violation.entity_kind, violation.entity_id),
        "actual_ms": violation.actual_ms,
        "target_ms": violation.reference_ms,
        "consequence": violation.consequence,
        "version": violation.version,
    })
}

/// A step of a ladder was called, or called off.
pub(super) fn escalation(escalation: &SlaEscalation) -> Value {
    json!({
        "event": if escalation.withdrawn { "called_off" } else { "escalation" },
        "at": escalation.reached_at.to_string(),
        "objective": escalation.objective,
        "entity": format!("{}:{}", escalation.entity_kind, escalation.entity_id),
        "percent": escalation.percent,
        "role": escalation.role,
        "breach_at": escalation.breach_at.map(|at| at.to_string()),
    })
}

/// A clock came to be likelier to breach than it was.
pub(super) fn likelier(told: &SlaPrediction) -> Value {
    let until = |at: Timestamp| at.millis_since(told.at);
    json!({
        "event": "likely",
        "at": told.at.to_string(),
        "objective": told.objective,
        "entity": format!("{}:{}", told.entity_kind, told.entity_id),
        "probability": told.probability_ppm as f64 / 1e6,
        "band": told.band,
        "breach_at": told.breach_at.map(|at| at.to_string()),
        "until_breach_ms": told.breach_at.map(until),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_made_for_listeners_only_and_end_with_the_hub() {
        let news = SlaNews::new();
        news.tell(|| unreachable!("nobody listens"));
        let mut listener = news.listen().unwrap();
        news.tell(|| json!({ "event": "warning" }));
        assert_eq!(listener.try_recv().unwrap().as_ref(), r#"{"event":"warning"}"#);
        news.end();
        assert!(listener.blocking_recv().is_err() && news.listen().is_none());
        news.tell(|| unreachable!("the hub stops"));
    }
}
