//! Characters as Python knows and writes them.

/// What Python calls white space.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// The escape of a character in a literal.
pub fn escaped(character: char) -> String {
    match u32::from(character) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Python's `str.isprintable`, by the same Unicode categories as the standard library's `escape_debug`, which
/// after a first character leaves combining marks alone.
pub fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ if character.is_ascii() => false,
        _ => String::from_iter(['a', character]).escape_debug().nth(1) != Some('\\'),
    }
}

/// Python's `ascii`, of what `repr` gave.
pub fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect()
}
