//! The payload of a delivery: the allowed fields as one JSON object, written without a tree of
//! values in between.

use std::fmt::Write as _;

use schemas::{Money, OrderItem, OrderNotice};

use super::value::MICROS;
use super::{Field, Subject, Value, names};

/// The allowed fields of a route, nested by their paths. An absent field is left out.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    members: Vec<(&'static str, Member)>,
}

/// Whose items of an order a payload shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sight<'a> {
    /// All.
    All,
    /// What this partner owns: the route tells every partner of an order.
    OwnedBy(&'a str),
    /// What no other partner than this one owns: the route names the partner.
    NotOfOthersThan(&'a str),
}

impl Sight<'_> {
    fn shows(self, item: &OrderItem) -> bool {
        match (self, item.partner_id.as_deref()) {
            (Self::All, _) | (Self::NotOfOthersThan(_), None) => true,
            (Self::OwnedBy(_), None) => false,
            (Self::OwnedBy(partner) | Self::NotOfOthersThan(partner), Some(owner)) => partner == owner,
        }
    }
}

#[derive(Debug)]
enum Member {
    Field(&'static Field),
    Object(Payload),
}

impl Payload {
    /// Adds a field at its path; paths never end inside one another (a test of the catalogue).
    pub(crate) fn add(&mut self, field: &'static Field) {
        self.insert(field.path, field);
    }

    fn insert(&mut self, path: &'static str, field: &'static Field) {
        let Some((head, rest)) = path.split_once('.') else {
            self.members.push((path, Member::Field(field)));
            return;
        };
        if let Some((_, Member::Object(object))) = self.members.iter_mut().find(|(name, _)| *name == head) {
            object.insert(rest, field);
            return;
        }
        let mut object = Self::default();
        object.insert(rest, field);
        self.members.push((head, Member::Object(object)));
    }

    /// The JSON object for this subject, with the items that `sight` lets through.
    pub(crate) fn write(&self, subject: &Subject<'_>, sight: Sight<'_>) -> String {
        let mut json = String::with_capacity(256);
        self.object(subject, sight, &mut json);
        json
    }

    /// Writes the object, and says whether anything is in it.
    fn object(&self, subject: &Subject<'_>, sight: Sight<'_>, json: &mut String) -> bool {
        let mut any = false;
        json.push('{');
        for (name, member) in &self.members {
            let before = json.len();
            if any {
                json.push(',');
            }
            // Names of the catalogue need no escapes.
            json.push('"');
            json.push_str(name);
            json.push_str("\":");
            let written = match member {
                Member::Field(field) => value(field.get(subject), sight, json),
                Member::Object(object) => object.object(subject, sight, json),
            };
            if written {
                any = true;
            } else {
                json.truncate(before);
            }
        }
        json.push('}');
        any
    }
}

/// Writes a value, and says whether there is one.
fn value(value: Value<'_>, sight: Sight<'_>, json: &mut String) -> bool {
    match value {
        Value::Absent => return false,
        Value::Text(text) => string(text, json),
        Value::Number(micros) => decimal(micros, json),
        Value::Bool(true) => json.push_str("true"),
        Value::Bool(false) => json.push_str("false"),
        Value::Time(time) => append(json, format_args!("\"{time}\"")),
        Value::Duration(millis) => decimal(i128::from(millis) * (MICROS / 1_000), json),
        Value::List(list) => array(list.iter(), json, string),
        Value::Items(items) => {
            array(items.iter().filter(|item| sight.shows(item)), json, item);
        }
        Value::Notices(notices) => array(notices.iter(), json, notice),
    }
    true
}

fn array<T>(values: impl Iterator<Item = T>, json: &mut String, write: impl Fn(T, &mut String)) {
    json.push('[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(value, json);
    }
    json.push(']');
}

fn item(item: &OrderItem, json: &mut String) {
    json.push_str("{\"id\":");
    string(&item.id, json);
    text_member("action", item.action.map(names::item_action), json);
    text_member("state", item.state.map(names::order_state), json);
    if let Some(quantity) = item.quantity {
        append(json, format_args!(",\"quantity\":{quantity}"));
    }
    text_member("offering_id", item.offering_id.as_deref(), json);
    text_member("product_id", item.product_id.as_deref(), json);
    text_member("partner_id", item.partner_id.as_deref(), json);
    if let Some(price) = &item.price {
        json.push_str(",\"price\":");
        money(price, json);
    }
    json.push('}');
}

fn notice(notice: &OrderNotice, json: &mut String) {
    json.push_str("{\"id\":");
    string(&notice.id, json);
    text_member("name", notice.name.as_deref(), json);
    text_member("status", notice.status.as_deref(), json);
    if let Some(at) = notice.at {
        append(json, format_args!(",\"at\":\"{at}\""));
    }
    json.push('}');
}

fn money(money: &Money, json: &mut String) {
    json.push_str("{\"amount\":");
    decimal(money.micros.into(), json);
    json.push_str(",\"currency\":");
    string(&money.currency, json);
    json.push('}');
}

fn text_member(name: &str, text: Option<&str>, json: &mut String) {
    if let Some(text) = text {
        json.push_str(",\"");
        json.push_str(name);
        json.push_str("\":");
        string(text, json);
    }
}

/// Millionths as a decimal number without needless zeros.
fn decimal(micros: i128, json: &mut String) {
    if micros < 0 {
        json.push('-');
    }
    let micros = micros.unsigned_abs();
    let one = MICROS.unsigned_abs();
    append(json, format_args!("{}", micros / one));
    let fraction = micros % one;
    if fraction != 0 {
        append(json, format_args!(".{fraction:06}"));
        json.truncate(json.trim_end_matches('0').len());
    }
}

fn append(json: &mut String, text: std::fmt::Arguments<'_>) {
    json.write_fmt(text).expect("writing to a string does not fail");
}

fn string(text: &str, json: &mut String) {
    json.push('"');
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        json.push_str(&text[plain..index]);
        plain = index + 1;
        if escape.is_empty() {
            append(json, format_args!("\\u{byte:04x}"));
        } else {
            json.push_str(escape);
        }
    }
    json.push_str(&text[plain..]);
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut json = String::new();
        write(&mut json);
        json
    }

    #[test]
    fn decimals_are_exact_and_short() {
        for (micros, text) in [(990_000, "0.99"), (-1, "-0.000001"), (12_000_000, "12"), (0, "0"), (1_500_000, "1.5")] {
            assert_eq!(written(|json| decimal(micros, json)), text);
        }
    }

    #[test]
    fn strings_are_json() {
        for text in ["plain", "\"quoted\" \\ back", "line\nfeed\ttab\r", "\u{1}\u{1f}", "ü 汉 🙂", ""] {
            let json = written(|json| string(text, json));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
