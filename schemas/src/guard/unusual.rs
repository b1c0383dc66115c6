//! Card numbers that no printer writes: with other separators than one space or dash between the
//! groups, or with digits of other scripts than ASCII.
//!
//! Only the groupings of printed cards count here: dates, coordinates and keys are full of dots,
//! slashes and underscores, and one number in ten has a right check digit.

use std::ops::Range;

use super::pan::{DIGITS_MAX, DIGITS_MIN, GROUPINGS, is_card_number};

/// So many separators in a row still join two groups.
const SEPARATORS_MAX: usize = 3;

/// The zeros of the scripts whose digits are looked at; nine more follow each.
const ZEROS: [u32; 19] = [
    0x30, 0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xff10, 0x1d7ce, 0x1d7d8,
    0x1d7e2, 0x1d7ec, 0x1d7f6,
];

/// Digits that stand together.
#[derive(Default)]
struct Group {
    place: Range<usize>,
    digits: Vec<u8>,
    is_ascii: bool,
}

/// Whether a run of digits and separators has what only this file looks at.
pub(super) fn has_unusual(run: &[u8]) -> bool {
    // The spaces of an indented text are no number.
    if run.iter().filter(|byte| byte.is_ascii_digit() || !byte.is_ascii()).count() < DIGITS_MIN {
        return false;
    }
    run.iter().any(|byte| !matches!(byte, b'0'..=b'9' | b' ' | b'-'))
        || run.windows(2).any(|pair| !pair[0].is_ascii_digit() && !pair[1].is_ascii_digit())
}

/// The first card number in a run of digits and separators.
pub(super) fn find(run: &[u8]) -> Option<Range<usize>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut separators = 0;
    let mut at = 0;
    for chunk in run.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let here = at..at + letter.len_utf8();
            at = here.end;
            if let Some(digit) = digit(letter) {
                match groups.last_mut() {
                    Some(group) if separators == 0 => {
                        group.place.end = here.end;
                        group.digits.push(digit);
                        group.is_ascii &= letter.is_ascii();
                    }
                    _ => groups.push(Group { place: here, digits: vec![digit], is_ascii: letter.is_ascii() }),
                }
                separators = 0;
            } else if is_separator(letter) && separators < SEPARATORS_MAX {
                separators += 1;
            } else {
                if let Some(found) = in_groups(&groups) {
                    return Some(found);
                }
                groups.clear();
                separators = 0;
            }
        }
        at += chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            if let Some(found) = in_groups(&groups) {
                return Some(found);
            }
            groups.clear();
            separators = 0;
        }
    }
    in_groups(&groups)
}

fn in_groups(groups: &[Group]) -> Option<Range<usize>> {
    for (first, group) in groups.iter().enumerate() {
        // In ASCII alone it was looked at already, with what surrounds it.
        if !group.is_ascii && is_card_number(&group.digits) {
            return Some(group.place.clone());
        }
        for grouping in GROUPINGS {
            let Some(window) = groups.get(first..first + grouping.len()) else { continue };
            if window.iter().zip(grouping).any(|(group, &digits)| group.digits.len() != digits) {
                continue;
            }
            let mut number = Vec::with_capacity(DIGITS_MAX);
            number.extend(window.iter().flat_map(|group| &group.digits));
            if is_card_number(&number) {
                return Some(window[0].place.start..window[window.len() - 1].place.end);
            }
        }
    }
    None
}

/// The value of a digit of any of the scripts.
fn digit(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    ZEROS.iter().find_map(|zero| u8::try_from(code.checked_sub(*zero)?).ok().filter(|digit| *digit < 10))
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter,
            '-' | '.' | '/' | '_' | '\u{ad}' | '\u{b7}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}'
            | '\u{2022}' | '\u{2060}' | '\u{2212}' | '\u{feff}')
}
