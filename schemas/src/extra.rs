//! Fields that a reader did not know.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// Fields a reader did not know, by name, each value kept as its JSON text, in the order in which they were met.
///
/// All of them stand in one text: an event has some dozens of them, which most of its readers only pass on.
///
/// ```
/// use schemas::Extra;
///
/// let mut extra = Extra::default();
/// extra.insert("vendorField", "[1,2]");
/// assert_eq!(extra.get("vendorField"), Some("[1,2]"));
/// assert_eq!(serde_json::to_string(&extra).unwrap(), r#"{"vendorField":"[1,2]"}"#);
/// ```
#[derive(Clone, Default, Eq)]
pub struct Extra {
    /// Names and values one after the other.
    text: String,
    /// Where the name and the value of each field end.
    ends: Vec<(u32, u32)>,
}

/// Room for some fields: where each asks for more, that is most of what they cost.
const FIRST_BYTES: usize = 512;

fn append(text: &mut String, part: &str) {
    if text.capacity() == 0 {
        text.reserve(part.len().max(FIRST_BYTES));
    }
    text.push_str(part);
}

impl Extra {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name, value)| {
            let field = (&self.text[start..name as usize], &self.text[name as usize..value as usize]);
            start = value as usize;
            field
        })
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Whether there is a field of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field; one of the same name gives way.
    ///
    /// # Panics
    /// When all of them together have more than 4 GiB.
    pub fn insert(&mut self, name: &str, value: &str) {
        self.remove(name);
        append(&mut self.text, name);
        let name_end = self.end();
        append(&mut self.text, value);
        self.ends.push((name_end, self.end()));
    }

    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).expect("an event has at most a few MiB")
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) {
        if self.contains_key(name) {
            self.retain(|known| known != name);
        }
    }

    /// Keeps the fields with these names, and no others.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        if self.iter().all(|(name, _)| is_kept(name)) {
            return;
        }
        let mut kept = Self::default();
        for (name, value) in self.iter().filter(|(name, _)| is_kept(name)) {
            kept.insert(name, value);
        }
        *self = kept;
    }

    /// Takes all of them out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds all fields of `other`; those of the same names give way.
    pub fn extend(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (name, value) in other.iter() {
            self.insert(name, value);
        }
    }
}

/// Whatever their order.
impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
        let mut extra = Extra::default();
        let end = |text: &String| u32::try_from(text.len()).map_err(|_| A::Error::custom("more than 4 GiB"));
        while map.next_key_seed(Append(&mut extra.text))?.is_some() {
            let name = end(&extra.text)?;
            map.next_value_seed(Append(&mut extra.text))?;
            extra.ends.push((name, end(&extra.text)?));
        }
        Ok(extra)
    }
}

/// Reads a text to the end of another.
struct Append<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        append(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Extra {
        let mut extra = Extra::default();
        for (name, value) in fields {
            extra.insert(name, value);
        }
        extra
    }

    #[test]
    fn a_field_is_there_once_and_the_last_word_counts() {
        let mut extra = of(&[("a", "1"), ("b", ""), ("", "2"), ("a", "3")]);
        assert_eq!((extra.len(), extra.get("a"), extra.get("b"), extra.get("")), (3, Some("3"), Some(""), Some("2")));
        assert_eq!(extra, of(&[("", "2"), ("a", "3"), ("b", "")]));
        extra.extend(of(&[("b", "4"), ("c", "5")]));
        assert_eq!(extra.iter().collect::<Vec<_>>(), [("", "2"), ("a", "3"), ("b", "4"), ("c", "5")]);
        extra.retain(|name| name == "c");
        assert_eq!(extra, of(&[("c", "5")]));
        extra.remove("c");
        assert!(extra.is_empty() && extra.get("c").is_none());
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let extra = of(&[("ü", "\"汉\""), ("", ""), ("x", r#"{"deep":[1]}"#)]);
        assert_eq!(serde_json::from_str::<Extra>(&serde_json::to_string(&extra).unwrap()).unwrap(), extra);
        assert!(serde_json::from_str::<Extra>(r#"{"a":1}"#).is_err());
    }
}
