//! How text is cut into pieces before byte-pair merges: one line of [`RULES`] a pre-tokenizer.
//!
//! Expressions are those of the models' own `tokenizer.json` (llama.cpp rewrites some without `(?i:)` and
//! look-ahead; the pieces are the same). `tests/fixtures/pre_tokenizer_splits.json` has what HuggingFace's
//! `tokenizers` makes of odd text.

use super::Error;
use tokenizers::PreTokenizedString;
use tokenizers::normalizer::SplitDelimiterBehavior;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::utils::SysRegex;

const DIGIT: &str = r"\p{N}";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The names in [`RULES`], for error messages.
const SUPPORTED: &str = "smollm, gpt-2, llama-bpe, qwen2";

/// White-space characters in a row that the expressions can match: `fancy-regex` keeps a stack of a million
/// entries, one a character of `\s+(?!\S)`, and `tokenizers` hides the error when it overflows.
const LONGEST_SPACE: usize = 500_000;

/// What a value of `tokenizer.ggml.pre` stands for.
#[derive(Debug)]
pub(super) struct Rule {
    /// Values of `tokenizer.ggml.pre`; the first one is the name that we use.
    names: &'static [&'static str],
    /// Each expression cuts the pieces that the one before left.
    expressions: &'static [&'static str],
    /// Text is put into Unicode's normalization form C first.
    pub nfc: bool,
    /// A piece that is a token as a whole becomes that token whatever the merges say.
    pub ignore_merges: bool,
    /// `add_bos_token` where the file does not say.
    pub add_bos: bool,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { names: &["smollm"], expressions: &[DIGIT, GPT2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["gpt-2", "gpt2", "default"], expressions: &[GPT2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["llama-bpe", "llama3", "llama-v3"], expressions: &[LLAMA3], nfc: false, ignore_merges: true, add_bos: true },
    Rule { names: &["qwen2"], expressions: &[QWEN2], nfc: true, ignore_merges: false, add_bos: false },
];

impl Rule {
    /// The rule called `name`.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        RULES.iter().find(|rule| rule.names.contains(&name)).ok_or_else(|| Error::Unsupported {
            what: "pre-tokenizer",
            name: name.into(),
            supported: SUPPORTED,
        })
    }

    /// Its name, the same for all aliases.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

/// Rejects a text that would be split wrongly without an error.
pub(super) fn check_length(text: &str) -> Result<(), Error> {
    if text.len() <= LONGEST_SPACE {
        return Ok(());
    }
    let run = text.split(|c: char| !c.is_whitespace()).find(|run| run.chars().count() > LONGEST_SPACE);
    match run {
        None => Ok(()),
        Some(_) => {
            Err(Error::Encode(format!("it has more than {LONGEST_SPACE} white-space characters in a row")))
        }
    }
}

/// A rule with its expressions compiled.
pub(super) struct PreTokenizer {
    expressions: Vec<SysRegex>,
    bytes: ByteLevel,
}

impl PreTokenizer {
    pub fn new(rule: &Rule) -> Result<Self, Error> {
        let compile = |expression: &&str| {
            SysRegex::new(expression)
                .map_err(|e| Error::Tokenizer(format!("pre-tokenizer {}: {e}", rule.name())))
        };
        Ok(Self {
            expressions: rule.expressions.iter().map(compile).collect::<Result<_, _>>()?,
            bytes: ByteLevel::new(false, false, false),
        })
    }
}

impl tokenizers::PreTokenizer for PreTokenizer {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        for expression in &self.expressions {
            text.split(|_, piece| piece.split(expression, SplitDelimiterBehavior::Isolated))?;
        }
        tokenizers::PreTokenizer::pre_tokenize(&self.bytes, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizer as _};

    fn split<'a>(rule: &Rule, text: &'a str) -> Vec<&'a str> {
        let mut pieces = PreTokenizedString::from(text);
        PreTokenizer::new(rule).unwrap().pre_tokenize(&mut pieces).unwrap();
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(_, (start, end), _)| &text[start..end]).collect()
    }

    #[test]
    fn splits_equal_those_of_huggingface() {
        type Fixture = std::collections::BTreeMap<String, Vec<(String, Vec<String>)>>;
        let fixture = include_str!("../../tests/fixtures/pre_tokenizer_splits.json");
        let fixture: Fixture = serde_json::from_str(fixture).unwrap();
        assert_eq!(fixture.len(), RULES.len());
        for (name, cases) in fixture {
            let rule = Rule::named(&name).unwrap();
            for (text, expected) in cases {
                assert_eq!(split(rule, &text), expected, "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn long_runs_are_split_rightly_or_rejected() {
        let spaces = " ".repeat(LONGEST_SPACE) + "x";
        let lines = "\r\n".repeat(LONGEST_SPACE / 2) + "x";
        let letters = "é".repeat(300_000) + "!";
        for rule in RULES {
            let last = |text| split(rule, text).last().map(|piece| piece.trim_start().to_owned());
            for (text, expected) in [(&spaces, "x"), (&lines, "x"), (&letters, "!")] {
                assert!(check_length(text).is_ok());
                assert_eq!(last(text).as_deref(), Some(expected), "{}", rule.name());
            }
        }
        let error = check_length(&format!("a {spaces} b")).unwrap_err();
        assert_eq!(error.code(), "text-rejected");
    }

    #[test]
    fn unknown_names_are_errors() {
        let error = Rule::named("chameleon").unwrap_err();
        assert_eq!(error.code(), "tokenizer-unsupported");
        assert!(error.to_string().contains("llama-bpe"), "{error}");
    }
}
