//! Reads sections of a parsed file and collects every fault on the way instead of stopping.

mod secret;

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

pub use secret::Secret;

use super::{ConfigCode, Diagnostic, duration, nearest};

/// Where `${NAME}` is looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What all sections of one file share.
pub struct Faults<'a> {
    text: &'a str,
    environment: Environment<'a>,
    found: RefCell<Vec<Diagnostic>>,
    /// Secrets that stand in the file itself: no message shows them.
    hidden: RefCell<Vec<Range<usize>>>,
}

impl<'a> Faults<'a> {
    /// None found yet.
    pub fn new(text: &'a str, environment: Environment<'a>) -> Self {
        Self { text, environment, found: RefCell::default(), hidden: RefCell::default() }
    }

    /// The line, from 1, in which this byte stands.
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Notes a fault.
    pub fn push(&self, fault: Diagnostic) {
        self.found.borrow_mut().push(fault);
    }

    /// All that were noted, in the order of the file, and the places of secrets.
    pub fn into_sorted(self) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
        let mut found = self.found.into_inner();
        found.sort_by_key(|fault| (fault.span.start, fault.code));
        // What is read twice is told once.
        found.dedup();
        (found, self.hidden.into_inner())
    }
}

/// A value and the bytes of the file that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place, quotes included.
    pub span: Range<usize>,
    /// For a string: where the text itself begins, when it holds no escape and no variable.
    pub text_at: Option<usize>,
}

impl<T> Located<T> {
    /// The bytes `inner` of the value, as bytes of the file; the whole value where that is unknown.
    pub fn within(&self, inner: Range<usize>) -> Range<usize> {
        self.text_at.map_or(self.span.clone(), |at| at + inner.start..at + inner.end.max(inner.start + 1))
    }
}

/// One table of the file.
pub struct Section<'t, 'i> {
    /// Its path, such as `http.limits`.
    pub path: String,
    /// Its bytes.
    pub span: Range<usize>,
    table: Option<&'t DeTable<'i>>,
    faults: &'t Faults<'t>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t, 'i> Section<'t, 'i> {
    /// The line, from 1, in which this byte of the file stands.
    pub fn line(&self, at: usize) -> usize {
        self.faults.line(at)
    }

    /// The whole file.
    pub fn root(table: &'t Spanned<DeTable<'i>>, faults: &'t Faults<'t>) -> Self {
        Self { path: String::new(), span: 0..0, table: Some(table.get_ref()), faults, asked: RefCell::default() }
    }

