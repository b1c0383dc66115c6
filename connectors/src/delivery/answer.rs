//! What the outside answered, reduced to what the hub does next.

use std::time::Duration;

use schemas::Code;

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The outside has it now.
    Delivered,
    /// The outside had it already under the same idempotency key.
    Duplicate,
    /// Worth another attempt, not before `after` where the outside named a time.
    Retry {
        /// The wait that the outside asked for.
        after: Option<Duration>,
    },
    /// It will never be taken.
    Refused,
}

/// Why an attempt brought no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No answer within the time-out.
    TimedOut,
    /// No connection.
    Unreachable,
    /// The connection broke.
    Broken,
}

/// An [`Answer`] with what is worth noting about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it came to.
    pub answer: Answer,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// The code of the failure; `None` for a success.
    pub code: Option<Code>,
    /// What the outside calls the thing it made.
    pub external_ref: Option<String>,
}

impl Reply {
    /// The reply of an attempt that brought no answer. Whether the outside acted on it is unknown,
    /// which is why each delivery carries an idempotency key.
    pub fn unanswered(cause: Cause) -> Self {
        let code = match cause {
            Cause::TimedOut => Code::DeliveryTimeout,
            Cause::Unreachable => Code::DeliveryUnreachable,
            Cause::Broken => Code::DeliveryBroken,
        };
        Self { answer: Answer::Retry { after: None }, http_status: None, code: Some(code), external_ref: None }
    }

    /// The reply that an HTTP status stands for.
    pub fn from_status(status: u16, retry_after: Option<Duration>) -> Self {
        let answer = classify_status(status, retry_after);
        let code = match answer {
            Answer::Delivered | Answer::Duplicate => None,
            Answer::Retry { .. } => Some(Code::DeliveryUnavailable),
            Answer::Refused => Some(Code::DeliveryRefused),
        };
        Self { answer, http_status: Some(status), code, external_ref: None }
    }

    /// Whether the outside shows signs of trouble of its own, which the circuit breaker counts. A
    /// refusal is an answer of a healthy system.
    pub fn is_trouble(&self) -> bool {
        matches!(self.answer, Answer::Retry { .. })
    }
}

/// What an HTTP status means for a delivery.
///
/// 2xx is delivered. 409 is a duplicate: the idempotency key was seen. 408, 425, 429 and 5xx may
/// pass. Everything else is refused, redirects too: following one would send the record where
/// nobody configured it to go.
pub fn classify_status(status: u16, retry_after: Option<Duration>) -> Answer {
    match status {
        200..=299 => Answer::Delivered,
        409 => Answer::Duplicate,
        408 | 425 | 429 | 500..=599 => Answer::Retry { after: retry_after },
        _ => Answer::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_the_table_says() {
        let retry = Answer::Retry { after: None };
        for (status, answer) in [
            (200, Answer::Delivered),
            (202, Answer::Delivered),
            (204, Answer::Delivered),
            (301, Answer::Refused),
            (307, Answer::Refused),
            (400, Answer::Refused),
            (401, Answer::Refused),
            (404, Answer::Refused),
            (408, retry),
            (409, Answer::Duplicate),
            (410, Answer::Refused),
            (422, Answer::Refused),
            (425, retry),
            (429, retry),
            (500, retry),
            (501, retry),
            (503, retry),
        ] {
            assert_eq!(classify_status(status, None), answer, "{status}");
        }
    }

    #[test]
    fn a_refusal_is_no_trouble_and_a_missing_answer_is() {
        assert!(!Reply::from_status(400, None).is_trouble());
        assert!(Reply::from_status(503, None).is_trouble());
        assert!(Reply::unanswered(Cause::TimedOut).is_trouble());
    }
}
