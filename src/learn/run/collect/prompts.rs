//! Prompts and fixed texts from files.
//!
//! - `.jsonl`: an object a line with `turns` (a list; the first is the question), or `prompt`, and maybe `completion` (or
//!   `response`, or `answer`), `category` and `question_id`; or `text`, to be learnt as it is.
//! - anything else is plain text: passages between empty lines, to be learnt as they are.

use std::path::{Path, PathBuf};

use crate::learn::run::error::Error;

/// A question, a text, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked, in the user's words; empty for plain text.
    pub question: String,
    /// What is answered, where the file says so, or a text to be learnt as it is.
    pub answer: Option<String>,
    /// The kind of task, where the file says so.
    pub task: String,
}

/// A line of a `.jsonl` file.
#[derive(serde::Deserialize)]
struct Line {
    turns: Option<Vec<String>>,
    prompt: Option<String>,
    text: Option<String>,
    #[serde(alias = "response", alias = "answer")]
    completion: Option<String>,
    #[serde(alias = "task", default)]
    category: String,
}

/// Reads one file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Prompts`] with the line that is not what it should be; [`Error::Empty`].
pub fn read(path: &Path) -> Result<Vec<Prompt>, Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        Error::Prompts { path: path.into(), line, why: "this is not UTF-8 text".into() }
    })?;
    let jsonl = path.extension().is_some_and(|e| e == "jsonl" || e == "json");
    let prompts = if jsonl { lines(path, &text)? } else { passages(&text) };
    if prompts.is_empty() { Err(Error::Empty(path.into())) } else { Ok(prompts) }
}

/// Reads several files.
///
/// # Errors
/// Those of [`read`].
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Prompt>, Error> {
    let read: Vec<Vec<Prompt>> = paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    Ok(read.concat())
}

fn lines(path: &Path, text: &str) -> Result<Vec<Prompt>, Error> {
    let mut prompts = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |why: String| Error::Prompts { path: path.into(), line: at + 1, why };
        let line: Line = serde_json::from_str(line).map_err(|e| bad(e.to_string()))?;
        let asked = line.turns.and_then(|turns| turns.into_iter().next()).or(line.prompt);
        let prompt = match (asked, line.text) {
            (Some(question), _) => Prompt { question, answer: line.completion, task: line.category },
            (None, Some(text)) => Prompt { answer: Some(text), task: line.category, ..Prompt::default() },
            (None, None) => return Err(bad("it has neither turns nor prompt nor text".into())),
        };
        if prompt.question.trim().is_empty() && prompt.answer.as_deref().unwrap_or("").trim().is_empty() {
            return Err(bad("it says nothing".into()));
        }
        prompts.push(prompt);
    }
    Ok(prompts)
}

fn passages(text: &str) -> Vec<Prompt> {
    let text = text.replace("\r\n", "\n");
    let passages = text.split("\n\n").map(str::trim).filter(|p| !p.is_empty());
    passages.map(|p| Prompt { answer: Some(p.into()), ..Prompt::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn every_kind_of_line() {
        let (_folder, path) = file(
            "a.jsonl",
            "{\"turns\": [\"one\", \"more\"], \"category\": \"qa\", \"question_id\": 3}\n\n\
             {\"prompt\": \"two\", \"completion\": \"2\"}\n{\"prompt\": \"x\", \"response\": \"y\"}\n{\"text\": \"three\"}\n",
        );
        let prompt = |question: &str, answer: Option<&str>, task: &str| Prompt {
            question: question.into(),
            answer: answer.map(String::from),
            task: task.into(),
        };
        let expected = [
            prompt("one", None, "qa"),
            prompt("two", Some("2"), ""),
            prompt("x", Some("y"), ""),
            prompt("", Some("three"), ""),
        ];
        assert_eq!(read(&path).unwrap(), expected);
    }

    #[test]
    fn plain_text_is_passages() {
        let (_folder, path) = file("a.txt", "One\nline.\r\n\r\nTwo.\n\n\n\nThree.");
        let answers: Vec<_> = read(&path).unwrap().into_iter().filter_map(|p| p.answer).collect();
        assert_eq!(answers, ["One\nline.", "Two.", "Three."]);
    }

    #[test]
    fn bad_files_say_where() {
        for (name, text, code, place) in [
            ("a.jsonl", b"{\"prompt\": \"a\"}\n{\"prompt\": ".as_slice(), "learn-prompts", "line 2"),
            ("a.jsonl", b"{\"other\": 1}", "learn-prompts", "line 1"),
            ("a.jsonl", b"\n{\"prompt\": \" \"}", "learn-prompts", "line 2"),
            ("a.jsonl", b"\n\n", "learn-empty", "a.jsonl"),
            ("a.txt", b" \n\n ", "learn-empty", "a.txt"),
            ("a.txt", b"good\nbad \xff", "learn-prompts", "line 2"),
        ] {
            let (_folder, path) = file(name, text);
            let error = read(&path).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(place), "{error}");
        }
        assert_eq!(read(Path::new("/no/such/file.txt")).unwrap_err().code(), "learn-io");
    }
}
