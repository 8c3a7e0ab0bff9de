//! Numbers as Python writes and reads them.

use super::characters::is_space;

/// `repr` of a float: the shortest digits that read back as `value`.
pub fn float(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .into();
    }
    let shortest = format!("{value:e}");
    let count = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // Of two that are as short and as near, Python takes the even one.
    let even = format!("{value:.*e}", count - 1);
    let scientific = if even.parse() == Ok(value) { even } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let decimals = (count as i32 - 1 - exponent).max(1) as usize;
        return format!("{value:.decimals$}");
    }
    exponential(mantissa, exponent, 'e')
}

/// A mantissa and an exponent of at least two digits.
pub fn exponential(mantissa: &str, exponent: i32, letter: char) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{letter}{sign}{:02}", exponent.unsigned_abs())
}

/// Python's `int(text, base)`.
pub fn parse_int(text: &str, base: u32) -> Option<i64> {
    let text = text.trim_matches(is_space).to_ascii_lowercase();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let prefix =
        prefixes.iter().find(|(prefix, of)| digits.starts_with(prefix) && (base == *of || base == 0));
    let (digits, base) = match prefix {
        Some((prefix, of)) => (digits.strip_prefix(prefix)?, *of),
        None => (digits, if base == 0 { 10 } else { base }),
    };
    let apart = digits.strip_prefix('_').filter(|_| prefix.is_some()).unwrap_or(digits);
    let wrong = apart.is_empty()
        || apart.starts_with(['_', '+', '-'])
        || apart.ends_with('_')
        || apart.contains("__");
    if wrong || !(2..=36).contains(&base) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", apart.replace('_', "")), base).ok()
}

/// Python's `float(text)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    let between_digits = text.split('_').collect::<Vec<_>>();
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let apart = between_digits
        .windows(2)
        .all(|parts| is_digit(parts[0].chars().next_back()) && is_digit(parts[1].chars().next()));
    if apart { text.replace('_', "").parse().ok() } else { None }
}
