//! Texts that look like flags: `--prompt '- item'` is a prompt, `--prompt --json` lacks one.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// The options whose values are people's texts.
const TEXTS: [&str; 2] = ["--prompt", "--chat"];

/// Joins each of [`TEXTS`] with the argument after it, as `--prompt=- item`, where that begins with a dash and is no flag
/// of the command.
pub fn join(cli: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let Some(command) = arguments.get(1).and_then(|name| cli.find_subcommand(name)) else { return arguments };
    let mut joined = Vec::with_capacity(arguments.len());
    let mut rest = arguments.drain(..).peekable();
    while let Some(mut argument) = rest.next() {
        if TEXTS.iter().any(|text| argument == *text)
            && let Some(value) = rest.next_if(|value| is_text(command, value))
        {
            argument.push("=");
            argument.push(value);
        }
        joined.push(argument);
    }
    joined
}

/// Whether `value` begins with a dash and is no flag of `command`.
fn is_text(command: &Command, value: &OsStr) -> bool {
    let Some(name) = value.as_encoded_bytes().strip_prefix(b"-") else { return false };
    let Some(name) = name.strip_prefix(b"-") else {
        // The commands have no short flags of their own.
        return !matches!(name, b"h" | b"V");
    };
    let name = name.split(|byte| *byte == b'=').next().unwrap_or_default();
    let flags = command.get_arguments().filter_map(clap::Arg::get_long);
    !name.is_empty() && !flags.chain(["help", "version"]).any(|flag| flag.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn joined(line: &[&str]) -> Vec<String> {
        let all = std::iter::once(&"paceline").chain(line).map(OsString::from);
        let all = join(&super::super::Cli::command(), all);
        all.into_iter().skip(1).map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn texts_may_begin_with_dashes() {
        for text in ["- item", "-1", "-", "--- a/file", "--jsonish", "--no such flag", "-help"] {
            let expected = format!("--prompt={text}");
            assert_eq!(joined(&["generate", "--prompt", text, "--json"]), ["generate", &expected, "--json"]);
        }
        assert_eq!(joined(&["generate", "--chat", "-x"]), ["generate", "--chat=-x"]);
    }

    #[test]
    fn flags_are_not_taken_for_texts() {
        for flag in ["--json", "--max-tokens", "--device=cpu", "-h", "--help", "--", "plain", "--prompt"] {
            let line = ["generate", "--prompt", flag];
            assert_eq!(joined(&line), line);
        }
        assert_eq!(joined(&["generate", "--prompt"]), ["generate", "--prompt"]);
        assert_eq!(joined(&["generate", "--target", "-x"]), ["generate", "--target", "-x"]);
        assert_eq!(joined(&["--prompt", "-x"]), ["--prompt", "-x"]);
    }
}
