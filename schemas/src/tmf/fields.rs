//! Reading single fields: text, numbers, instants, money, references, and keeping the rest.

use super::{ReadError, currency, envelope::Head, states::Named, time};
use crate::{
    Extra, Money, Timestamp,
    code::Code,
    json::{Kind, Value},
};

/// Millionths in a currency's main unit.
const DECIMALS: usize = 6;

/// An event being read: its head, and the flags that its fields raise.
pub(super) struct Reading<'t> {
    pub(super) head: Head<'t>,
}

impl<'t> Reading<'t> {
    pub(super) fn new(head: Head<'t>) -> Self {
        Self { head }
    }

    /// Notes a fault that is tolerated.
    pub(super) fn flag(&mut self, code: &str) {
        if !self.head.envelope.has_flag(code) {
            self.head.envelope.flags.push(code.to_owned());
        }
    }

    /// An amount of money in any of its shapes; none for null or an object without a number.
    pub(super) fn money(&mut self, field: Value<'_>) -> Result<Option<Money>, ReadError> {
        if field.is_null() {
            return Ok(None);
        }
        if !field.is_object() {
            return Err(fault(Code::WrongType, field));
        }
        let Some(number) = field.get("value").or_else(|| field.get("amount")) else { return Ok(None) };
        let Some(micros) = micros(number)? else { return Ok(None) };
        let unit = ["unit", "units", "currency", "currencyCode"].iter().find_map(|name| field.get(name));
        let currency = if let Some(unit) = unit.map(text).transpose()?.flatten() {
            unit.trim().to_ascii_uppercase()
        } else {
            self.flag("currency_defaulted");
            "INR".to_owned()
        };
        if !currency::is_known(&currency) {
            self.flag("unknown_currency");
        }
        Ok(Some(Money { currency, micros }))
    }
}

/// A fault of this field.
pub(super) fn fault(code: Code, field: Value<'_>) -> ReadError {
    ReadError::new(code, Some(field.path()))
}

/// A field that is not there, named within what should hold it.
pub(super) fn missing(code: Code, container: Value<'_>, name: &str) -> ReadError {
    ReadError::new(code, Some(format!("{}/{name}", container.path())))
}

/// Text; a number or truth value is taken as its text, and blank text as none.
pub(super) fn text(field: Value<'_>) -> Result<Option<String>, ReadError> {
    match field.kind() {
        Kind::Null => Ok(None),
        Kind::String { .. } => Ok(field.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())),
        Kind::Number | Kind::Bool => Ok(Some(field.raw().to_owned())),
        Kind::Array | Kind::Object => Err(fault(Code::WrongType, field)),
    }
}

/// The text of a field of `container` that may be missing.
pub(super) fn text_of(container: Value<'_>, name: &str) -> Result<Option<String>, ReadError> {
    container.get(name).map_or(Ok(None), text)
}

/// The id of `container`, which must be there and not empty.
pub(super) fn id_of(container: Value<'_>) -> Result<String, ReadError> {
    required_id(container, "id")
}

/// An id under another name.
pub(super) fn required_id(container: Value<'_>, name: &str) -> Result<String, ReadError> {
    let field = container.get(name).ok_or_else(|| missing(Code::MissingField, container, name))?;
    text(field)?.ok_or_else(|| fault(Code::EmptyId, field))
}

/// The id of a reference: an object with an id, the first of an array, or the id itself.
pub(super) fn reference_id(field: Value<'_>) -> Result<Option<String>, ReadError> {
    match field.elements().next() {
        Some(first) if first.is_object() => text_of(first, "id"),
        Some(first) => text(first),
        None => Ok(None),
    }
}

/// An instant; none for null and empty text.
pub(super) fn instant(field: Value<'_>) -> Result<Option<Timestamp>, ReadError> {
    match field.kind() {
        Kind::Null => Ok(None),
        Kind::String { .. } => time::parse(&field.as_str().unwrap_or_default()).map_err(|code| fault(code, field)),
        _ => Err(fault(Code::WrongType, field)),
    }
}

