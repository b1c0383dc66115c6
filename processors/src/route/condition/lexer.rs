//! The words of a condition, each with its place.

use std::ops::Range;

use super::ConditionFault;
use crate::route::{RouteCode, value::MICROS};

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A field's path, or a word where none may stand.
    Path(String),
    Text(String),
    /// Millionths.
    Number(i128),
    /// Milliseconds.
    Duration(i64),
    Keyword(Keyword),
    /// `==`, `(`, `,` and the like.
    Symbol(&'static str),
    End,
}

/// Words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    In,
    Exists,
    Contains,
    True,
    False,
    Null,
}

const KEYWORDS: [(&str, Keyword); 9] = [
    ("and", Keyword::And),
    ("or", Keyword::Or),
    ("not", Keyword::Not),
    ("in", Keyword::In),
    ("exists", Keyword::Exists),
    ("contains", Keyword::Contains),
    ("true", Keyword::True),
    ("false", Keyword::False),
    ("null", Keyword::Null),
];

/// Longer ones first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 11] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ","];

const UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Cuts a condition into words; the last one is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, ConditionFault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, end) = match first {
            '"' | '\'' => string(text, at, first)?,
            '0'..='9' | '-' => number(text, at)?,
            'a'..='z' | 'A'..='Z' | '_' => word(text, at),
            _ => symbol(text, at, first)?,
        };
        tokens.push((token, at..end));
        at = end;
    }
    tokens.push((Token::End, text.len()..text.len()));
    Ok(tokens)
}

fn fault(span: Range<usize>, message: impl Into<String>, help: Option<String>) -> ConditionFault {
    ConditionFault { code: RouteCode::Syntax, span, message: message.into(), help }
}

fn string(text: &str, start: usize, quote: char) -> Result<(Token, usize), ConditionFault> {
    let mut value = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((offset, char)) = chars.next() {
        match char {
            _ if char == quote => return Ok((Token::Text(value), start + 1 + offset + 1)),
            '\\' => {
                let Some((_, escaped @ ('\\' | '"' | '\''))) = chars.next() else {
                    let at = start + 1 + offset;
                    let help = Some("a backslash may stand before a quote or another backslash".to_owned());
                    return Err(fault(at..at + 1, "has a backslash that escapes nothing", help));
                };
                value.push(escaped);
            }
            _ => value.push(char),
        }
    }
    Err(fault(start..text.len(), "has a text without its closing quote", Some(format!("add {quote} at its end"))))
}

fn word(text: &str, start: usize) -> (Token, usize) {
    let length = text[start..]
        .find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '_' | '.')))
        .unwrap_or(text.len() - start);
    let word = &text[start..start + length];
    let keyword = KEYWORDS.iter().find(|(name, _)| *name == word);
    (keyword.map_or_else(|| Token::Path(word.to_owned()), |(_, keyword)| Token::Keyword(*keyword)), start + length)
}

fn symbol(text: &str, start: usize, first: char) -> Result<(Token, usize), ConditionFault> {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text[start..].starts_with(**symbol)) {
        return Ok((Token::Symbol(symbol), start + symbol.len()));
    }
    let help = match first {
        '=' => Some("equality is written =="),
        '&' => Some("write: and"),
        '|' => Some("write: or"),
        '!' => Some("write: not"),
        _ => None,
    };
    let span = start..start + first.len_utf8();
    Err(fault(span, format!("has {first:?} where no such sign may stand"), help.map(str::to_owned)))
}

fn number(text: &str, start: usize) -> Result<(Token, usize), ConditionFault> {
    let length = 1 + text[start + 1..]
        .find(|char: char| !(char.is_ascii_alphanumeric() || char == '.'))
        .unwrap_or(text.len() - start - 1);
    let span = start..start + length;
    let word = &text[span.clone()];
    let token = if word.ends_with(|char: char| char.is_ascii_alphabetic()) {
        duration(word).map(Token::Duration)
    } else {
        decimal(word).map(Token::Number)
    };
    let end = span.end;
    token.map(|token| (token, end)).ok_or_else(|| {
        let help = "numbers are written 12 or 0.99, with at most six decimals; durations 90s, 15m, 4h, 7d or 1h30m";
        fault(span, "has a number that cannot be read", Some(help.to_owned()))
    })
}

/// A decimal number in millionths.
fn decimal(word: &str) -> Option<i128> {
    let (negative, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let micros =
        whole.parse::<i128>().ok()?.checked_mul(MICROS)?.checked_add(format!("{fraction:0<6}").parse().ok()?)?;
    Some(if negative { -micros } else { micros })
}

/// A duration in milliseconds: one or more of number and unit.
pub(super) fn duration(word: &str) -> Option<i64> {
    let mut rest = word;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let (count, tail) = rest.split_at(digits);
        let letters = tail.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_exact() {
        assert_eq!(decimal("12"), Some(12_000_000));
        assert_eq!(decimal("-0.99"), Some(-990_000));
        assert_eq!(decimal("0.1234567"), None);
        assert_eq!(decimal("1."), None);
        assert_eq!(decimal("-"), None);
        assert_eq!(duration("1h30m"), Some(5_400_000));
        assert_eq!(duration("250ms"), Some(250));
        assert_eq!(duration("3y"), None);
        assert_eq!(duration("99999999999999w"), None);
    }

    #[test]
    fn places_are_bytes() {
        let tokens = lex("order.id == \"ü\" and").unwrap();
        assert_eq!(tokens[2], (Token::Text("ü".into()), 12..16));
        assert_eq!(tokens[3], (Token::Keyword(Keyword::And), 17..20));
    }

    #[test]
    fn wrong_signs_say_the_right_ones() {
        assert_eq!(lex("a = 1").unwrap_err().help.as_deref(), Some("equality is written =="));
        assert_eq!(lex("a && b").unwrap_err().span, 2..3);
        assert_eq!(lex("'open").unwrap_err().span, 0..5);
        assert_eq!(lex(r"'a\q'").unwrap_err().span, 2..3);
    }
}
