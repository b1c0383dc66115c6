//! The door for card data: nothing that holds any is stored, not even as a dead letter.
//!
//! Two rules. A field with a *name* for card data is a hit when it has a value, whatever that value
//! is: an all-zero number passes every checksum and still means that the sender sends card numbers.
//! And a *number* of 13 to 19 digits with a card issuer's prefix and a right check digit is a hit
//! wherever it stands: escaped, in the groups of printed cards with whatever stands between them, or
//! in digits of another script. Tokens, brands and last four digits pass.
//!
//! What it does not see: numbers that are encoded (base64, hexadecimal) or cut up over several
//! fields. And of other numbers of 16 digits with a card issuer's prefix one in ten has a right
//! check digit and is refused; SIM, device and phone numbers have other prefixes or lengths, but for
//! the 16 digits of an IMEISV, which may begin like a JCB card.

mod names;
mod pan;
mod redact;
mod shape;
mod unusual;

use crate::json::{Kind, Tape, Value};

pub use redact::{redact, redact_text};

/// Where card data was found; never what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// A JSON pointer to the field, or empty where the text is not JSON.
    pub path: String,
}

/// Looks through one event as it came. Bytes that are no JSON are looked through as text.
///
/// # Errors
///
/// The first [`Hit`].
///
/// ```
/// let event = br#"{"event": {"payment": {"details": {"cvv": "000"}}}}"#;
/// let hit = schemas::guard::scan(event).unwrap_err();
/// assert_eq!(hit.path, "/event/payment/details/cvv");
/// ```
pub fn scan(bytes: &[u8]) -> Result<(), Hit> {
    match std::str::from_utf8(bytes).ok().and_then(|text| Tape::parse(text).ok()) {
        Some(tape) => scan_tape(&tape),
        None => scan_unparsed(bytes),
    }
}

/// Looks through text that is no JSON: card numbers, and quoted names of card data.
pub(crate) fn scan_unparsed(bytes: &[u8]) -> Result<(), Hit> {
    let nowhere = || Hit { path: String::new() };
    if pan::find(bytes).is_some() || names::quoted_in(bytes) {
        return Err(nowhere());
    }
    // Escapes could hide digits from the scan of the bytes as they are.
    let text = String::from_utf8_lossy(bytes);
    if text.contains(r"\u00") && pan::find(shape::resolve_ascii_escapes(&text).as_bytes()).is_some() {
        return Err(nowhere());
    }
    Ok(())
}

/// Looks through a parsed event.
pub(crate) fn scan_tape(tape: &Tape<'_>) -> Result<(), Hit> {
    let text = tape.text();
    let mut from = 0;
    while let Some(found) = pan::find(&text.as_bytes()[from..]) {
        let value = tape.value_at_byte(from + found.start);
        if !is_fraction(value, from + found.start) {
            return Err(Hit { path: value.path() });
        }
        from += found.end;
    }
    for value in tape.values() {
        let key = value.raw_key();
        if !key.is_empty() && names_card_data(value, key) {
            return Err(Hit { path: value.path() });
        }
        if key == "name"
            && let Some(named) = value_of_card_data(value)
        {
            return Err(Hit { path: named.path() });
        }
        let hidden = match value.kind() {
            Kind::String { escaped: true } => value.as_str().is_some_and(|text| pan::find(text.as_bytes()).is_some()),
            Kind::Number => {
                shape::exponent_digits(value.raw()).is_some_and(|digits| pan::find(digits.as_bytes()).is_some())
            }
            _ => false,
        };
        if hidden || (value.key_is_escaped() && pan::find(value.key().as_bytes()).is_some()) {
            return Err(Hit { path: value.path() });
        }
    }
    Ok(())
}

/// What a characteristic whose name is one of card data has beside that name.
fn value_of_card_data(name: Value<'_>) -> Option<Value<'_>> {
    if names::classify(&name.as_str()?) != names::Class::Denied {
        return None;
    }
    let holder = name.ancestors().pop()?;
    holder.children().find(|field| field.key().to_ascii_lowercase().ends_with("value") && has_value(*field))
}

/// Digits after a number's decimal point are noise of binary fractions, not a card.
fn is_fraction(value: Value<'_>, offset: usize) -> bool {
    let plain = value.as_str();
    let (text, start) = match &plain {
        Some(text) => (text.as_ref(), value.start() + 1),
        None => (value.raw(), value.start()),
    };
    offset >= start && shape::is_decimal(text) && text.find('.').is_some_and(|point| offset - start > point)
}

fn names_card_data(value: Value<'_>, raw_key: &str) -> bool {
    let class = if value.key_is_escaped() { names::classify(&value.key()) } else { names::classify(raw_key) };
    match class {
        names::Class::Harmless => false,
        names::Class::Denied => has_value(value),
        names::Class::DeniedNearCard => has_value(value) && near_card(value),
    }
}

/// Not null, not empty, not an empty container.
fn has_value(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null => false,
        Kind::String { .. } => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        Kind::Array | Kind::Object => value.children().next().is_some(),
        Kind::Bool | Kind::Number => true,
    }
}

/// Whether the field stands in something about a card or a bank account: by a container's name,
/// by a type beside it, or by a field that only cards have.
fn near_card(value: Value<'_>) -> bool {
    let ancestors = value.ancestors();
    let by_name = ancestors.iter().any(|outer| names::speaks_of_card(&outer.key()));
    let by_type = || {
        ancestors.iter().flat_map(|outer| outer.children()).any(|field| {
            matches!(field.raw_key(), "@type" | "@referredType" | "@baseType" | "type")
                && field.as_str().is_some_and(|text| names::speaks_of_card(&text))
        })
    };
    let by_sibling =
        || ancestors.last().is_some_and(|outer| outer.children().any(|field| names::only_cards_have(&field.key())));
    by_name || by_type() || by_sibling()
}

#[cfg(test)]
mod tests;
