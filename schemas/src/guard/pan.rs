//! Card numbers in text: runs of digits, issuer prefixes, check digits.

use std::ops::Range;

use super::unusual;

/// The shortest and longest card number.
pub(super) const DIGITS_MIN: usize = 13;
pub(super) const DIGITS_MAX: usize = 19;

/// How card numbers are printed in groups.
pub(super) const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 1], &[4, 6, 5], &[4, 6, 4], &[6, 4, 4, 4]];

/// The first card number in `text`.
pub(super) fn find(text: &[u8]) -> Option<Range<usize>> {
    // A run of 13 bytes or more covers one of the bytes looked at, wherever it starts; all others
    // need not be looked at.
    let mut probe = DIGITS_MIN - 1;
    while probe < text.len() {
        if !in_run(text[probe]) {
            probe += DIGITS_MIN;
            continue;
        }
        let start = text[..probe].iter().rposition(|&byte| !in_run(byte)).map_or(0, |at| at + 1);
        let end = text[probe..].iter().position(|&byte| !in_run(byte)).map_or(text.len(), |at| probe + at);
        if end - start >= DIGITS_MIN
            && let Some(found) = find_in_any_run(text, start, end)
        {
            return Some(found);
        }
        probe = end + DIGITS_MIN;
    }
    None
}

fn in_run(byte: u8) -> bool {
    is_plain(byte) || matches!(byte, b'.' | b'/' | b'_') || !byte.is_ascii()
}

/// How card numbers are printed.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

/// Looks through `text[start..end]`, part by part as it is printed, then for unusual spellings.
fn find_in_any_run(text: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let mut plain = None;
    let mut at = start;
    while at < end && plain.is_none() {
        let part = text[at..end].iter().position(|&byte| !is_plain(byte)).map_or(end, |more| at + more);
        if part - at >= DIGITS_MIN {
            plain = find_in_run(text, at, part);
        }
        at = part + 1;
    }
    let run = &text[start..end];
    let other = if unusual::has_unusual(run) { unusual::find(run) } else { None };
    let other = other.map(|found| start + found.start..start + found.end);
    [plain, other].into_iter().flatten().min_by_key(|found| found.start)
}

/// Looks through `text[start..end]`, which is digits, spaces and dashes and as long as it can be.
fn find_in_run(text: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let mut at = start;
    while at < end {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        // Groups of digits with one separator between them.
        let mut groups: Vec<Range<usize>> = Vec::new();
        loop {
            let group_end = text[at..end].iter().position(|byte| !byte.is_ascii_digit()).map_or(end, |more| at + more);
            groups.push(at..group_end);
            at = group_end + 1;
            if at >= end || !text[at].is_ascii_digit() {
                break;
            }
        }
        if let Some(found) = find_in_groups(text, &groups) {
            return Some(found);
        }
    }
    None
}

fn find_in_groups(text: &[u8], groups: &[Range<usize>]) -> Option<Range<usize>> {
    for group in groups {
        if is_card(text, std::slice::from_ref(group)) && !in_hexadecimal_word(text, group) {
            return Some(group.clone());
        }
    }
    if groups.len() < 2 {
        return None;
    }
    let whole = groups[0].start..groups[groups.len() - 1].end;
    if is_card(text, groups) && !continues_a_word(text, &whole) {
        return Some(whole);
    }
    for first in 0..groups.len() {
        for grouping in GROUPINGS {
            let Some(window) = groups.get(first..first + grouping.len()) else { continue };
            let fits = window.iter().zip(grouping).all(|(group, &digits)| group.len() == digits);
            if fits && is_card(text, window) {
                return Some(window[0].start..window[window.len() - 1].end);
            }
        }
    }
    None
}

/// Long hexadecimal ids hold long runs of digits now and then.
fn in_hexadecimal_word(text: &[u8], run: &Range<usize>) -> bool {
    const HEXADECIMAL_BYTES_MIN: usize = 24;
    let start = text[..run.start].iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let rest = &text[run.end..];
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).map_or(text.len(), |more| run.end + more);
    let word = &text[start..end];
    word.len() >= HEXADECIMAL_BYTES_MIN
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

/// Groups that go on from a letter, as the digits of a UUID do, are no number of their own.
fn continues_a_word(text: &[u8], run: &Range<usize>) -> bool {
    let before = &text[..run.start];
    let after = &text[run.end..];
    let joined = |near: Option<&u8>, far: Option<&u8>| match near {
        Some(b'-') => far.is_some_and(u8::is_ascii_alphanumeric),
        Some(byte) => byte.is_ascii_alphanumeric(),
        None => false,
    };
    joined(before.last(), before.iter().rev().nth(1)) || joined(after.first(), after.get(1))
}

/// Whether the digits of these groups are a card number.
fn is_card(text: &[u8], groups: &[Range<usize>]) -> bool {
    let count: usize = groups.iter().map(Range::len).sum();
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&count) {
        return false;
    }
    let mut digits = [0u8; DIGITS_MAX];
    let bytes = groups.iter().flat_map(|group| &text[group.clone()]);
    for (digit, byte) in digits.iter_mut().zip(bytes) {
        *digit = byte - b'0';
    }
    is_card_number(&digits[..count])
}

/// Whether these digits have a card number's length, an issuer's prefix and a right check digit.
pub(super) fn is_card_number(digits: &[u8]) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && is_issued(digits) && passes_luhn(digits)
}

/// Whether a card scheme gives out numbers with this prefix and length.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits[..length].iter().fold(0u32, |number, &digit| number * 10 + u32::from(digit));
    let count = digits.len();
    match prefix(4) {
        // Visa.
        4000..=4999 => matches!(count, 13 | 16 | 19),
        // Mastercard; JCB; RuPay.
        2221..=2720 | 5100..=5599 | 3528..=3589 | 8100..=8299 => count == 16,
        // American Express.
        3400..=3499 | 3700..=3799 => count == 15,
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => matches!(count, 14 | 16 | 19),
        // Maestro, RuPay; Discover, UnionPay.
        5000..=5099 | 5600..=5899 | 6000..=6999 => (16..=19).contains(&count),
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| {
            let digit = u32::from(digit);
            match (at % 2 == 1, digit * 2) {
                (false, _) => digit,
                (true, double @ 0..=9) => double,
                (true, double) => double - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
