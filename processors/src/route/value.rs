//! The values that fields have, and their kinds.

use schemas::{Money, OrderItem, OrderNotice, Timestamp};

/// What a field holds, so that a condition can be checked before any event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text from a closed list.
    OneOf(&'static [&'static str]),
    /// The state of the route's family: a closed list where the family has one.
    State,
    /// A decimal number, exact to a millionth.
    Number,
    /// `true` or `false`.
    Bool,
    /// An instant, written as RFC 3339 text.
    Time,
    /// A length of time, written such as `90s` or `1h30m`.
    Duration,
    /// A list of texts.
    List,
    /// A list of objects: may be sent and tested for being there.
    Objects,
}

impl Kind {
    /// The kind's name in messages and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text | Self::OneOf(_) | Self::State => "text",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Time => "an instant",
            Self::Duration => "a duration",
            Self::List => "a list of texts",
            Self::Objects => "a list of objects",
        }
    }

    /// Whether values of both kinds may be compared.
    pub(crate) fn compares_with(self, other: Self) -> bool {
        self.name() == other.name()
    }
}

/// A field's value, borrowed from its subject.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Not said.
    Absent,
    /// Text.
    Text(&'a str),
    /// Millionths.
    Number(i128),
    /// True or false.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
    /// Milliseconds.
    Duration(i64),
    /// Texts.
    List(List<'a>),
    /// Items of an order.
    Items(&'a [OrderItem]),
    /// Milestones, alerts or errors of an order.
    Notices(&'a [OrderNotice]),
}

/// One in a [`Value::Number`].
pub(crate) const MICROS: i128 = 1_000_000;

impl<'a> Value<'a> {
    /// Whether there is anything: neither absent nor an empty list.
    pub fn exists(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::List(list) => list.iter().next().is_some(),
            Self::Items(items) => !items.is_empty(),
            Self::Notices(notices) => !notices.is_empty(),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Time(_) | Self::Duration(_) => true,
        }
    }

    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Value::Text)
    }

    #[allow(clippy::ref_option)] // the field tables read better without a conversion in every line
    pub(crate) fn option(text: &'a Option<String>) -> Self {
        Self::text(text.as_deref())
    }

    pub(crate) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Absent, Value::Time)
    }

    pub(crate) fn integer(number: i64) -> Self {
        Self::Number(i128::from(number) * MICROS)
    }

    pub(crate) fn amount(money: Option<&'a Money>) -> Self {
        money.map_or(Self::Absent, |money| Value::Number(money.micros.into()))
    }

    pub(crate) fn currency(money: Option<&'a Money>) -> Self {
        money.map_or(Self::Absent, |money| Value::Text(&money.currency))
    }
}

/// Texts, wherever they stand.
#[derive(Clone, Copy, Debug)]
pub enum List<'a> {
    /// A list of strings.
    Texts(&'a [String]),
    /// One attribute of each item.
    OfItems(&'a [OrderItem], fn(&OrderItem) -> Option<&str>),
}

impl<'a> List<'a> {
    /// The texts.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let (texts, items, of) = match self {
            Self::Texts(texts) => (texts, &[][..], None),
            Self::OfItems(items, of) => (&[][..], items, Some(of)),
        };
        texts.iter().map(String::as_str).chain(items.iter().filter_map(move |item| of.and_then(|of| of(item))))
    }
}
