//! JSON text put together by hand: a tree per event would cost more than everything else.
//!
//! All text is synthetic ASCII without quotes or backslashes, so nothing needs escaping.

/// Typical size of an event, with some room, so that a line is allocated once.
const LINE_BYTES: usize = 1_792;

/// Days kept formatted; due dates and creation dates of a run fall into few of them.
const DAYS: usize = 64;

/// A line under construction.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) line: String,
    /// `YYYY-MM-DDT` by day number, direct-mapped: the calendar is asked once a day.
    days: Box<[(i64, [u8; 11]); DAYS]>,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { line: String::new(), days: Box::new([(i64::MIN, *b"0000-00-00T"); DAYS]) }
    }

    /// Begins a new line.
    pub(super) fn begin(&mut self) {
        self.line = String::with_capacity(LINE_BYTES);
    }

    /// Appends text as it is.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.line.push_str(text);
        self
    }

    /// Appends a decimal number.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.padded(number, 1)
    }

    /// Appends a decimal number with zeros up to `width` (at most 20) digits.
    pub(super) fn padded(&mut self, mut number: u64, width: usize) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        while number > 0 {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let from = at.min(digits.len() - width);
        self.ascii(&digits[from..])
    }

    /// Appends an amount of hundredths: `499.00`.
    pub(super) fn amount(&mut self, hundredths: u64) -> &mut Self {
        self.number(hundredths / 100).raw(".").padded(hundredths % 100, 2)
    }

    /// Appends an instant as RFC 3339 in UTC with milliseconds, always 24 characters.
    pub(super) fn time(&mut self, millis: i64) -> &mut Self {
        let day = millis.div_euclid(86_400_000);
        let of_day = millis.rem_euclid(86_400_000);
        let slot = (day.rem_euclid(DAYS as i64)) as usize;
        if self.days[slot].0 != day {
            self.days[slot] = (day, date_of(day));
        }
        let date = self.days[slot].1;
        let two = |n: i64| [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        let [h1, h2] = two(of_day / 3_600_000);
        let [m1, m2] = two(of_day / 60_000 % 60);
        let [s1, s2] = two(of_day / 1_000 % 60);
        let milli = of_day % 1_000;
        let [u2, u3] = two(milli % 100);
        let clock = [h1, h2, b':', m1, m2, b':', s1, s2, b'.', b'0' + (milli / 100) as u8, u2, u3, b'Z'];
        self.ascii(&date).ascii(&clock)
    }

    fn ascii(&mut self, bytes: &[u8]) -> &mut Self {
        self.line.push_str(std::str::from_utf8(bytes).expect("digits and punctuation are ASCII"));
        self
    }
}

fn date_of(day: i64) -> [u8; 11] {
    let mut date = *b"1970-01-01T";
    // Out of the calendar's range only for absurd settings; the epoch is as good as any then.
    if let Ok(instant) = jiff::Timestamp::from_second(day.saturating_mul(86_400)) {
        let text = instant.to_string();
        if text.len() == 20 {
            date.copy_from_slice(&text.as_bytes()[..11]);
        }
    }
    date
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn times_agree_with_the_calendar() {
        let mut text = Text::new();
        for millis in [0, 951_782_399_999, 951_782_400_000, 1_767_583_800_123, 1_772_236_799_007] {
            text.begin();
            text.time(millis);
            let back: jiff::Timestamp = text.line.parse().unwrap();
            assert_eq!(back.as_millisecond(), millis, "{}", text.line);
            assert_eq!(text.line.len(), 24);
        }
    }

    #[test]
    fn numbers_and_amounts() {
        let mut text = Text::new();
        text.begin();
        text.number(0).raw(" ").number(u64::MAX).raw(" ").padded(42, 5).raw(" ").amount(49_905);
        assert_eq!(text.line, "0 18446744073709551615 00042 499.05");
    }
}
