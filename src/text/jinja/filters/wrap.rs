//! `wordwrap`, by the rules of Python's `textwrap`.

use super::super::strings::methods;
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
        fuel.product(16, value.len())?;
        let mut wrapped = String::new();
        for (index, line) in methods::lines(value, false, fuel)?.into_iter().enumerate() {
            if index > 0 {
                self.end_line(&mut wrapped, fuel)?;
            }
            for (index, line) in self.fill(&self.chunks(line), width).iter().enumerate() {
                if index > 0 {
                    self.end_line(&mut wrapped, fuel)?;
                }
                wrapped += line;
            }
        }
        Ok(wrapped)
    }

    fn end_line(&self, wrapped: &mut String, fuel: &Fuel) -> Result<()> {
        fuel.bytes(self.newline.len())?;
        *wrapped += self.newline;
        Ok(())
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

    fn fill(&self, chunks: &[String], width: usize) -> Vec<String> {
        // What is left, the next one last, with the numbers of their characters.
        let mut chunks: Vec<(&str, usize)> =
            chunks.iter().rev().map(|chunk| (&**chunk, chunk.chars().count())).collect();
        let is_blank = |chunk: &str| chunk.chars().all(char::is_whitespace);
        let mut lines: Vec<String> = Vec::new();
        while !chunks.is_empty() {
            let mut line: Vec<&str> = Vec::new();
            let mut length = 0;
            if !lines.is_empty() && chunks.last().is_some_and(|(chunk, _)| is_blank(chunk)) {
                chunks.pop();
            }
            while let Some((chunk, more)) = chunks.last() {
                if length + more > width {
                    break;
                }
                length += more;
                line.push(chunk);
                chunks.pop();
            }
            if let Some((chunk, count)) = chunks.last_mut().filter(|(_, count)| *count > width) {
                let room = width - length;
                if self.break_long_words {
                    let end = chunk.char_indices().nth(room).map_or(chunk.len(), |(at, _)| at);
                    let end = match chunk[..end].rfind('-') {
                        Some(at) if self.break_on_hyphens && chunk[..at].contains(|c| c != '-') => at + 1,
                        _ => end,
                    };
                    let (first, rest) = chunk.split_at(end);
                    line.push(first);
                    (*chunk, *count) = (rest, *count - first.chars().count());
                } else if line.is_empty() {
                    line.push(chunk);
                    chunks.pop();
                }
            }
            if line.last().is_some_and(|chunk| is_blank(chunk)) {
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
