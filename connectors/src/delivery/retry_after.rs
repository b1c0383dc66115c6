//! The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or an HTTP date.

use std::time::Duration;

use schemas::Timestamp;

/// The wait that a `Retry-After` value asks for, seen from `now`. A date that has passed is no
/// wait; a value that is neither a number nor a date is `None`.
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for u64 asks for more than any limit allows.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?;
    let wait = at.timestamp().as_millisecond().saturating_sub(now.as_millis());
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's own examples.
    const RFC_DATE: i64 = 784_111_777_000;

    #[test]
    fn seconds() {
        assert_eq!(parse_retry_after("120", Timestamp(0)), Some(Duration::from_mins(2)));
        assert_eq!(parse_retry_after(" 0 ", Timestamp(0)), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("99999999999999999999999", Timestamp(0)), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_date_ahead_and_a_date_passed() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse_retry_after(date, Timestamp(RFC_DATE - 1_500)), Some(Duration::from_millis(1_500)));
        assert_eq!(parse_retry_after(date, Timestamp(RFC_DATE + 60_000)), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_not_a_wait() {
        for value in ["", "soon", "-5", "1.5", "Sun, 06 Nov"] {
            assert_eq!(parse_retry_after(value, Timestamp(0)), None, "{value:?}");
        }
    }
}
