//! Payloads for dead letters and logs: personal data and card data blotted out, shape kept.

use serde_json::{Map, Value};

use super::{names, pan};

/// What stands where something was.
const REMOVED: &str = "[redacted]";

/// Fields whose whole value is about a person, by their letters in lower case.
const PERSONAL: [&str; 44] = [
    "aadhaar",
    "aadhaarnumber",
    "address",
    "birthdate",
    "city",
    "contactmedium",
    "contactname",
    "contactnumber",
    "customername",
    "dateofbirth",
    "email",
    "emailaddress",
    "familyname",
    "fathername",
    "firstname",
    "formattedname",
    "fullname",
    "gender",
    "givenname",
    "housenumber",
    "individualidentification",
    "lastname",
    "locality",
    "maritalstatus",
    "middlename",
    "mobile",
    "mobilenumber",
    "msisdn",
    "nationality",
    "notificationcontact",
    "note",
    "partyname",
    "phone",
    "phonenumber",
    "placeofbirth",
    "postcode",
    "prospectcontact",
    "street1",
    "street2",
    "streetname",
    "telmsisdn",
    "tradingname",
    "attachment",
    "creditprofile",
];

/// Things whose `name` is a person's or an organisation's, not a label.
const NAMED_PARTIES: [&str; 16] = [
    "customer",
    "relatedparty",
    "engagedparty",
    "partyorpartyrole",
    "individual",
    "organization",
    "payer",
    "party",
    "requestor",
    "receiver",
    "account",
    "billingaccount",
    "author",
    "granter",
    "user",
    "contact",
];

/// A copy of `payload` without personal and card data: fields about a person lose their whole
/// value, and numbers and addresses of people are blotted out of all other texts.
///
/// ```
/// use serde_json::json;
/// let redacted = schemas::guard::redact(&json!({"id": "1", "email": "someone@example.org"}));
/// assert_eq!(redacted, json!({"id": "1", "email": "[redacted]"}));
/// ```
pub fn redact(payload: &Value) -> Value {
    redact_within(payload, "")
}

fn redact_within(value: &Value, container: &str) -> Value {
    match value {
        Value::String(text) => Value::String(redact_text(text)),
        Value::Number(number) => {
            let text = number.to_string();
            let redacted = redact_text(&text);
            if redacted == text { value.clone() } else { Value::String(redacted) }
        }
        Value::Array(elements) => {
            Value::Array(elements.iter().map(|element| redact_within(element, container)).collect())
        }
        Value::Object(fields) => Value::Object(redact_fields(fields, container)),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

fn redact_fields(fields: &Map<String, Value>, container: &str) -> Map<String, Value> {
    // A characteristic tells in its name what its value is.
    let label = fields.get("name").and_then(Value::as_str).map(letters).unwrap_or_default();
    let redact_field = |(key, value): (&String, &Value)| {
        let name = letters(key);
        let personal = is_personal(&name)
            || (name == "name" && NAMED_PARTIES.contains(&container))
            || ((name == "value" || name.ends_with("value")) && is_personal(&label))
            || (name == "description" && matches!(container, "troubleticket" | "partyinteraction"))
            || names::classify(key) != names::Class::Harmless;
        let kept = if personal && !value.is_null() { REMOVED.into() } else { redact_within(value, &name) };
        (redact_text(key), kept)
    };
    fields.iter().map(redact_field).collect()
}

fn is_personal(name: &str) -> bool {
    PERSONAL.contains(&name)
}

fn letters(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Text without card numbers, Aadhaar numbers, tax PANs, phone numbers and e-mail addresses.
pub fn redact_text(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(found) = pan::find(text.as_bytes()) {
        text.replace_range(found, REMOVED);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|letter: char| letter.is_alphanumeric() || letter == '+') {
        redacted.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = personal_length(rest);
        if length > 0 {
            redacted.push_str(REMOVED);
            rest = &rest[length..];
        } else {
            let beyond = |&(_, letter): &(usize, char)| !letter.is_alphanumeric();
            let word = rest.char_indices().skip(1).find(beyond).map_or(rest.len(), |(end, _)| end);
            redacted.push_str(&rest[..word]);
            rest = &rest[word..];
        }
    }
    redacted.push_str(rest);
    redacted
}

/// How many bytes at the start of `text`, where a word starts, are personal data.
fn personal_length(text: &str) -> usize {
    let email = email_length(text);
    if email > 0 {
        return email;
    }
    let bytes = text.as_bytes();
    if is_tax_pan(bytes) {
        return 10;
    }
    let run = text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b' ' | b'-')).count();
    let run = text[..run].trim_end_matches([' ', '-', '+']).len();
    if bytes.get(run).is_some_and(u8::is_ascii_alphanumeric) {
        return 0;
    }
    // The longest part of the run, cut at a group's end, that is a number of a person.
    let ends =
        (1..=run).rev().filter(|&end| bytes[end - 1].is_ascii_digit() && (end == run || !bytes[end].is_ascii_digit()));
    ends.into_iter().find(|&end| is_personal_number(&text[..end])).unwrap_or(0)
}

fn is_personal_number(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    match (text.starts_with('+'), digits.as_slice()) {
        // An international phone number.
        (true, digits) => (8..=15).contains(&digits.len()),
        // An Indian mobile number, also with its prefixes.
        (false, [6..=9, rest @ ..]) if rest.len() == 9 => true,
        (false, [0, 6..=9, rest @ ..]) if rest.len() == 9 => true,
        (false, [9, 1, 6..=9, rest @ ..]) if rest.len() == 9 => true,
        (false, [2..=9, rest @ ..]) if rest.len() == 11 => passes_verhoeff(&digits),
        _ => false,
    }
}

/// The income-tax PAN: five letters, four digits, one letter, as a word of its own.
fn is_tax_pan(bytes: &[u8]) -> bool {
    bytes.len() >= 10
        && bytes[..5].iter().all(u8::is_ascii_uppercase)
        && bytes[5..9].iter().all(u8::is_ascii_digit)
        && bytes[9].is_ascii_uppercase()
        && !bytes.get(10).is_some_and(u8::is_ascii_alphanumeric)
}

fn email_length(text: &str) -> usize {
    let local = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte)).count();
    let Some(domain) = text[local..].strip_prefix('@') else { return 0 };
    let length = domain.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte)).count();
    let length = domain[..length].trim_end_matches(['.', '-']).len();
    if local > 0 && domain[..length].contains('.') { local + 1 + length } else { 0 }
}

