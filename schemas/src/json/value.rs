//! A view of one value on the tape.

use std::borrow::Cow;

use super::{Kind, Node, Tape};

/// A value of a [`Tape`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'t> {
    tape: &'t Tape<'t>,
    at: usize,
}

impl<'t> Value<'t> {
    pub(super) fn new(tape: &'t Tape<'t>, at: usize) -> Self {
        Self { tape, at }
    }

    fn node(self) -> &'t Node {
        &self.tape.nodes[self.at]
    }

    pub(crate) fn kind(self) -> Kind {
        self.node().kind
    }

    pub(crate) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    pub(crate) fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    pub(crate) fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// The value's own JSON text.
    pub(crate) fn raw(self) -> &'t str {
        let node = self.node();
        &self.tape.text[node.start as usize..node.end as usize]
    }

    /// The first byte of the value's text.
    pub(crate) fn start(self) -> usize {
        self.node().start as usize
    }

    /// The key's text with its escapes, which is the key itself for nearly every key.
    pub(crate) fn raw_key(self) -> &'t str {
        let node = self.node();
        &self.tape.text[node.key_start as usize..node.key_end as usize]
    }

    /// Whether [`Self::raw_key`] differs from the key.
    pub(crate) fn key_is_escaped(self) -> bool {
        self.node().key_escaped
    }

    /// The key; empty for the root and in arrays.
    pub(crate) fn key(self) -> Cow<'t, str> {
        if self.node().key_escaped { unescape(self.raw_key()).into() } else { self.raw_key().into() }
    }

    /// The text of a string.
    pub(crate) fn as_str(self) -> Option<Cow<'t, str>> {
        let Kind::String { escaped } = self.kind() else { return None };
        let raw = self.raw();
        let inner = &raw[1..raw.len() - 1];
        Some(if escaped { unescape(inner).into() } else { inner.into() })
    }

    /// The values directly within an object or array.
    pub(crate) fn children(self) -> Children<'t> {
        let end = if self.is_object() || self.is_array() { self.node().next as usize } else { self.at + 1 };
        Children { tape: self.tape, at: self.at + 1, end }
    }

    /// The elements of an array; anything else but null is taken as an array of one.
    pub(crate) fn elements(self) -> Children<'t> {
        match self.kind() {
            Kind::Array => self.children(),
            Kind::Null => Children { tape: self.tape, at: self.at, end: self.at },
            _ => Children { tape: self.tape, at: self.at, end: self.node().next as usize },
        }
    }

    /// The field with this name that is not null; the last one where a name is repeated.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        if !self.is_object() {
            return None;
        }
        self.children().filter(|field| field.key() == name && !field.is_null()).last()
    }

    /// The field with this name in any letter case that is not null.
    pub(crate) fn get_ignoring_case(self, name: &str) -> Option<Self> {
        if !self.is_object() {
            return None;
        }
        self.children().filter(|field| field.key().eq_ignore_ascii_case(name) && !field.is_null()).last()
    }

    /// The containers around this value, outermost first.
    pub(crate) fn ancestors(self) -> Vec<Self> {
        let mut chain = Vec::new();
        let mut outer = Value::new(self.tape, 0);
        while outer.at != self.at {
            chain.push(outer);
            let inner = outer.children().find(|child| child.at <= self.at && self.at < child.node().next as usize);
            outer = inner.expect("a container's range is covered by its children");
        }
        chain
    }

    /// Where the value is, as a JSON pointer. Keys that could themselves be data are blotted out.
    pub(crate) fn path(self) -> String {
        let mut path = String::new();
        let mut chain = self.ancestors();
        chain.push(self);
        for pair in chain.windows(2) {
            let [outer, inner] = pair else { continue };
            path.push('/');
            if outer.is_array() {
                let index = outer.children().take_while(|child| child.at != inner.at).count();
                path.push_str(&index.to_string());
            } else {
                path.push_str(&plain_key(&inner.key()));
            }
        }
        path
    }
}

/// A key that is safe to print: a name as schemas have them.
fn plain_key(key: &str) -> Cow<'_, str> {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    if key.len() <= 64 && digits <= 4 && key.trim_start_matches('@').bytes().all(name) {
        Cow::Borrowed(key)
    } else {
        Cow::Borrowed("?")
    }
}

/// Resolves the escapes of a string that the parser has passed.
fn unescape(text: &str) -> String {
    let quoted = format!("\"{text}\"");
    serde_json::from_str(&quoted).unwrap_or(quoted)
}

/// Walks the values directly within a container.
#[derive(Clone, Debug)]
pub(crate) struct Children<'t> {
    tape: &'t Tape<'t>,
    at: usize,
    end: usize,
}

impl<'t> Iterator for Children<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value::new(self.tape, self.at);
        self.at = value.node().next as usize;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_paths_point_at_the_values() {
        let tape = Tape::parse(r#"{"a": [1, {"b\u0062": "x\ny"}], "c": 1.50, "4111111111111111": 1}"#).expect("JSON");
        let root = tape.root();
        assert_eq!(root.get("c").map(Value::raw), Some("1.50"));
        let inner = root.get("a").and_then(|a| a.children().nth(1)).and_then(|o| o.get("bb")).expect("escaped key");
        assert_eq!(inner.as_str().as_deref(), Some("x\ny"));
        assert_eq!(inner.path(), "/a/1/bb");
        assert_eq!(root.children().nth(2).map(Value::path).as_deref(), Some("/?"));
        assert_eq!(tape.value_at_byte(inner.start() + 1).path(), "/a/1/bb");
    }

    #[test]
    fn empty_containers_have_no_children() {
        let tape = Tape::parse(r#"{"a": [], "b": {}, "c": 3}"#).expect("JSON");
        assert!(tape.root().children().take(2).all(|value| value.children().next().is_none()));
        assert_eq!(tape.root().get("c").map(|c| c.elements().count()), Some(1));
    }
}
