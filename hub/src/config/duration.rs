//! Durations as people write them: `250ms`, `30s`, `5m`, `4h`, `7d`, and sums such as `1h30m`.

use std::time::Duration;

/// The duration that `text` says.
///
/// # Errors
/// One sentence on what is wrong with it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a duration is empty".into());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| format!("{text:?} does not begin with a number"))?;
        let unit_end = rest[digits..].find(|letter: char| letter.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let millis = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "" => return Err(format!("{text:?} has no unit")),
            unit => return Err(format!("{unit:?} is not a unit of time")),
        };
        let part = number.checked_mul(millis).ok_or_else(|| format!("{text:?} is too long"))?;
        total = total.checked_add(Duration::from_millis(part)).ok_or_else(|| format!("{text:?} is too long"))?;
        rest = &rest[unit_end..];
    }
    Ok(total)
}

/// A duration in the shortest exact form that [`parse`] reads.
pub fn display(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    let mut out = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            out.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_back() {
        for text in ["250ms", "30s", "5m", "4h", "7d", "1h30m", "1s500ms"] {
            assert_eq!(display(parse(text).unwrap()), text);
        }
        assert_eq!(parse("1w").unwrap(), Duration::from_secs(7 * 86_400));
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "5", "s", "5 parsecs", "99999999999999999999s", "18446744073709551615d", "-5s", "1.5s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
