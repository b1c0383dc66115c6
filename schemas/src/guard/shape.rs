//! Spellings that hide digits from a plain look at the bytes.

/// Whether the text is a decimal number as a whole.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [whole, fraction, exponent].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The digits of a JSON number that has an exponent and is whole, such as `4.1e15`.
pub(super) fn exponent_digits(number: &str) -> Option<String> {
    let (mantissa, exponent) = number.split_once(['e', 'E'])?;
    let exponent: usize = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // Beyond the longest card number nothing is looked for.
    if exponent > 24 {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let zeros = exponent.checked_sub(fraction.len())?;
    Some(format!("{}{fraction}{}", whole.trim_start_matches('-'), "0".repeat(zeros)).trim_start_matches('0').to_owned())
}

/// Resolves `\u00xx` escapes of printable ASCII in text that is no JSON.
pub(super) fn resolve_ascii_escapes(text: &str) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(r"\u00") {
        resolved.push_str(&rest[..at]);
        let code = rest.get(at + 4..at + 6).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(character @ ' '..='~') = code.map(char::from) {
            resolved.push(character);
            rest = &rest[at + 6..];
        } else {
            resolved.push_str(r"\u00");
            rest = &rest[at + 4..];
        }
    }
    resolved.push_str(rest);
    resolved
}
