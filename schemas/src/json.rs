//! One pass over JSON text into a flat tape of spans, without copying a value.
//!
//! The readers look at some fields and keep the others as their JSON text, money must stay exact,
//! and every event of the hub passes here: so numbers and strings stay where they are in the text,
//! and a container is a range of the tape. Depth is limited; the text's size is the caller's.

mod parse;
mod value;

pub(crate) use parse::Fault;
pub(crate) use value::Value;

/// Levels of nesting that are read.
pub(crate) const DEPTH_LIMIT: usize = 64;

/// The JSON type of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    /// The flag says whether the text holds escapes.
    String {
        escaped: bool,
    },
    Array,
    Object,
}

/// A value and, in an object, its key.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The key's text without its quotes; empty in arrays.
    key_start: u32,
    key_end: u32,
    key_escaped: bool,
    kind: Kind,
    /// The value's text; a string's with its quotes.
    start: u32,
    end: u32,
    /// The tape position after this value and all within it.
    next: u32,
}

/// A parsed text: the root is at position 0.
#[derive(Debug)]
pub(crate) struct Tape<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Tape<'a> {
    /// The whole value.
    pub(crate) fn root(&self) -> Value<'_> {
        Value::new(self, 0)
    }

    /// Every value of the tape, outer before inner, in the text's order.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        (0..self.nodes.len()).map(|at| Value::new(self, at))
    }

    /// The text that was parsed.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The innermost value whose key or text holds this byte.
    pub(crate) fn value_at_byte(&self, offset: usize) -> Value<'_> {
        let holds = |node: &Node| {
            let start = if node.key_end > node.key_start { node.key_start } else { node.start };
            (start as usize) <= offset && offset < node.end as usize
        };
        let at = self.nodes.iter().rposition(holds).unwrap_or(0);
        Value::new(self, at)
    }
}
