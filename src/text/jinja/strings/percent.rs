//! `'…%s…' % values`.

use super::spec::Spec;
use crate::text::jinja::python::characters::ascii;
use crate::text::jinja::value::{Kind, Value, repr};
use crate::text::jinja::{Fuel, Result, fail};
use std::str::Chars;

pub fn format(format: &str, values: &Value, fuel: &Fuel) -> Result<String> {
    fuel.bytes(format.len())?;
    let mut values = Values::new(values);
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        if characters.as_str().starts_with('%') {
            characters.next();
            out.push('%');
            continue;
        }
        let formatted = conversion(&mut characters, &mut values, fuel)?;
        fuel.bytes(formatted.len())?;
        out += &formatted;
    }
    values.all_used()?;
    Ok(out)
}

/// What is left to format.
struct Values<'v> {
    all: &'v Value,
    tuple: Option<&'v [Value]>,
    next: usize,
    named: bool,
}

impl<'v> Values<'v> {
    fn new(all: &'v Value) -> Self {
        let tuple = match all {
            Value::Sequence(sequence) if matches!(sequence.kind, Kind::Tuple | Kind::Group) => {
                Some(&sequence.items[..])
            }
            _ => None,
        };
        Self { all, tuple, next: 0, named: false }
    }

    fn next(&mut self) -> Result<&'v Value> {
        let value = match self.tuple {
            Some(tuple) => tuple.get(self.next),
            None => (self.next == 0).then_some(self.all),
        };
        self.next += 1;
        value.map_or_else(|| fail("not enough arguments for format string"), Ok)
    }

    fn named(&mut self, name: &str, fuel: &Fuel) -> Result<&'v Value> {
        self.named = true;
        let Value::Dict(dict) = self.all else { return fail("format requires a mapping") };
        match dict.get(&Value::text(name), fuel)? {
            Some(value) => Ok(value),
            None => fail(format!("the format names '{name}', which is not in the dict")),
        }
    }

    fn all_used(&self) -> Result<()> {
        let left = match (self.tuple, self.all) {
            (Some(tuple), _) => self.next < tuple.len(),
            // A list or a dict may be looked up by names, and need not.
            (None, Value::Dict(_) | Value::Undefined(_)) => false,
            (None, Value::Sequence(_)) => false,
            (None, _) => self.next == 0 && !self.named,
        };
        if left { fail("not all arguments converted during string formatting") } else { Ok(()) }
    }
}

fn conversion(characters: &mut Chars, values: &mut Values, fuel: &Fuel) -> Result<String> {
    let mut value = None;
    if characters.as_str().starts_with('(') {
        let rest = &characters.as_str()[1..];
        let Some(end) = closing(rest) else { return fail("incomplete format key") };
        value = Some(values.named(&rest[..end], fuel)?);
        *characters = rest[end + 1..].chars();
    }
    let mut spec = Spec::default();
    let mut left = false;
    while let Some(flag) = characters.as_str().chars().next().filter(|flag| "-+ #0".contains(*flag)) {
        characters.next();
        match flag {
            '-' => left = true,
            '+' => spec.sign = Some('+'),
            ' ' => spec.sign = spec.sign.or(Some(' ')),
            '#' => spec.alternate = true,
            _ => (spec.fill, spec.align) = (Some('0'), Some('=')),
        }
    }
    if let Some(width) = number(characters, values)? {
        left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
    }
    if characters.as_str().starts_with('.') {
        characters.next();
        let precision = number(characters, values)?.unwrap_or(0).max(0);
        spec.precision = Some(usize::try_from(precision).unwrap_or(usize::MAX));
    }
    while characters.as_str().starts_with(['h', 'l', 'L']) {
        characters.next();
    }
    spec.check(fuel)?;
    let Some(kind) = characters.next() else { return fail("incomplete format") };
    let value = match value {
        Some(value) => value,
        None => values.next()?,
    };
    spec.kind = Some(kind);
    if left {
        (spec.fill, spec.align) = (None, Some('<'));
    }
    if matches!(kind, 's' | 'r' | 'a' | 'c') {
        // Strings are padded with spaces, on the left.
        spec.fill = None;
        spec.precision = spec.precision.filter(|_| kind != 'c');
        spec.align = Some(if left { '<' } else { '>' });
    }
    match kind {
        's' => Ok(spec.of_text(&repr::text(value, fuel)?)),
        'r' => Ok(spec.of_text(&repr::repr(value, fuel)?)),
        'a' => Ok(spec.of_text(&ascii(&repr::repr(value, fuel)?))),
        'c' => match value.as_str() {
            Some(text) if text.chars().count() == 1 => Ok(spec.of_text(text)),
            None if value.as_int().is_some() => spec.of_int(value.as_int().unwrap_or(0)),
            _ => fail("%c requires int or char"),
        },
        'd' | 'i' | 'u' => {
            spec.kind = Some('d');
            match value.defined()? {
                Value::Float(float) if float.is_finite() => {
                    Ok(spec.of_digits(*float <= -1.0, "", &format!("{:.0}", float.trunc().abs())))
                }
                value => match value.as_int() {
                    Some(int) => spec.of_int(int),
                    None => fail(format!("%{kind} format: a real number is required, not {}", value.kind())),
                },
            }
        }
        'x' | 'X' | 'o' => match value.defined()?.as_int() {
            Some(int) => spec.of_int(int),
            None => fail(format!("%{kind} format: an integer is required, not {}", value.kind())),
        },
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match value.defined()?.as_float() {
            Some(float) => Ok(spec.of_float(float)),
            None => fail(format!("must be real number, not {}", value.kind())),
        },
        _ => fail(format!("unsupported format character '{kind}'")),
    }
}

/// Where the bracket that is open at the start of `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.char_indices().find_map(|(at, character)| {
        open += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        (open == 0).then_some(at)
    })
}

/// A number as written, or the next value for `*`.
fn number(characters: &mut Chars, values: &mut Values) -> Result<Option<i64>> {
    let rest = characters.as_str();
    if let Some(after) = rest.strip_prefix('*') {
        *characters = after.chars();
        return match values.next()?.as_int() {
            Some(number) => Ok(Some(number)),
            None => fail("* wants int"),
        };
    }
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    *characters = rest[end..].chars();
    match rest[..end].parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) if end == 0 => Ok(None),
        Err(_) => fail("width too big"),
    }
}
