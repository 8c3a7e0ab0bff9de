//! `wordwrap`, by the rules of Python's `textwrap`.

use super::super::str_methods;
use super::super::{Fuel, Result, fail};

pub(super) struct Wrapping<'w> {
    pub(super) width: i64,
    pub(super) break_long_words: bool,
    pub(super) newline: &'w str,
    pub(super) break_on_hyphens: bool,
}

impl Wrapping<'_> {
    pub(super) fn wrap(&self, value: &str, fuel: &Fuel) -> Result<String> {
        let Some(width) = usize::try_from(self.width).ok().filter(|width| *width > 0) else {
            return fail(format!("invalid width {} (must be > 0)", self.width));
        };
        fuel.product(value.len() / width + 1, self.newline.len())?;
        fuel.product(4, value.len())?;
        let wrapped = str_methods::lines(value, false).into_iter().map(|line| {
            let mut chunks = self.chunks(line);
            chunks.reverse();
            self.fill(chunks, width).join(self.newline)
        });
        Ok(wrapped.collect::<Vec<_>>().join(self.newline))
    }

    /// Words, and the white space between them.
    fn chunks(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = Vec::new();
        let is_blank = |c: char| "\t\n\x0b\x0c\r ".contains(c);
        for character in line.chars() {
            match chunks.last_mut() {
                Some(last) if last.chars().next_back().is_some_and(is_blank) == is_blank(character) => {
                    last.push(character);
                }
                _ => chunks.push(character.into()),
            }
        }
        if !self.break_on_hyphens {
            return chunks;
        }
        chunks.into_iter().flat_map(|chunk| at_hyphens(&chunk)).collect()
    }

    fn fill(&self, mut chunks: Vec<String>, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !chunks.is_empty() {
            let mut line: Vec<String> = Vec::new();
            let mut length = 0;
            if !lines.is_empty() && chunks.last().is_some_and(|chunk| chunk.trim().is_empty()) {
                chunks.pop();
            }
            while let Some(chunk) = chunks.last() {
                let more = chunk.chars().count();
                if length + more > width {
                    break;
                }
                length += more;
                line.extend(chunks.pop());
            }
            if let Some(chunk) = chunks.last_mut().filter(|chunk| chunk.chars().count() > width) {
                let room = width.saturating_sub(length).max(usize::from(width == 0));
                if self.break_long_words {
                    let end = chunk.char_indices().nth(room).map_or(chunk.len(), |(at, _)| at);
                    let end = match chunk[..end].rfind('-') {
                        Some(at) if self.break_on_hyphens && chunk[..at].contains(|c| c != '-') => at + 1,
                        _ => end,
                    };
                    line.push(chunk.drain(..end).collect());
                } else if line.is_empty() {
                    line.extend(chunks.pop());
                }
            }
            if line.last().is_some_and(|chunk| chunk.trim().is_empty()) {
                line.pop();
            }
            if !line.is_empty() {
                lines.push(line.concat());
            }
        }
        lines
    }
}

/// A word in the parts that a line may end after: behind hyphens between letters.
fn at_hyphens(word: &str) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    let letter = |index: Option<usize>| {
        index.and_then(|index| characters.get(index)).is_some_and(|c| c.is_alphabetic())
    };
    let mut parts = vec![String::new()];
    for (index, character) in characters.iter().enumerate() {
        if let Some(part) = parts.last_mut() {
            part.push(*character);
        }
        let before = letter(index.checked_sub(1))
            && (letter(index.checked_sub(2))
                || (index >= 3 && characters[index - 2] == '-' && letter(index.checked_sub(3))));
        let after = letter(Some(index + 1))
            && (letter(Some(index + 2))
                || (characters.get(index + 2) == Some(&'-') && letter(Some(index + 3))));
        if *character == '-' && before && after {
            parts.push(String::new());
        }
    }
    parts
}
