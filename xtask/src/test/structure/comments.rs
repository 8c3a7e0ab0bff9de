//! What is a comment in a file, and what is not.

/// A line of a comment and its number, from 1.
pub type Line = (usize, String);

/// How a language writes comments and what else could look like one.
#[derive(Clone, Copy, PartialEq)]
enum Language {
    Rust,
    Script,
    Shader,
    Style,
    Hash,
    Markup,
    Prose,
}

/// The comments of a file, line by line; the whole of a file of prose.
pub fn of(path: &str, text: &str) -> Vec<Line> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let language = match extension {
        "rs" => Language::Rust,
        "ts" | "tsx" | "js" | "mjs" => Language::Script,
        "wgsl" => Language::Shader,
        "css" => Language::Style,
        "py" | "sh" | "toml" | "yml" => Language::Hash,
        "html" => Language::Markup,
        "md" => Language::Prose,
        _ => return Vec::new(),
    };
    let mut reader = Reader { text, at: 0, language, lines: Vec::new(), before: '\n' };
    if language == Language::Prose {
        reader.keep(0, text.len());
    }
    while reader.at < text.len() && language != Language::Prose {
        reader.step();
    }
    reader.lines
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    language: Language,
    lines: Vec<Line>,
    /// The last character of code that is not a space.
    before: char,
}

impl Reader<'_> {
    /// What begins with `open` and ends with `close`, or with the file, as a comment.
    fn comment(&mut self, open: &str, close: &str) {
        let begin = self.at + open.len();
        let end = self.text[begin..].find(close).map_or(self.text.len(), |found| begin + found);
        self.keep(begin, end);
        self.at = (end + close.len()).min(self.text.len());
    }

    fn keep(&mut self, begin: usize, end: usize) {
        let first = 1 + self.text[..begin].matches('\n').count();
        let lines = self.text[begin..end].lines().enumerate();
        self.lines.extend(lines.map(|(nth, line)| (first + nth, line.to_owned())));
    }

    /// Goes on behind the next `close` that no backslash escapes, or behind the line where `inline`.
    fn skip_string(&mut self, close: char, inline: bool) {
        let mut escaped = false;
        for (offset, letter) in self.text[self.at..].char_indices().skip(1) {
            let ends = letter == close || (inline && letter == '\n');
            if !escaped && ends {
                self.at += offset + letter.len_utf8();
                return;
            }
            escaped = letter == '\\' && !escaped;
        }
        self.at = self.text.len();
    }

    fn step(&mut self) {
        let rest = &self.text[self.at..];
        let Some(letter) = rest.chars().next() else { return };
        let c_like = !matches!(self.language, Language::Hash | Language::Markup | Language::Prose);
        let line = c_like && self.language != Language::Style;
        match letter {
            '/' if line && rest.starts_with("//") => return self.comment("//", "\n"),
            '/' if c_like && rest.starts_with("/*") => return self.comment("/*", "*/"),
            '/' if self.language == Language::Script && self.begins_a_pattern() => self.skip_pattern(),
            '{' if self.language == Language::Shader && rest.starts_with("{#") => {
                return self.comment("{#", "#}");
            }
            '<' if self.language == Language::Markup && rest.starts_with("<!--") => {
                return self.comment("<!--", "-->");
            }
            '#' if self.language == Language::Hash => return self.comment("#", "\n"),
            '"' if self.language == Language::Hash && rest.starts_with("\"\"\"") => {
                return self.comment("\"\"\"", "\"\"\"");
            }
            'r' if self.language == Language::Rust && self.skip_raw(rest) => {}
            '\'' if self.language == Language::Rust => self.skip_letter(rest),
            '"' if self.language == Language::Rust => self.skip_string('"', false),
            '`' if self.language == Language::Script => self.skip_string('`', false),
            '"' | '\'' if matches!(self.language, Language::Script | Language::Style | Language::Hash) => {
                self.skip_string(letter, true);
            }
            _ => self.at += letter.len_utf8(),
        }
        if !letter.is_whitespace() {
            self.before = letter;
        }
    }

    /// Whether a slash in a script begins a regular expression: there is nothing to divide in front of it.
    fn begins_a_pattern(&self) -> bool {
        let code = self.text[..self.at].trim_end();
        "(,=:[!&|?{};+\n>".contains(self.before) || code.ends_with("return")
    }

    fn skip_pattern(&mut self) {
        let (mut escaped, mut in_class) = (false, false);
        let mut letters = self.text[self.at..].char_indices().skip(1);
        let end = letters.find(|(_, letter)| {
            let ends = *letter == '\n' || (*letter == '/' && !escaped && !in_class);
            match letter {
                '[' if !escaped => in_class = true,
                ']' if !escaped => in_class = false,
                _ => {}
            }
            escaped = *letter == '\\' && !escaped;
            ends
        });
        self.at = end.map_or(self.text.len(), |(offset, _)| self.at + offset + 1);
    }

    /// Skips a raw string, if `rest` begins with one.
    fn skip_raw(&mut self, rest: &str) -> bool {
        let in_a_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let mut ahead = self.text[..self.at].chars().rev();
        let prefix = ahead.next().filter(|letter| !matches!(letter, 'b' | 'c')).or_else(|| ahead.next());
        let hashes = rest[1..].chars().take_while(|letter| *letter == '#').count();
        if prefix.is_some_and(in_a_word) || !rest[1 + hashes..].starts_with('"') {
            return false;
        }
        let close = String::from("\"") + &"#".repeat(hashes);
        let begin = self.at + 2 + hashes;
        self.at = self.text[begin..].find(&close).map_or(self.text.len(), |end| begin + end + close.len());
        true
    }

    /// Skips a character in Rust, or the quote of a lifetime.
    fn skip_letter(&mut self, rest: &str) {
        let mut letters = rest.chars().skip(1);
        match (letters.next(), letters.next()) {
            (Some('\\'), _) => self.skip_string('\'', true),
            (Some(letter), Some('\'')) => self.at += 2 + letter.len_utf8(),
            _ => self.at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> String {
        let lines = of(path, text);
        lines.iter().map(|(line, text)| format!("{line}{text};")).collect()
    }

    #[test]
    fn comments_are_told_from_what_looks_like_them() {
        for (path, text, expected) in [
            ("a.rs", "//! a\nlet b = \"// c\"; // d", "1! a;2 d;"),
            ("a.rs", "let a = 'b'; let c: &'d str; '\\''; '\"'; // e", "1 e;"),
            ("a.rs", "r\"\\\"; // a\nbr#\"// b\" \"#; // c\nfor\"// d\"; /* e\nf */ 1", "1 a;2 c;3 e;4f ;"),
            ("a.rs", "\"a\\\"// b\" // c\n/// d", "1 c;2/ d;"),
            ("a.ts", "const a = /\\/[/]\"/; // b\nc / d; '// e' `// f\n` // g", "1 b;3 g;"),
            ("a.ts", "/** a\n * b */ return /'/; // c", "1* a;2 * b ;2 c;"),
            ("a.wgsl", "// a {% b %}\n{# c #} d / e; /* f */", "1 a {% b %};2 c ;2 f ;"),
            ("a.css", "a: url(//b); /* c */ d: '/* e */'", "1 c ;"),
            ("a.py", "\"\"\"a\nb\"\"\"\nc = '# d' # e", "1a;2b;3 e;"),
            ("a.html", "<p>// a</p><!-- b -->", "1 b ;"),
            ("a.md", "a\n\nb", "1a;2;3b;"),
            ("a.json", "// a", ""),
        ] {
            assert_eq!(found(path, text), expected, "{text}");
        }
    }
}
