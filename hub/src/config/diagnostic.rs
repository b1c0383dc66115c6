//! A fault in a configuration file, with its place, in the house form of messages.

use std::fmt::Write as _;
use std::ops::Range;

use super::ConfigCode;

/// One fault: what, where, and one line on what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, such as `HUB-1003`.
    pub code: &'static str,
    /// One sentence on what is wrong, naming the values at fault, never a secret.
    pub message: String,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A fault at these bytes.
    pub fn new(code: ConfigCode, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code: code.number(), message: message.into(), span, help: Some(code.help().into()) }
    }

    /// With a line on what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A configuration file's name and text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name as the user wrote it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A place in a file, counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Source {
    /// Where this byte stands.
    pub fn place(&self, at: usize) -> Place {
        let at = at.min(self.text.len());
        let before = &self.text.as_bytes()[..at];
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        Place {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: String::from_utf8_lossy(&before[start..]).chars().count() + 1,
        }
    }

    /// The fault in the house form: the headline, the place, the line with a caret, the help.
    pub fn render(&self, fault: &Diagnostic, colour: bool) -> String {
        if self.text.is_empty() {
            return headline(fault, colour) + &advice(fault);
        }
        let place = self.place(fault.span.start);
        let line = self.text.lines().nth(place.line - 1).unwrap_or_default();
        let rest = line.chars().count().saturating_sub(place.column - 1);
        let wanted =
            self.text.get(fault.span.clone()).map_or(1, |text| text.lines().next().unwrap_or_default().chars().count());
        let carets = "^".repeat(wanted.clamp(1, rest.max(1)));
        let (red, dim, end) = if colour { ("\x1b[1;31m", "\x1b[1;34m", "\x1b[0m") } else { ("", "", "") };
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent: String =
            line.chars().take(place.column - 1).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        let mut out = headline(fault, colour);
        let _ = writeln!(out, "{gutter}{dim}-->{end} {}:{}:{}", self.name, place.line, place.column);
        let _ = writeln!(out, "{dim}{number} |{end} {line}");
        let _ = writeln!(out, "{gutter} {dim}|{end} {indent}{red}{carets}{end}");
        out + &advice(fault)
    }
}

fn headline(fault: &Diagnostic, colour: bool) -> String {
    let (red, end) = if colour { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    format!("{red}error[{}]{end}: {}\n", fault.code, fault.message)
}

fn advice(fault: &Diagnostic) -> String {
    let help = fault.help.as_ref().map_or_else(String::new, |help| format!("help: {help}\n"));
    format!("{help}note: hub explain {}", fault.code)
}

/// The value in the line of a syntax fault, where the line's key may be one of a secret.
pub(super) fn likely_secret(text: &str, at: usize) -> Option<Range<usize>> {
    let at = at.min(text.len());
    let starts = text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = text.get(starts..)?.lines().next()?;
    let equals = line.find('=')?;
    let key = line[..equals].to_ascii_lowercase();
    let is_one = ["token", "secret", "password", "url"].iter().any(|word| key.contains(word));
    (is_one && !line.contains("${")).then(|| starts + equals + 1..starts + line.len())
}

/// What stands before the @ of each address in a text, where it may be a user with a password: the addresses that are
/// told to be none may be ones with a slip.
pub(super) fn credentials(text: &str) -> Vec<Range<usize>> {
    let before = |at: usize| {
        let quoted = text[..at].rfind(['"', '\'', '\n']).map_or(0, |quote| quote + 1);
        let starts = text[quoted..at].find("://").map_or(quoted, |scheme| quoted + scheme + 3);
        text[starts..at].contains(':').then_some(starts..at)
    };
    text.match_indices('@').filter_map(|(at, _)| before(at)).collect()
}

/// The text with these bytes made unreadable; every other byte keeps its place.
pub(super) fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in secrets.iter().filter_map(|span| text.get(span.clone()).map(|_| span.clone())).flatten() {
        if !matches!(bytes[byte], b'"' | b'\'' | b'\n' | b'\r') {
            bytes[byte] = b'*';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The known name nearest to a wrong one, where one is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_the_house_form() {
        let source = Source { name: "hub.toml".into(), text: "[log]\n  kond = \"embedded\"\n".into() };
        let fault =
            Diagnostic::new(ConfigCode::UnknownKey, 8..12, "[log] has no key \"kond\"").help("nearest: \"kind\"");
        assert_eq!(
            source.render(&fault, false),
            "error[HUB-1003]: [log] has no key \"kond\"\n --> hub.toml:2:3\n2 |   kond = \"embedded\"\n  |   ^^^^\n\
             help: nearest: \"kind\"\nnote: hub explain HUB-1003"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_has_no_line_to_show() {
        let source = Source { name: "hub.toml".into(), text: String::new() };
        let fault = Diagnostic::new(ConfigCode::Unreadable, 0..0, "hub.toml cannot be read: no").help("look");
        let told = "error[HUB-1001]: hub.toml cannot be read: no\nhelp: look\nnote: hub explain HUB-1001";
        assert_eq!(source.render(&fault, false), told);
    }

    #[test]
    fn what_is_masked_keeps_its_place() {
        assert_eq!(masked("a = \"é-x\"\nb", std::slice::from_ref(&(4..10))), "a = \"****\"\nb");
        assert_eq!(masked("ab", std::slice::from_ref(&(1..9))), "ab");
    }

    #[test]
    fn credentials_are_what_has_a_colon_before_an_at() {
        let without = |text: &str| masked(text, &credentials(text));
        assert_eq!(without("a = \"ftp://u:p@h\" # \"u:p w@h:1\""), "a = \"ftp://***@h\" # \"*****@h:1\"");
        assert_eq!(without("\"u:p@q@h\", \"https//u:p@h\""), "\"*****@h\", \"**********@h\"");
        for shown in ["to = \"ops@example.com\"", "https://h/@x", "a:1\n@"] {
            assert_eq!(without(shown), shown);
        }
    }

    #[test]
    fn columns_count_characters() {
        let source = Source { name: "f".into(), text: "a = \"é\" # x\nb = 1".into() };
        assert_eq!(source.place(9), Place { line: 1, column: 9 });
        assert_eq!(source.place(source.text.len() - 1), Place { line: 2, column: 5 });
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(nearest("partitons", ["partitions", "kind"]), Some("partitions"));
        assert_eq!(nearest("zzz", ["partitions", "commit_interval"]), None);
    }
}
