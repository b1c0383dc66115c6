//! What is said of resident entries.

/// What is resident under a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Its value.
    Value(&'a [u8]),
    /// That it is gone.
    Deleted,
    /// Nothing: in a whole store there is no such key, in a part the checkpoint knows.
    Nothing,
}

/// What was found under a key that the open transaction changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stamped<'a> {
    /// It was open until now: its value, or that it is gone.
    Now(Option<&'a [u8]>),
    /// It was stamped before: by an earlier change of the same key.
    Before,
    /// There is nothing that could be stamped, so that nothing says whether this was asked before: a value in a window,
    /// or nothing at all.
    Unmarked(Option<&'a [u8]>),
}

/// What eviction gave back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}