/// A state, status or action; none for null and empty text.
pub(super) fn named<T: Named>(field: Value<'_>) -> Result<Option<T>, ReadError> {
    match field.kind() {
        Kind::Null => Ok(None),
        Kind::String { .. } => {
            let name = field.as_str().unwrap_or_default();
            if name.trim().is_empty() {
                return Ok(None);
            }
            T::from_name(&name).map(Some).ok_or_else(|| fault(Code::UnknownState, field))
        }
        _ => Err(fault(Code::WrongType, field)),
    }
}

/// A whole number, also as text.
pub(super) fn whole_number(field: Value<'_>) -> Result<Option<i64>, ReadError> {
    let Some(number) = text(field)? else { return Ok(None) };
    let whole = number.split_once('.').map_or(number.as_str(), |(whole, fraction)| {
        if fraction.bytes().all(|digit| digit == b'0') { whole } else { "" }
    });
    whole.parse().map(Some).map_err(|_| fault(Code::BadNumber, field))
}

/// A decimal in millionths, exact to the last of them and rounded half away from zero beyond.
fn micros(field: Value<'_>) -> Result<Option<i64>, ReadError> {
    let Some(number) = text(field)? else { return Ok(None) };
    parse_micros(&number).map(Some).ok_or_else(|| fault(Code::BadNumber, field))
}

fn parse_micros(number: &str) -> Option<i64> {
    let number = number.trim();
    if number.contains(['e', 'E']) {
        let scaled = number.parse::<f64>().ok()? * 1e6;
        // The bound is the first power of two that 64 bits cannot hold.
        return (scaled.abs() < 9_223_372_036_854_775_808.0).then(|| scaled.round() as i64);
    }
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS);
    let micros = whole
        .bytes()
        .chain(kept)
        .try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
    let round_up = fraction.as_bytes().get(DECIMALS).is_some_and(|&digit| digit >= b'5');
    let micros = micros.checked_add(i64::from(round_up))?;
    Some(if negative { -micros } else { micros })
}

/// Keeps a field that the reader does not know.
pub(super) fn keep(extra: &mut Extra, field: Value<'_>) {
    extra.insert(&field.key(), field.raw());
}

/// Keeps a field that the reader took a part of, unless that part is all there is.
pub(super) fn keep_rest(extra: &mut Extra, field: Value<'_>, taken: &[&str]) {
    let is_taken = |name: &str| taken.contains(&name) || name == "href" || name.starts_with('@');
    let mut elements = field.elements();
    let first = elements.next();
    let all_taken = elements.next().is_none()
        && first.is_none_or(|first| {
            (!first.is_object() && !first.is_array())
                || (first.is_object() && first.children().all(|inner| is_taken(&inner.key())))
        });
    if !all_taken {
        keep(extra, field);
    }
}

/// The value of the characteristic with one of these names (v4 and v5, products and offerings).
pub(super) fn characteristic(list: Value<'_>, names: &[&str]) -> Result<Option<String>, ReadError> {
    for entry in list.elements().filter(|entry| entry.is_object()) {
        let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
        if !names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name.trim())) {
            continue;
        }
        let lists = ["productSpecCharacteristicValue", "characteristicValueSpecification"];
        let direct = entry.get("value");
        let listed = || lists.iter().find_map(|list| entry.get(list)?.elements().next()?.get("value"));
        if let Some(value) = direct.or_else(listed) {
            // A composite value is not one of the words that are looked for.
            return if value.is_object() || value.is_array() { Ok(None) } else { text(value) };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::parse_micros;

    #[test]
    fn money_is_exact() {
        assert_eq!(parse_micros("0.99"), Some(990_000));
        assert_eq!(parse_micros("-12.3456785"), Some(-12_345_679));
        assert_eq!(parse_micros("19.990000000000002"), Some(19_990_000));
        assert_eq!(parse_micros("9223372036854.775807"), Some(i64::MAX));
        assert_eq!(parse_micros("9223372036854.775808"), None);
        assert_eq!(parse_micros("1e3"), Some(1_000_000_000));
        assert_eq!(parse_micros("1e30"), None);
        assert_eq!(parse_micros("12,5"), None);
        assert_eq!(parse_micros(""), None);
    }
}
