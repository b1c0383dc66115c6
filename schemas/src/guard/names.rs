//! Names of fields that hold card data, however they are spelt.

/// What a field's name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Harmless,
    /// Card data by its name alone.
    Denied,
    /// Card data where a card or bank account is meant.
    DeniedNearCard,
}

/// Longer than any name of the list, its separators included.
const NAME_BYTES_MAX: usize = 40;

/// Sorts a key by its letters and digits, without case and separators.
pub(super) fn classify(key: &str) -> Class {
    if is_harmless_at_a_glance(key.as_bytes()) {
        return Class::Harmless;
    }
    if key.len() > NAME_BYTES_MAX {
        return Class::Harmless;
    }
    let mut buffer = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
        buffer[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    match &buffer[..length] {
        b"cardnumber"
        | b"cardno"
        | b"cardnum"
        | b"cardpan"
        | b"creditcardnumber"
        | b"debitcardnumber"
        | b"ccnumber"
        | b"primaryaccountnumber"
        | b"cvv"
        | b"cvv2"
        | b"cvc"
        | b"cvc2"
        | b"cvn"
        | b"cvn2"
        | b"cav2"
        | b"csc"
        | b"cardcode"
        | b"cardcvv"
        | b"cardcvc"
        | b"cardsecuritycode"
        | b"cardverificationvalue"
        | b"cardverificationcode"
        | b"cardexpiry"
        | b"cardexpirydate"
        | b"cardexpirationdate"
        | b"cardpin"
        | b"pinblock"
        | b"nameoncard"
        | b"cardholder"
        | b"cardholdername"
        | b"track1"
        | b"track2"
        | b"track1data"
        | b"track2data"
        | b"trackdata"
        | b"magneticstripe"
        | b"magstripe"
        | b"bankaccountnumber" => Class::Denied,
        b"expirationdate" | b"expirydate" | b"expiry" | b"expdate" | b"expirymonth" | b"expiryyear" | b"expmonth"
        | b"expyear" | b"validthru" | b"accountnumber" | b"accountno" | b"accountnum" | b"securitycode"
        | b"verificationvalue" | b"pin" | b"iban" | b"holdername" => Class::DeniedNearCard,
        _ => Class::Harmless,
    }
}

/// Nearly every key of an event ends here: no name of the list begins like it, or those that do
/// are longer.
fn is_harmless_at_a_glance(key: &[u8]) -> bool {
    let [first, second, ..] = *key else { return true };
    if !first.is_ascii_alphanumeric() || !second.is_ascii_alphanumeric() {
        // Separators may stand anywhere, so such a key needs the long look.
        return false;
    }
    let bytes_min = match &[first | 0x20, second | 0x20] {
        b"cv" | b"cs" | b"pi" => 3,
        b"ca" | b"ib" => 4,
        b"ex" | b"tr" => 6,
        b"cc" => 8,
        b"ac" | b"va" | b"ma" => 9,
        b"na" | b"ho" => 10,
        b"se" => 12,
        b"ve" | b"de" | b"cr" => 15,
        b"ba" => 17,
        b"pr" => 20,
        _ => return true,
    };
    key.len() < bytes_min
}

/// Whether a container's name or a type speaks of a card or a bank account.
pub(super) fn speaks_of_card(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // A SIM card or a scorecard is no payment card.
    let card = lower.contains("card") && !lower.contains("simcard") && !lower.contains("scorecard");
    card || lower.contains("bank")
}

/// Whether only the description of a card has a field of this name.
pub(super) fn only_cards_have(key: &str) -> bool {
    ["lastFourDigits", "cardType", "cardBrand"].iter().any(|name| key.eq_ignore_ascii_case(name))
        || classify(key) == Class::Denied
}

/// Whether a name of card data stands in quotes somewhere in text that is no JSON.
pub(super) fn quoted_in(bytes: &[u8]) -> bool {
    bytes
        .split(|&byte| byte == b'"' || byte == b'\'')
        .filter_map(|part| std::str::from_utf8(part).ok())
        .any(|part| classify(part) == Class::Denied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_the_list_passes_the_glance() {
        for name in [
            "cvv",
            "cvc",
            "csc",
            "pin",
            "iban",
            "cvn",
            "cav2",
            "cardno",
            "expiry",
            "track1",
            "ccnumber",
            "accountno",
            "validthru",
            "nameoncard",
            "magstripe",
            "holdername",
            "securitycode",
            "verificationvalue",
            "debitcardnumber",
            "creditcardnumber",
            "bankaccountnumber",
            "primaryaccountnumber",
            "pinblock",
            "magneticstripe",
            "expdate",
            "cardholder",
            "accountnumber",
        ] {
            for spelt in
                [name.to_owned(), name.to_uppercase(), format!("_{name}"), format!("{}-{}", &name[..1], &name[1..])]
            {
                assert_ne!(classify(&spelt), Class::Harmless, "{spelt}");
            }
        }
    }
}
