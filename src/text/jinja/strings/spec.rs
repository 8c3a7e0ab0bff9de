//! Numbers and strings in a given width and precision: what `format` and `%` have in common, and Python's
//! format specifications.

use crate::text::jinja::python::numbers::{exponential, float};
use crate::text::jinja::value::Value;
use crate::text::jinja::{Fuel, Result, fail};

/// The widest and the most precise: what the standard library formats.
const WIDEST: usize = u16::MAX as usize;

/// How a value is laid out.
#[derive(Debug, Default, Clone)]
pub(super) struct Spec {
    pub(super) fill: Option<char>,
    /// Zeros fill numbers, after their sign, where nothing else is said.
    pub(super) zeros: bool,
    /// One of `<`, `>`, `^`, `=`.
    pub(super) align: Option<char>,
    /// One of `+`, `-`, a space.
    pub(super) sign: Option<char>,
    pub(super) alternate: bool,
    pub(super) width: usize,
    /// `,` or `_` between the groups of digits.
    pub(super) grouping: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

impl Spec {
    /// Python's `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
    pub(super) fn parse(written: &str) -> Result<Self> {
        let mut spec = Self::default();
        let mut rest = written;
        let mut characters = rest.chars();
        let (first, second) = (characters.next(), characters.next());
        let is_align = |c: Option<char>| c.is_some_and(|c| "<>^=".contains(c));
        if let (Some(fill), true) = (first, is_align(second)) {
            (spec.fill, spec.align) = (Some(fill), second);
            rest = characters.as_str();
        } else if is_align(first) {
            spec.align = first;
            rest = &rest[1..];
        }
        let take = |options: &str, rest: &mut &str| {
            let found = rest.chars().next().filter(|c| options.contains(*c));
            *rest = &rest[found.map_or(0, char::len_utf8)..];
            found
        };
        spec.sign = take("+- ", &mut rest);
        take("z", &mut rest);
        spec.alternate = take("#", &mut rest).is_some();
        spec.zeros = spec.fill.is_none() && take("0", &mut rest).is_some();
        spec.width = digits(&mut rest)?.unwrap_or(0);
        spec.grouping = take(",_", &mut rest);
        if take(".", &mut rest).is_some() {
            spec.precision = digits(&mut rest)?;
            if spec.precision.is_none() {
                return fail("Format specifier missing precision");
            }
        }
        spec.kind = rest.chars().next();
        if rest.chars().count() > 1 {
            return fail(format!("Invalid format specifier '{written}'"));
        }
        Ok(spec)
    }

    /// `format(value, spec)`.
    pub(super) fn apply(&self, value: &Value, fuel: &Fuel) -> Result<String> {
        self.check(fuel)?;
        let unknown =
            |kind: char| fail(format!("Unknown format code '{kind}' for object of type '{}'", value.kind()));
        match (value, self.kind) {
            (Value::Str(text), None | Some('s')) => {
                let of_numbers = self.sign.is_some() || self.alternate || self.grouping.is_some();
                if of_numbers || self.align == Some('=') {
                    return fail("a sign, '#', '=', ',' and '_' are not allowed in the format of a string");
                }
                Ok(self.of_text(text))
            }
            (Value::Str(_), Some(kind)) => unknown(kind),
            (Value::Bool(_) | Value::Int(_), None | Some('d' | 'b' | 'o' | 'x' | 'X' | 'n' | 'c')) => {
                if self.precision.is_some() {
                    return fail("Precision not allowed in integer format specifier");
                }
                self.check_grouping()?;
                self.of_int(value.as_int().unwrap_or(0))
            }
            (Value::Bool(_) | Value::Int(_) | Value::Float(_), kind) => match kind {
                None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' | 'n') => {
                    self.check_grouping()?;
                    Ok(self.of_float(value.as_float().unwrap_or(0.0)))
                }
                Some(kind) => unknown(kind),
            },
            _ => fail(format!("unsupported format string passed to {}.__format__", value.kind())),
        }
    }

    fn check_grouping(&self) -> Result<()> {
        let fits = match (self.grouping, self.kind) {
            (None, kind) => kind != Some('c') || (self.sign.is_none() && !self.alternate),
            (_, Some('c' | 'n')) => false,
            (Some(','), Some('b' | 'o' | 'x' | 'X')) => false,
            _ => true,
        };
        if fits { Ok(()) } else { fail("the format specifier has parts that do not go together") }
    }

    /// Pays for the width and the precision, which are bounded.
    pub(super) fn check(&self, fuel: &Fuel) -> Result<()> {
        let precision = self.precision.unwrap_or(0);
        if self.width.max(precision) > WIDEST {
            return fail(format!("a width or precision above {WIDEST} is not supported"));
        }
        fuel.bytes(self.width + precision)
    }

