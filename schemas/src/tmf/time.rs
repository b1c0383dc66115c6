//! RFC 3339 instants as senders write them (trap T10).

use crate::{Timestamp, code::Code};

/// Reads an instant; none for empty text. Lenient in form, strict in meaning: the date must exist
/// and the offset must be said.
pub(super) fn parse(text: &str) -> Result<Option<Timestamp>, Code> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Some(Timestamp(instant.as_millisecond())));
    }
    match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => Err(Code::NaiveTimestamp),
        Err(_) => Err(Code::BadTimestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_in_form_and_strict_in_meaning() {
        let instant = Ok(Some(Timestamp(1_767_225_600_000)));
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            " 2026-01-01t00:00:00z ",
            "2026-01-01 05:30:00+05:30",
            "2026-01-01T05:30:00+0530",
            "2026-01-01T00:00Z",
        ] {
            assert_eq!(parse(text), instant, "{text}");
        }
        assert_eq!(parse("  "), Ok(None));
        assert_eq!(parse("2026-01-01T00:00:00"), Err(Code::NaiveTimestamp));
        assert_eq!(parse("2026-01-01"), Err(Code::NaiveTimestamp));
        for text in ["2021-03-00T00:00:00+01:00", "2026-02-30T00:00:00Z", "yesterday", "1767225600000"] {
            assert_eq!(parse(text), Err(Code::BadTimestamp), "{text}");
        }
    }
}
