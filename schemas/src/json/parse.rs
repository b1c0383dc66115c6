//! The parser: RFC 8259, strict, depth-limited.

use super::{DEPTH_LIMIT, Kind, Node, Tape};

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON; the byte where it stops being JSON.
    Invalid { offset: usize },
    /// Nested deeper than [`DEPTH_LIMIT`].
    TooDeep,
}

impl<'a> Tape<'a> {
    /// Parses one JSON value with nothing but white space around it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        // Spans are 32 bits wide; an event of 4 GiB is refused by size long before.
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::Invalid { offset: 0 });
        }
        // Events have a value for each 15 to 25 bytes.
        let nodes = Vec::with_capacity(text.len() / 14 + 4);
        let mut parser = Parser { bytes: text.as_bytes(), at: 0, nodes };
        parser.skip_space();
        parser.value((0, 0, false), 0)?;
        parser.skip_space();
        if parser.at != parser.bytes.len() {
            return parser.fault();
        }
        Ok(Self { text, nodes: parser.nodes })
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
}

/// A key's start, end and whether it holds escapes.
type Key = (u32, u32, bool);

impl Parser<'_> {
    fn fault<T>(&self) -> Result<T, Fault> {
        Err(Fault::Invalid { offset: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        // Compact JSON has none.
        if self.peek().is_some_and(|byte| byte > b' ') {
            return;
        }
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, key: Key, depth: usize) -> Result<(), Fault> {
        let index = self.nodes.len();
        let start = self.at as u32;
        let node = Node {
            key_start: key.0,
            key_end: key.1,
            key_escaped: key.2,
            kind: Kind::Null,
            start,
            end: start,
            next: index as u32 + 1,
        };
        self.nodes.push(node);
        let kind = match self.peek() {
            Some(b'"') => Kind::String { escaped: self.string()? },
            Some(b'{') => self.object(depth + 1)?,
            Some(b'[') => self.array(depth + 1)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool)?,
            Some(b'f') => self.word(b"false", Kind::Bool)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return self.fault(),
        };
        let (end, next) = (self.at as u32, self.nodes.len() as u32);
        let node = &mut self.nodes[index];
        (node.kind, node.end, node.next) = (kind, end, next);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Fault> {
        if depth > DEPTH_LIMIT {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object);
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fault();
            }
            let start = self.at as u32 + 1;
            let escaped = self.string()?;
            let end = self.at as u32 - 1;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.fault();
            }
            self.at += 1;
            self.skip_space();
            self.value((start, end, escaped), depth)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Kind::Object);
                }
                _ => return self.fault(),
            }
            self.skip_space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Fault> {
        if depth > DEPTH_LIMIT {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array);
        }
        loop {
            self.value((0, 0, false), depth)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::Array);
                }
                _ => return self.fault(),
            }
            self.skip_space();
        }
    }

    /// Passes a string with its quotes; whether it holds escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let mut escaped = false;
        loop {
            let Some(plain) = plain_bytes(&self.bytes[self.at..]) else {
                self.at = self.bytes.len();
                return self.fault();
            };
            self.at += plain;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.fault(),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.hex4(self.at + 2) {
                // A leading surrogate needs its trailing one; neither may stand alone.
                Some(0xD800..=0xDBFF) => {
                    let pair = self.bytes.get(self.at + 6..self.at + 8) == Some(br"\u");
                    if pair && matches!(self.hex4(self.at + 8), Some(0xDC00..=0xDFFF)) {
                        self.at += 12;
                        Ok(())
                    } else {
                        self.fault()
                    }
                }
                Some(0xDC00..=0xDFFF) | None => self.fault(),
                Some(_) => {
                    self.at += 6;
                    Ok(())
                }
            },
            _ => self.fault(),
        }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        digits.iter().try_fold(0, |number, &digit| Some(number * 16 + char::from(digit).to_digit(16)?))
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.fault(),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.fault() } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(kind)
        } else {
            self.fault()
        }
    }
}

/// How many bytes come before the first quote, backslash or control character; none if all do.
fn plain_bytes(bytes: &[u8]) -> Option<usize> {
    // Eight bytes at a time. A borrow can only mark bytes above one that is truly marked, and the
    // lowest mark is the one that counts.
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let marks = below(word, 0x20) | quote | backslash;
        if marks != 0 {
            return Some(at * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    rest.iter().position(ends).map(|more| words.len() * 8 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_reference_parser_on_what_json_is() {
        let texts = [
            "{}",
            "[]",
            "[1]",
            "[1,]",
            "[,1]",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "\"a",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"\\udc00\"",
            "\"\\x\"",
            "01",
            "-",
            "-0",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1e5",
            "1.5E-3",
            "tru",
            "true",
            "null",
            "nul",
            "1 2",
            " 1 ",
            "",
            "\"a\tb\"",
            "\"a\\tb\"",
            "{\"a\":{\"b\":[]}}",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "\u{feff}{}",
            "[[[[]]]]",
            "{\"a\":}",
        ];
        for text in texts {
            let reference = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(Tape::parse(text).is_ok(), reference, "{text}");
        }
    }

    #[test]
    fn plain_bytes_end_where_they_must() {
        for before in 0..20 {
            for end in [b'"', b'\\', 0, 0x1f, b'\n'] {
                let mut text = "\u{e9}!a#[\u{7f} ~".repeat(4).into_bytes()[..before].to_vec();
                text.extend([end, b'x', b'"', b'x', b'x', b'x', b'x', b'x', b'x']);
                assert_eq!(plain_bytes(&text), Some(before), "{before} {end}");
            }
        }
        assert_eq!(plain_bytes(b"0123456789 without an end"), None);
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Tape::parse(&nested(DEPTH_LIMIT)).is_ok());
        assert_eq!(Tape::parse(&nested(DEPTH_LIMIT + 1)).err(), Some(Fault::TooDeep));
        assert_eq!(Tape::parse(&"[".repeat(1_000_000)).err(), Some(Fault::TooDeep));
    }
}