    pub(super) fn of_text(&self, text: &str) -> String {
        let text: String = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.into(),
        };
        self.pad("", &text, '<')
    }

    pub(super) fn of_int(&self, value: i64) -> Result<String> {
        let magnitude = value.unsigned_abs();
        let (prefix, digits) = match self.kind {
            Some('c') => {
                return match u32::try_from(value).ok().and_then(char::from_u32) {
                    Some(character) => Ok(self.pad("", &character.to_string(), '<')),
                    None => fail("%c arg not in range(0x110000)"),
                };
            }
            Some('x') => ("0x", format!("{magnitude:x}")),
            Some('X') => ("0X", format!("{magnitude:X}")),
            Some('o') => ("0o", format!("{magnitude:o}")),
            Some('b') => ("0b", format!("{magnitude:b}")),
            _ => ("", magnitude.to_string()),
        };
        Ok(self.of_digits(value < 0, if self.alternate { prefix } else { "" }, &digits))
    }

    /// The digits of a whole number.
    pub(super) fn of_digits(&self, negative: bool, prefix: &str, digits: &str) -> String {
        let digits = format!("{digits:0>least$}", least = self.precision.unwrap_or(0));
        let sign = format!("{}{prefix}", self.sign_of(negative));
        let size = if matches!(self.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 };
        let grouped = self.grouped(&digits, size, sign.len());
        self.pad(&sign, &grouped, '>')
    }

    pub(super) fn of_float(&self, value: f64) -> String {
        let magnitude = value.abs();
        let precision = self.precision.unwrap_or(6);
        let upper = self.kind.is_some_and(|kind| kind.is_ascii_uppercase());
        let point = self.alternate;
        let mut digits = if magnitude.is_nan() {
            "nan".into()
        } else if magnitude.is_infinite() {
            "inf".into()
        } else {
            match self.kind {
                Some('e' | 'E') => scientific(magnitude, precision, point),
                Some('f' | 'F') => fixed(magnitude, precision, point),
                Some('%') => fixed(magnitude * 100.0, precision, point) + "%",
                Some(_) => general(magnitude, precision.max(1), point, false),
                None => match self.precision {
                    Some(precision) => general(magnitude, precision.max(1), point, true),
                    None => match float(magnitude) {
                        written if point && !written.contains('.') => written.replace('e', ".e"),
                        written => written,
                    },
                },
            }
        };
        if upper {
            digits = digits.to_ascii_uppercase();
        }
        let sign = self.sign_of(value.is_sign_negative() && !value.is_nan());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (whole, rest) = digits.split_at(end);
        let grouped = self.grouped(whole, 3, sign.len() + rest.len()) + rest;
        self.pad(sign, &grouped, '>')
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match self.sign {
            _ if negative => "-",
            Some('+') => "+",
            Some(' ') => " ",
            _ => "",
        }
    }

    /// `digits` in groups of `size`, with as many zeros before them as fill the width beside `others`.
    fn grouped(&self, digits: &str, size: usize, others: usize) -> String {
        let Some(separator) = self.grouping.filter(|_| !digits.is_empty()) else { return digits.into() };
        let mut count = digits.len();
        let zeros = self.fill == Some('0') || (self.fill.is_none() && self.zeros);
        if zeros && matches!(self.align, None | Some('=')) {
            while count + (count - 1) / size + others < self.width {
                count += 1;
            }
        }
        let digits = format!("{digits:0>count$}");
        let mut grouped = String::new();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (count - index).is_multiple_of(size) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// `sign` and `text` in the width; between them where the alignment is `=`.
    fn pad(&self, sign: &str, text: &str, default: char) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + text.chars().count());
        let fill = self.fill.unwrap_or(if self.zeros { '0' } else { ' ' });
        let fill = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
        match self.align.unwrap_or(if self.zeros && default == '>' { '=' } else { default }) {
            '<' => format!("{sign}{text}{}", fill(missing)),
            '^' => format!("{}{sign}{text}{}", fill(missing / 2), fill(missing - missing / 2)),
            '=' => format!("{sign}{}{text}", fill(missing)),
            _ => format!("{}{sign}{text}", fill(missing)),
        }
    }
}

fn digits(rest: &mut &str) -> Result<Option<usize>> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    *rest = after;
    match number.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) if number.is_empty() => Ok(None),
        Err(_) => fail("Too many decimal digits in format string"),
    }
}

/// `value` with `count` digits after the point.
fn decimals(value: f64, count: usize) -> String {
    // No double has more that are not zeros.
    let exact = count.min(1074);
    let zeros = if value.is_finite() { count - exact } else { 0 };
    format!("{value:.exact$}") + &"0".repeat(zeros)
}

fn fixed(value: f64, precision: usize, point: bool) -> String {
    let digits = decimals(value, precision);
    if point && precision == 0 { digits + "." } else { digits }
}

fn scientific(value: f64, precision: usize, point: bool) -> String {
    let written = format!("{value:.precision$e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let point = if point && precision == 0 { "." } else { "" };
    exponential(&format!("{mantissa}{point}"), exponent.parse().unwrap_or(0), 'e')
}

/// C's `%g`, with the zeros at its end where `point`; with a digit after the point where `as_float`.
fn general(value: f64, precision: usize, point: bool, as_float: bool) -> String {
    let written = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |digits: &str| match (digits.contains('.'), point) {
        (true, false) => digits.trim_end_matches('0').trim_end_matches('.').to_string(),
        (false, true) => format!("{digits}."),
        _ => digits.to_string(),
    };
    let limit = precision as i32 - i32::from(as_float);
    if exponent < -4 || exponent >= limit.max(i32::from(!as_float)) {
        return exponential(&trim(mantissa), exponent, 'e');
    }
    let digits = trim(&decimals(value, (precision as i32 - 1 - exponent).max(0) as usize));
    if as_float && !digits.contains('.') { digits + ".0" } else { digits }
}