/// The check of Aadhaar numbers: a walk through the group of the pentagon's symmetries.
fn passes_verhoeff(digits: &[u8]) -> bool {
    // The permutation of each position; it repeats after eight.
    const PERMUTATION: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let product = |left: u8, right: u8| match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left - right % 5) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    };
    let check = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (at, &digit)| product(check, PERMUTATION[at % 8][usize::from(digit)]));
    check == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn any_text_can_be_redacted(text in "(\\PC|[0-9@+ -]|4111 1111 1111 1111|\\+919999912345){0,40}") {
            let redacted = redact_text(&text);
            prop_assert!(pan::find(redacted.as_bytes()).is_none());
        }
    }

    #[test]
    fn verhoeff_knows_its_published_example() {
        // 236 has the check digit 3.
        assert!(passes_verhoeff(&[2, 3, 6, 3]));
        assert!(!passes_verhoeff(&[2, 3, 6, 4]));
        assert!(!passes_verhoeff(&[3, 2, 6, 3]));
    }

    #[test]
    fn texts_lose_numbers_and_addresses_of_people() {
        let cases = [
            ("call +919999912345 now", "call [redacted] now"),
            ("call 99999 12345, please", "call [redacted], please"),
            ("mail someone@example.org.", "mail [redacted]."),
            ("tax ABCDE1234F ok", "tax [redacted] ok"),
            ("card 4111 1111 1111 1111 ok", "card [redacted] ok"),
            ("order 12345 of 2026-01-31", "order 12345 of 2026-01-31"),
            ("Grüße, ok", "Grüße, ok"),
        ];
        for (text, redacted) in cases {
            assert_eq!(redact_text(text), redacted);
        }
    }

    #[test]
    fn aadhaar_needs_its_check_digit() {
        let numbers = (0..10).map(|check| format!("2345 6789 123{check}"));
        assert_eq!(numbers.filter(|number| redact_text(number) == REMOVED).count(), 1);
    }

    #[test]
    fn fields_about_people_go_and_labels_stay() {
        let payload = json!({
            "id": "1",
            "productOffering": {"name": "Fibre 100"},
            "relatedParty": [{"id": "7", "name": "Some One", "role": "customer"}],
            "productCharacteristic": [{"name": "TEL_MSISDN", "value": "5550"}, {"name": "colour", "value": "red"}],
            "contactMedium": [{"emailAddress": "x@example.org"}],
            "cvv": "123",
        });
        let expected = json!({
            "id": "1",
            "productOffering": {"name": "Fibre 100"},
            "relatedParty": [{"id": "7", "name": REMOVED, "role": "customer"}],
            "productCharacteristic": [{"name": "TEL_MSISDN", "value": REMOVED}, {"name": "colour", "value": "red"}],
            "contactMedium": REMOVED,
            "cvv": REMOVED,
        });
        assert_eq!(redact(&payload), expected);
    }
}