    /// Whether the file has this section.
    pub fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Notes a fault that was made elsewhere.
    pub fn push(&self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    /// Notes a fault at `span`.
    pub fn fault(&self, code: ConfigCode, span: Range<usize>, message: impl Into<String>) {
        self.faults.push(Diagnostic::new(code, span, message));
    }

    /// Notes a fault with a line of help.
    pub fn fault_with_help(
        &self,
        code: ConfigCode,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults.push(Diagnostic::new(code, span, message).help(help));
    }

    /// No message shows what stands there.
    pub fn hide(&self, span: &Range<usize>) {
        self.faults.hidden.borrow_mut().push(span.clone());
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.asked.borrow_mut().push(key);
        let table = self.table?;
        table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// What the file itself says there: never a variable's value.
    pub fn raw(&self, span: &Range<usize>) -> &'t str {
        self.faults.text.get(span.clone()).unwrap_or_default()
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'i>>, wanted: &str) {
        let message = format!("{} is {}, not {wanted}", self.name(key), kind(value.get_ref()));
        self.fault(ConfigCode::WrongType, value.span(), message);
    }

    /// A sub-table; absent ones read as empty.
    pub fn section(&self, key: &'static str) -> Section<'t, 'i> {
        let (table, span) = match self.get(key) {
            None => (None, self.span.clone()),
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), value.span()),
                _ => {
                    self.wrong_type(key, value, "a table");
                    (None, value.span())
                }
            },
        };
        Section { path: self.name(key), span, table, faults: self.faults, asked: RefCell::default() }
    }

    /// The tables of `[[key]]`.
    pub fn sections(&self, key: &'static str) -> Option<Vec<Section<'t, 'i>>> {
        let value = self.get(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(key, value, "a list of tables");
            return Some(Vec::new());
        };
        let mut found = Vec::with_capacity(array.len());
        for (index, item) in array.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => found.push(Section {
                    path: format!("{}[{index}]", self.name(key)),
                    span: item.span(),
                    table: Some(table),
                    faults: self.faults,
                    asked: RefCell::default(),
                }),
                _ => self.wrong_type(key, item, "a table"),
            }
        }
        Some(found)
    }

    /// A string, its `${VARIABLES}` replaced.
    pub fn string(&self, key: &'static str) -> Option<Located<String>> {
        let value = self.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a string");
            return None;
        };
        self.locate(key, text, value.span())
    }

    fn locate(&self, key: &str, text: &str, span: Range<usize>) -> Option<Located<String>> {
        let raw = self.faults.text.get(span.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        // TOML drops a line end right behind three quotes.
        let rest = raw.get(quotes..).unwrap_or_default();
        let dropped = if quotes == 1 {
            0
        } else {
            ["\r\n", "\n"].iter().find(|end| rest.starts_with(**end)).map_or(0, |end| end.len())
        };
        let starts = quotes + dropped;
        let text_at = raw.get(starts..).is_some_and(|raw| raw.starts_with(text)).then_some(span.start + starts);
        match expand(text, self.faults.environment) {
            Ok(None) => Some(Located { value: text.to_owned(), span, text_at }),
            Ok(Some(value)) => Some(Located { value, span, text_at: None }),
            Err(name) => {
                let message = format!("{} refers to the environment variable {name}, which is not set", self.name(key));
                self.fault_with_help(
                    ConfigCode::SecretMissing,
                    span,
                    message,
                    format!("set {name} before the hub starts"),
                );
                None
            }
        }
    }

    /// A string that must be there and not be empty.
    pub fn required(&self, key: &'static str) -> Option<Located<String>> {
        self.require(key);
        let found = self.string(key)?;
        if found.value.is_empty() {
            self.fault(ConfigCode::OutOfRange, found.span.clone(), format!("{} is empty", self.name(key)));
            return None;
        }
        Some(found)
    }

    /// Notes a fault where `key` is missing.
    pub fn require(&self, key: &'static str) {
        if self.get(key).is_none() {
            self.fault(ConfigCode::MissingKey, self.span.clone(), format!("[{}] needs the key {key:?}", self.path));
        }
    }

    /// A list of strings.
    pub fn strings(&self, key: &'static str) -> Option<Vec<Located<String>>> {
        self.list(key, self.get(key)?)
    }

    fn list(&self, key: &str, value: &'t Spanned<DeValue<'i>>) -> Option<Vec<Located<String>>> {
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(key, value, "a list of strings");
            return None;
        };
        let mut found = Vec::with_capacity(array.len());
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => found.extend(self.locate(key, text, item.span())),
                None => self.wrong_type(key, item, "a string"),
            }
        }
        Some(found)
    }

    /// Whether `key` holds a list without anything in it.
    pub fn is_empty_list(&self, key: &'static str) -> bool {
        self.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(items) if items.is_empty()))
    }

    /// Whether `key` holds a list.
    pub fn is_list(&self, key: &'static str) -> bool {
        self.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)))
    }

    /// One of a few words, as its index.
    pub fn choice(&self, key: &'static str, words: &[&str]) -> Option<(usize, Range<usize>)> {
        let found = self.string(key)?;
        if let Some(index) = words.iter().position(|word| *word == found.value) {
            return Some((index, found.span));
        }
        let message = format!("{} is {}, not one of {}", self.name(key), self.raw(&found.span), words.join(", "));
        let mut fault = Diagnostic::new(ConfigCode::BadChoice, found.span, message);
        if let Some(word) = nearest(&found.value, words.iter().copied()) {
            fault = fault.help(format!("nearest: {word:?}"));
        }
        self.faults.push(fault);
        None
    }

    /// A whole number within bounds.
    pub fn integer(&self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<Located<u64>> {
        self.number(key, self.get(key)?, &bounds)
    }

    fn number(&self, key: &str, value: &Spanned<DeValue<'i>>, bounds: &RangeInclusive<u64>) -> Option<Located<u64>> {
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(key, value, "a whole number");
            return None;
        };
        match u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()) {
            Ok(number) if bounds.contains(&number) => {
                Some(Located { value: number, span: value.span(), text_at: None })
            }
            _ => {
                let (low, high) = (bounds.start(), bounds.end());
                let message = format!("{} is {integer}, not between {low} and {high}", self.name(key));
                self.fault(ConfigCode::OutOfRange, value.span(), message);
                None
            }
        }
    }

    /// A list of whole numbers within bounds.
    pub fn integers(&self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<Vec<Located<u64>>> {
        let value = self.get(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(key, value, "a list of whole numbers");
            return None;
        };
        Some(array.iter().filter_map(|item| self.number(key, item, &bounds)).collect())
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &'static str) -> Option<Located<bool>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(Located { value: *boolean, span: value.span(), text_at: None }),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    /// A duration such as `"30s"` within bounds.
    pub fn duration(&self, key: &'static str, bounds: RangeInclusive<Duration>) -> Option<Located<Duration>> {
        let found = self.string(key)?;
        match duration::parse(&found.value) {
            Ok(value) if bounds.contains(&value) => Some(Located { value, span: found.span, text_at: None }),
            Ok(_) => {
                let (low, high) = (duration::display(*bounds.start()), duration::display(*bounds.end()));
                let message = format!("{} is {}, not between {low} and {high}", self.name(key), self.raw(&found.span));
                self.fault(ConfigCode::OutOfRange, found.span, message);
                None
            }
            Err(why) => {
                self.fault(ConfigCode::BadDuration, found.span, format!("{}: {why}", self.name(key)));
                None
            }
        }
    }

    /// The keys of a free table.
    pub fn keys(&self) -> Vec<Located<String>> {
        self.table.into_iter().flat_map(DeTable::iter).map(|(key, _)| located(key)).collect()
    }

    /// The keys of a free table, each with its string.
    pub fn string_entries(&self) -> Vec<(Located<String>, Located<String>)> {
        let mut found = Vec::new();
        for (key, value) in self.table.into_iter().flat_map(DeTable::iter) {
            match value.get_ref().as_str() {
                Some(text) => {
                    found.extend(self.locate(key.get_ref(), text, value.span()).map(|value| (located(key), value)));
                }
                None => self.wrong_type(key.get_ref(), value, "a string"),
            }
        }
        found
    }

    /// The keys of a free table, each with its list of strings.
    pub fn list_entries(&self) -> Vec<(Located<String>, Vec<Located<String>>)> {
        let mut found = Vec::new();
        for (key, value) in self.table.into_iter().flat_map(DeTable::iter) {
            found.extend(self.list(key.get_ref(), value).map(|values| (located(key), values)));
        }
        found
    }

    /// Notes each key that nobody asked for, with the nearest name that somebody did.
    pub fn finish(&self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for (key, value) in table {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            // It may be a secret under a misspelt name.
            self.hide_leaves(value);
            let message = if self.path.is_empty() {
                format!("there is no section {name:?}")
            } else {
                format!("[{}] has no key {name:?}", self.path)
            };
            let fault = Diagnostic::new(ConfigCode::UnknownKey, key.span(), message);
            let mut known: Vec<&str> = asked.clone();
            known.sort_unstable();
            known.dedup();
            self.faults.push(match nearest(name, known.iter().copied()) {
                Some(near) => fault.help(format!("nearest: {near:?}")),
                None => fault.help(format!("known here: {}", known.join(", "))),
            });
        }
    }
}

fn located(key: &Spanned<DeString<'_>>) -> Located<String> {
    Located { value: key.get_ref().to_string(), span: key.span(), text_at: None }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// `text` with each `${NAME}` replaced; `None` when it has none; the name that is not set otherwise.
fn expand(text: &str, environment: Environment<'_>) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else { break };
        let name = &rest[at + 2..at + end];
        out.push_str(&environment(name).ok_or_else(|| name.to_owned())?);
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    Ok(Some(out))
}
