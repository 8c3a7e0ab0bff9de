//! Characters of a string by their kind, and their case, as Python knows them.

use super::characters::{is_printable, is_space};

/// `isdigit` and its like.
pub fn is(value: &str, name: &str) -> Option<bool> {
    let all = |holds: fn(char) -> bool| !value.is_empty() && value.chars().all(holds);
    Some(match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => value.is_ascii(),
        "isnumeric" => all(char::is_numeric),
        "isdigit" => all(|c| c.is_numeric() && !is_fraction(c)),
        "isdecimal" => {
            all(|c| c.is_numeric() && !is_fraction(c) && !"¹²³".contains(c) && !('⁰'..='₉').contains(&c))
        }
        "isspace" => all(is_space),
        "isprintable" => value.chars().all(is_printable),
        "isidentifier" => all(|c| c.is_alphanumeric() || c == '_') && !value.starts_with(char::is_numeric),
        "islower" => value.chars().any(char::is_lowercase) && !value.chars().any(char::is_uppercase),
        "isupper" => value.chars().any(char::is_uppercase) && !value.chars().any(char::is_lowercase),
        "istitle" => value.chars().any(is_cased) && title(value) == value,
        _ => return None,
    })
}

/// Fractions and Roman numerals.
fn is_fraction(character: char) -> bool {
    matches!(character, '¼'..='¾' | '\u{2150}'..='\u{218b}')
}

fn is_cased(character: char) -> bool {
    character.is_lowercase() || character.is_uppercase()
}

pub fn swap_case(character: char) -> String {
    if character.is_uppercase() {
        character.to_lowercase().collect()
    } else {
        character.to_uppercase().collect()
    }
}

/// `str.capitalize`.
pub fn capitalize(value: &str) -> String {
    let mut characters = value.chars();
    let first = characters.next().map(title_case).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

/// A first letter as it stands in a title: what becomes two letters has one of them small.
fn title_case(first: char) -> String {
    if let Some(title) = "ǅǈǋǲ".chars().find(|title| title.to_lowercase().eq(first.to_lowercase())) {
        return title.into();
    }
    let mut upper = first.to_uppercase();
    let mut title: String = upper.next().into_iter().collect();
    title.extend(upper.flat_map(char::to_lowercase));
    title
}

pub fn title(value: &str) -> String {
    let mut title = String::with_capacity(value.len());
    let mut in_word = false;
    for character in value.chars() {
        if in_word {
            title.extend(character.to_lowercase())
        } else {
            title += &title_case(character)
        }
        in_word = is_cased(character);
    }
    title
}
