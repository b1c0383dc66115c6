//! Secrets in a file: where they are read, and that no message shows them.

use std::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::{ConfigCode, Located, Section};

/// A secret: never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'i> Section<'_, 'i> {
    /// No message shows what stands there, whatever its type, unless it says where a secret is.
    pub fn hide_literals(&self, key: &'static str) {
        if let Some(value) = self.get(key) {
            self.hide_leaves(value);
        }
    }

    /// The same for a value, with all that is in it.
    pub(super) fn hide_leaves(&self, value: &Spanned<DeValue<'i>>) {
        match value.get_ref() {
            DeValue::String(text) if text.contains("${") || text.starts_with("file:") => {}
            DeValue::Array(items) => items.iter().for_each(|item| self.hide_leaves(item)),
            DeValue::Table(table) => table.iter().for_each(|(_, value)| self.hide_leaves(value)),
            _ => self.hide(&value.span()),
        }
    }

    /// A secret: `"${NAME}"`, `"file:PATH"`, or (for loopback trials) the text itself.
    pub fn secret(&self, key: &'static str) -> Option<Located<Secret>> {
        self.hide_literals(key);
        let found = self.required(key)?;
        self.open_secret(key, found)
    }

    /// Like [`secret`](Self::secret), where there need not be one.
    pub fn optional_secret(&self, key: &'static str) -> Option<Located<Secret>> {
        self.get(key).is_some().then(|| self.secret(key)).flatten()
    }

    /// Like [`secret`](Self::secret), for a list.
    pub fn secrets(&self, key: &'static str) -> Option<Vec<Located<Secret>>> {
        self.hide_literals(key);
        let found = self.strings(key)?;
        Some(found.into_iter().filter_map(|item| self.open_secret(key, item)).collect())
    }

    fn open_secret(&self, key: &str, found: Located<String>) -> Option<Located<Secret>> {
        let Located { value, span, .. } = found;
        let Some(path) = value.strip_prefix("file:") else {
            return Some(Located { value: Secret(value), span, text_at: None });
        };
        let why = match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => {
                let value = Secret::new(text.trim_end_matches(['\n', '\r']));
                return Some(Located { value, span, text_at: None });
            }
            Ok(_) => "is empty".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let message = format!("{} refers to the file {path}, which {why}", self.name(key));
        self.fault(ConfigCode::SecretMissing, span, message);
        None
    }
}
