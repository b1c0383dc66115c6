//! The time that a record has on the wire, and the time at which what it tells of has happened.
//!
//! They are the same as long as that is near the clock. A broker goes by the wire's time: it deletes a segment when the
//! newest record in it is older than the topic's retention, whether it was read or not, and refuses a record that is
//! more than an hour ahead, with its transaction. What is told late (a backfill) or by a clock that is wrong goes
//! with the clock's time instead, so that it is taken and kept as long as what is told at once, and has its own in
//! a [header](HEADER), which nobody sees who reads it here.

use std::time::Duration;

use schemas::Timestamp;

/// The header with the time at which something happened, in milliseconds since 1970 as decimal digits.
pub(super) const HEADER: &str = "hub-event-time";

/// So far from the clock, and no further, an event's time goes without the header: so much sooner than the rest a record may
/// be deleted. Brokers refuse what is an hour ahead, by a clock that may be another.
const NEAR: Duration = Duration::from_mins(30);

/// The time for the wire, and for the header where it needs one.
pub(super) fn on_wire(event_time: Timestamp, now: Timestamp) -> (i64, Option<i64>) {
    let is_near = event_time.0.abs_diff(now.0) <= NEAR.as_millis() as u64;
    // The client takes 0 for "now".
    if is_near { (event_time.0.max(1), None) } else { (now.0.max(1), Some(event_time.0)) }
}

/// The time that a header's value holds; `None` when somebody else wrote it.
pub(super) fn read(value: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(value).ok()?.parse().ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const HALF: i64 = 1_800_000;

    #[test]
    fn only_what_is_far_from_the_clock_needs_a_header() {
        for near in [-HALF, -1, 0, 1, HALF] {
            assert_eq!(on_wire(Timestamp(NOW.0 + near), NOW), (NOW.0 + near, None));
        }
        for far in [i64::MIN, -1, 0, NOW.0 - HALF - 1, NOW.0 + HALF + 1, i64::MAX] {
            assert_eq!(on_wire(Timestamp(far), NOW), (NOW.0, Some(far)));
            assert_eq!(read(far.to_string().as_bytes()), Some(Timestamp(far)));
        }
        // A clock that was never set.
        assert_eq!(on_wire(Timestamp(0), Timestamp(0)), (1, None));
    }

    #[test]
    fn what_somebody_else_wrote_is_no_time() {
        for value in [&b""[..], b"soon", b"\xff", b"9223372036854775808", b" 1"] {
            assert_eq!(read(value), None);
        }
    }
}
