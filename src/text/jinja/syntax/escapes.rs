//! Escapes in string literals, as Python's `unicode-escape` reads them.

use crate::text::jinja::python::characters::escaped;
use crate::text::jinja::{Result, fail};
use std::str::Chars;

/// The text that the inside of a literal stands for.
pub(super) fn unescape(literal: &str) -> Result<String> {
    let mut text = String::with_capacity(literal.len());
    let mut characters = literal.chars();
    while let Some(character) = characters.next() {
        if character == '\\' { escape(&mut characters, &mut text)? } else { text.push(character) }
    }
    Ok(text)
}

fn escape(characters: &mut Chars, text: &mut String) -> Result<()> {
    let Some(letter) = characters.next() else { return fail("\\ at end of string") };
    let character = match letter {
        '\n' => return Ok(()),
        '\\' | '\'' | '"' => letter,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '0'..='7' => octal(letter, characters),
        'x' => unicode(characters, 'x', 2)?,
        'u' => unicode(characters, 'u', 4)?,
        'U' => unicode(characters, 'U', 8)?,
        'N' => return fail("\\N{...} escapes are not supported; write \\uXXXX"),
        letter if letter.is_ascii() => {
            text.push('\\');
            letter
        }
        // Jinja2 makes the literal ASCII before Python reads it, and so the backslash is escaped.
        letter => {
            *text += &escaped(letter);
            return Ok(());
        }
    };
    text.push(character);
    Ok(())
}

/// Up to three digits.
fn octal(first: char, characters: &mut Chars) -> char {
    let mut code = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = characters.clone().next().and_then(|c| c.to_digit(8)) else { break };
        characters.next();
        code = code * 8 + digit;
    }
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hexadecimal(characters: &mut Chars, letter: char, digits: usize) -> Result<u32> {
    let mut code: u32 = 0;
    for _ in 0..digits {
        match characters.next().and_then(|c| c.to_digit(16)) {
            Some(digit) if code < 1 << 28 => code = code * 16 + digit,
            _ => return fail(format!("\\{letter} in a string takes {digits} hexadecimal digits")),
        }
    }
    Ok(code)
}

/// A character by its code; two halves of a surrogate pair are one.
fn unicode(characters: &mut Chars, letter: char, digits: usize) -> Result<char> {
    let code = hexadecimal(characters, letter, digits)?;
    if (0xd800..0xdc00).contains(&code) && characters.as_str().starts_with("\\u") {
        let mut ahead = characters.clone();
        ahead.nth(1);
        let low = hexadecimal(&mut ahead, 'u', 4)?;
        if (0xdc00..0xe000).contains(&low) {
            *characters = ahead;
            let pair = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
    match char::from_u32(code) {
        Some(character) => Ok(character),
        None => fail(format!("\\{letter} in a string names no character: {code:x}")),
    }
}
