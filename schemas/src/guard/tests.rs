//! What is and what is not card data.

use super::*;

fn path_of(event: &str) -> Option<String> {
    scan(event.as_bytes()).err().map(|hit| hit.path)
}

#[test]
fn t12_names_of_card_data_are_hits_whatever_the_value() {
    let refund = r#"{"refund":{"paymentMethod":{"@type":"bankCard","details":{"cardNumber":"0000000000000000"}}}}"#;
    assert_eq!(path_of(refund).as_deref(), Some("/refund/paymentMethod/details/cardNumber"));
    for name in
        ["cvv", "CVV2", "card_number", "Card-Number", "cvc", "nameOnCard", "cardHolderName", "c\\u0076v", "track2Data"]
    {
        let event = format!(r#"{{"event":{{"{name}":"1"}}}}"#);
        assert!(path_of(&event).is_some(), "{name}");
    }
}

#[test]
fn names_without_a_value_pass() {
    for value in ["null", "\"\"", "\"  \"", "{}", "[]"] {
        assert_eq!(path_of(&format!(r#"{{"cvv":{value}}}"#)), None, "{value}");
    }
}

#[test]
fn expiry_and_account_number_are_hits_near_a_card_or_bank_only() {
    assert_eq!(path_of(r#"{"voucher":{"expirationDate":"2027-01"}}"#), None);
    assert_eq!(path_of(r#"{"billingAccount":{"accountNumber":"12"}}"#), None);
    for event in [
        r#"{"bankCard":{"expirationDate":"2027-01"}}"#,
        r#"{"details":{"@type":"CreditCard","expiryDate":"01/27"}}"#,
        r#"{"details":{"lastFourDigits":"1111","expiry":"01/27"}}"#,
        r#"{"bankTransfer":{"accountNumber":12}}"#,
    ] {
        assert!(path_of(event).is_some(), "{event}");
    }
}

#[test]
fn tokens_brands_and_last_digits_pass() {
    let event = r#"{"details":{"@type":"tokenizedCard","token":"tok_4242","lastFourDigits":"1111","brand":"visa","cardType":"debit"}}"#;
    assert_eq!(path_of(event), None);
}

#[test]
fn card_numbers_are_hits_wherever_they_stand() {
    for event in [
        r#"{"note":[{"text":"card 4111111111111111 please"}]}"#,
        r#"{"n":4111111111111111}"#,
        r#"{"n":4.111111111111111e15}"#,
        r#"{"t":"4111 1111 1111 1111"}"#,
        r#"{"t":"4111-1111-1111-1111"}"#,
        r#"{"t":"x-4111-1111-1111-1111-2"}"#,
        r#"{"t":"12 4111 1111 1111 1111 77"}"#,
        r#"{"t":"3782 822463 10005"}"#,
        r#"{"t":"card4111111111111111"}"#,
        r#"{"t":"\u0034111111111111111"}"#,
        r#"{"t":"411111111111\u0031111"}"#,
        r#"{"4111111111111111":1}"#,
        r#"{"\u0034111111111111111":1}"#,
        r#"["5555555555554444"]"#,
        r#"{"t":"6011111111111117"}"#,
        r#"{"t":"3530111333300000"}"#,
        r#"{"t":"30569309025904"}"#,
    ] {
        assert!(path_of(event).is_some(), "{event}");
    }
}

#[test]
fn the_path_of_a_hit_does_not_tell_it() {
    assert_eq!(path_of(r#"{"4111111111111111":1}"#).as_deref(), Some("/?"));
    assert_eq!(path_of(r#"{"a":[0,{"b":"4111111111111111"}]}"#).as_deref(), Some("/a/1/b"));
}

#[test]
fn numbers_of_other_kinds_pass() {
    for event in [
        // Instants in milli-, micro- and nanoseconds.
        r#"{"t":1769851800000,"u":1769851800000000,"v":"1769851800000000000"}"#,
        // A SIM's ICCID, a device's IMEI, phone numbers, a date range.
        r#"{"iccid":"8991000012345678901","imei":"356938035643809","msisdn":"+919999912345"}"#,
        r#"{"t":"99999 12345 99999 12346 99999 12347"}"#,
        r#"{"t":"2026-01-31 2026-02-28 2026-03-31"}"#,
        // The right form with a wrong check digit, and a right one with no issuer's prefix.
        r#"{"t":"4111111111111112","u":"1234567812345670"}"#,
        // Digits of UUIDs and of long hexadecimal ids.
        r#"{"t":"0000000a-4111-1111-1111-11111111aaaa","u":"a4111111111111111bcdef0123456789"}"#,
        // Noise of binary fractions.
        r#"{"value":0.4111111111111111,"t":"0.4111111111111111"}"#,
    ] {
        assert_eq!(path_of(event), None, "{event}");
    }
}

#[test]
fn text_that_is_no_json_is_looked_through_too() {
    for text in
        [r#"{"cvv":"123""#, "a,b,4111111111111111", r"{broken \u0034111111111111111", "\u{feff}{\"cardNumber\":\"1\"}"]
    {
        assert_eq!(path_of(text).as_deref(), Some(""), "{text}");
    }
    let mut not_utf8 = b"4111111111111111 ".to_vec();
    not_utf8.push(0xff);
    assert!(scan(&not_utf8).is_err());
    assert!(scan(b"not json, but harmless").is_ok());
}

#[test]
fn a_number_is_found_at_every_offset() {
    for before in 0..40 {
        let text = format!("{}4111111111111111{}", "x".repeat(before), "y".repeat(40 - before));
        assert!(scan(text.as_bytes()).is_err(), "{before}");
    }
}

#[test]
fn separators_and_digits_of_any_script_hide_no_card_number() {
    let groups = ["4111", "1111", "1111", "1111"];
    for separator in [
        ".", "/", "_", "\u{a0}", "\u{202f}", "\u{2009}", "\u{2011}", "\u{2013}", "\u{200b}", "  ", " - ", " / ", r"\/",
        r"\u00a0",
    ] {
        let number = groups.join(separator);
        let event = format!(r#"{{"t":"please take {number}, thanks"}}"#);
        assert!(path_of(&event).is_some(), "{event}");
        if !separator.starts_with('\\') {
            assert!(scan(format!("no json: {number}").as_bytes()).is_err(), "{number}");
        }
    }
    for zero in ['\u{ff10}', '\u{660}', '\u{966}', '\u{be6}', '\u{1d7ce}'] {
        let in_script =
            |digit: char| char::from_u32(u32::from(zero) + digit.to_digit(10).unwrap()).expect("ten digits in a row");
        let number: String = "4111111111111111".chars().map(in_script).collect();
        assert!(path_of(&format!(r#"{{"t":"x {number} y"}}"#)).is_some(), "{number}");
        assert!(!redact_text(&number).contains(in_script('4')), "{number}");
    }
}

#[test]
fn numbers_in_other_forms_of_the_same_shape_pass() {
    for event in [
        // Dates, versions, addresses, coordinates, keys, words of other scripts.
        r#"{"t":"2026/01/31 2026/02/28 2026/03/31","v":"4.11.1.1111.1111.11","ip":"41.111.111.111/24"}"#,
        r#"{"t":"41.40338000000, 34.0837123456784","key":"order_4000_2026_0131_12345_1","n":41.40338000000123}"#,
        r#"{"t":"हिन्दी १२३, Grüße 4111…","n":"₹4111.11 / ₹1111.11"}"#,
    ] {
        assert_eq!(path_of(event), None, "{event}");
    }
}

#[test]
fn a_characteristic_that_names_card_data_is_a_hit_whatever_its_value() {
    let event = r#"{"characteristic":[{"name":"colour","value":"red"},{"name":"Card-Number","value":"0000"}]}"#;
    assert_eq!(path_of(event).as_deref(), Some("/characteristic/1/value"));
    assert!(path_of(r#"{"value":7,"name":"cvv"}"#).is_some());
    assert!(path_of(r#"{"name":"cvv","characteristicValue":[{"value":"123"}]}"#).is_some());
    for event in [
        r#"{"name":"cvv"}"#,
        r#"{"name":"cvv","value":null}"#,
        r#"{"name":"cvv","value":""}"#,
        r#"{"name":"expiryDate","value":"2027"}"#,
    ] {
        assert_eq!(path_of(event), None, "{event}");
    }
}

proptest::proptest! {
    /// These numbers carry a right check digit by their own rules, so the prefix alone must clear them.
    #[test]
    fn numbers_of_sims_and_devices_are_never_refused(digits in "[0-9]{16}", length in 18usize..20, body in 0usize..6) {
        let checked = |number: &str| {
            let sum: u32 = number.bytes().rev().enumerate().map(|(at, digit)| {
                let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
                digit / 10 + digit % 10
            }).sum();
            format!("{number}{}", (10 - sum % 10) % 10)
        };
        let iccid = checked(&format!("89{digits}{digits}")[..length]);
        let imei = checked(&format!("{}{digits}", ["01", "35", "44", "86", "91", "99"][body])[..14]);
        let imsi = format!("40{}{}", 4 + body % 2, &digits[..12]);
        let event = format!(r#"{{"iccid":"{iccid}","imei":"{imei}","imsi":{imsi},"text":"SIM {iccid} in {imei}"}}"#);
        proptest::prop_assert_eq!(path_of(&event), None, "{}", event);
    }
}
