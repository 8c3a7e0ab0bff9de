//! How text is cut into pieces before byte-pair merges: one line of [`RULES`] a pre-tokenizer.
//!
//! Names are those of llama.cpp (`src/llama-vocab.cpp`). Expressions are those of the models' own `tokenizer.json`,
//! or llama.cpp's where we know no other: it rewrites some without `(?i:)`, possessive repetition and categories of
//! letters, and puts nothing into form C. `tests/fixtures/pre_tokenizer_splits.json` has what HuggingFace's
//! `tokenizers` makes of odd text.
//!
//! Left out are those whose expressions take quadratic time on a long run of digits or letters (`superbpe`,
//! `tiny_aya`, `exaone-moe`), those that need more than expressions (`kimi-k2`, `afmoe`, `gemma4`), and those of
//! models that only embed text.

use super::Error;
use tokenizers::PreTokenizedString;
use tokenizers::normalizer::SplitDelimiterBehavior;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::utils::SysRegex;

const DIGIT: &str = r"\p{N}";
const DIGITS: &str = r"\p{N}+";
const UP_TO_3_DIGITS: &str = r"\p{N}{1,3}";
const THREE_ASCII_DIGITS: &str = "[0-9][0-9][0-9]";
const LINE_BREAK: &str = r"[\r\n]";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const MINICPM5: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SEED_CODER: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
const BAILING: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
const JAIS2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
const HAN_AND_KANA: &str = r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+";
const EAST_ASIAN: &str = r"[\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+";
/// Cased letters of Unicode 11 but for the mathematical ones, as DeepSeek lists them.
const CASED: &str = concat!(
    r"\s?[",
    r"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}",
    r"\x{370}-\x{373}\x{376}-\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}",
    r"\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}",
    r"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}",
    r"\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}",
    r"\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}",
    r"\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}",
    r"\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}",
    r"\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}-\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}",
    r"\x{2CEB}-\x{2CEE}\x{2CF2}-\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}",
    r"\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}",
    r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
    r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}",
    r"]+",
);
const DEEPSEEK_MARKS: &str =
    r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+";
const BLOOM: &str = r" ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+";

/// The names that [`RULES`] go by, for error messages.
const SUPPORTED: &str = "smollm, command-r, gpt-2, olmo, llama-bpe, dbrx, jais-2, qwen2, grok-2, qwen35, minicpm5, \
    seed-coder, bailingmoe, tekken, gpt-4o, deepseek-llm, deepseek-coder, deepseek-v3, falcon, viking, bloom, default \
    or another name of one of these";

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
    Rule { names: &["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"], expressions: &[DIGIT, GPT2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["command-r"], expressions: &[DIGIT, GPT2], nfc: true, ignore_merges: false, add_bos: false },
    Rule { names: &["gpt-2", "gpt2", "phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4", "jais", "trillion", "granite-docling"], expressions: &[GPT2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["olmo", "mpt"], expressions: &[GPT2], nfc: true, ignore_merges: false, add_bos: false },
    Rule { names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"], expressions: &[LLAMA3], nfc: false, ignore_merges: true, add_bos: true },
    Rule { names: &["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], expressions: &[LLAMA3], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["jais-2"], expressions: &[JAIS2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan"], expressions: &[QWEN2], nfc: true, ignore_merges: false, add_bos: false },
    Rule { names: &["grok-2", "solar-open"], expressions: &[QWEN2], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["qwen35"], expressions: &[QWEN35], nfc: true, ignore_merges: false, add_bos: false },
    Rule { names: &["minicpm5"], expressions: &[UP_TO_3_DIGITS, MINICPM5], nfc: false, ignore_merges: true, add_bos: false },
    Rule { names: &["seed-coder"], expressions: &[SEED_CODER], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["bailingmoe", "bailingmoe2", "llada-moe"], expressions: &[BAILING], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["tekken"], expressions: &[TEKKEN], nfc: false, ignore_merges: true, add_bos: true },
    Rule { names: &["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], expressions: &[GPT4O], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["deepseek-llm"], expressions: &[LINE_BREAK, CASED, DEEPSEEK_MARKS, r"\s+$", EAST_ASIAN, DIGITS], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["deepseek-coder"], expressions: &[LINE_BREAK, r"\s?\p{L}+", r"\s?\p{P}+", EAST_ASIAN, DIGIT], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], expressions: &[UP_TO_3_DIGITS, HAN_AND_KANA, DEEPSEEK3], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["falcon"], expressions: &[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, THREE_ASCII_DIGITS], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["viking"], expressions: &[BLOOM, DIGIT], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["bloom", "poro-chat", "gpt3-finnish"], expressions: &[BLOOM], nfc: false, ignore_merges: false, add_bos: false },
    Rule { names: &["default"], expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, DIGITS, THREE_ASCII_DIGITS], nfc: false, ignore_merges: false, add_bos: false },
];

/// What files without `tokenizer.ggml.pre` mean: architecture, a token that tells its vocabulary from others of that
/// architecture, and the name that today's converter would write. The first line that fits counts.
///
/// Such files are older than the key (llama.cpp, pull request 6920, May 2024).
#[rustfmt::skip]
const FAMILIES: &[(&str, Option<&str>, &str)] = &[
    ("llama", Some("<|start_header_id|>"), "llama-bpe"),
    ("llama", Some("<｜fim▁begin｜>"), "deepseek-coder"),
    ("llama", Some("<｜begin▁of▁sentence｜>"), "deepseek-llm"),
    ("llama", None, "llama-bpe"),
    ("qwen2", None, "qwen2"),
    ("qwen3", None, "qwen2"),
];

impl Rule {
    /// The rule for a file that names none: its family's own, or else what llama.cpp takes. And whether to put BOS in front
    /// where the file does not say: only where the vocabulary tells which it is.
    pub fn of_family(architecture: &str, tokens: &[String]) -> Result<(&'static Self, bool), Error> {
        let has =
            |wanted: Option<&str>| wanted.is_none_or(|wanted| tokens.iter().any(|token| token == wanted));
        let line = FAMILIES.iter().find(|(family, token, _)| *family == architecture && has(*token));
        let rule = Self::named(line.map_or("default", |(_, _, name)| name))?;
        Ok((rule, rule.add_bos && line.is_some_and(|(_, token, _)| token.is_some())))
    }

    /// The rule called `name`.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        RULES.iter().find(|rule| rule.names.contains(&name)).ok_or_else(|| Error::Unsupported {
            what: "pre-tokenizer",
            name: name.into(),
            supported: SUPPORTED.into(),
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
    use std::collections::BTreeMap;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizer as _};

    fn split<'a>(rule: &PreTokenizer, text: &'a str) -> Vec<&'a str> {
        let mut pieces = PreTokenizedString::from(text);
        rule.pre_tokenize(&mut pieces).unwrap();
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(_, (start, end), _)| &text[start..end]).collect()
    }

    /// Texts, and the lengths in characters of the pieces that each pre-tokenizer cuts them into.
    #[derive(serde::Deserialize)]
    struct Fixture {
        texts: Vec<String>,
        pieces: BTreeMap<String, Vec<Vec<usize>>>,
    }

    /// `PACELINE_SPLITS` names a wider comparison, which `pre_tokenizer_splits.py` writes.
    #[test]
    fn splits_equal_those_of_huggingface() {
        let json = match std::env::var_os("PACELINE_SPLITS") {
            Some(path) => std::fs::read_to_string(path).unwrap(),
            None => include_str!("../../tests/fixtures/pre_tokenizer_splits.json").into(),
        };
        let fixture: Fixture = serde_json::from_str(&json).unwrap();
        assert!(fixture.texts.len() >= 300);
        assert_eq!(fixture.pieces.len(), RULES.len());
        for (name, pieces) in fixture.pieces {
            let rule = Rule::named(&name).unwrap();
            assert_eq!(rule.name(), name);
            let compiled = PreTokenizer::new(rule).unwrap();
            for (text, expected) in fixture.texts.iter().zip(pieces) {
                let ours: Vec<_> = split(&compiled, text).iter().map(|piece| piece.chars().count()).collect();
                assert_eq!(ours, expected, "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn long_runs_are_split_rightly_or_rejected() {
        let spaces = " ".repeat(LONGEST_SPACE) + "x";
        let lines = "\r\n".repeat(LONGEST_SPACE / 2) + "x";
        let letters = "é".repeat(100_000) + "!";
        let digits = "1".repeat(100_000) + "!";
        let marks = "?".repeat(100_000) + "x";
        for rule in RULES {
            let compiled = PreTokenizer::new(rule).unwrap();
            let texts = [(&spaces, 'x'), (&lines, 'x'), (&letters, '!'), (&digits, '!'), (&marks, 'x')];
            for (text, last) in texts {
                assert!(check_length(text).is_ok());
                let pieces = split(&compiled, text);
                assert_eq!(pieces.concat(), *text, "{}", rule.name());
                assert!(pieces.last().is_some_and(|piece| piece.ends_with(last)), "{}", rule.name());
            }
            assert_eq!(split(&compiled, &spaces).last().map(|piece| piece.trim_start()), Some("x"));
        }
        let error = check_length(&format!("a {spaces} b")).unwrap_err();
        assert_eq!(error.code(), "text-rejected");
    }

    #[test]
    fn every_name_stands_for_one_rule_and_is_told() {
        let mut names: Vec<_> = RULES.iter().flat_map(|rule| rule.names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for rule in RULES {
            assert!(SUPPORTED.split([',', ' ']).any(|word| word == rule.name()), "{}", rule.name());
        }
        let error = Rule::named("chameleon").unwrap_err();
        assert_eq!(error.code(), "tokenizer-unsupported");
        assert!(error.to_string().contains("llama-bpe"), "{error}");
    }

    #[test]
    fn families_have_their_own() {
        let of = |architecture, token: &str| Rule::of_family(architecture, &[token.into()]).unwrap().0.name();
        assert_eq!(of("llama", "a"), "llama-bpe");
        let bos = |token: &str| Rule::of_family("llama", &[token.into()]).unwrap().1;
        assert!(bos("<|start_header_id|>") && !bos("a"));
        assert_eq!(of("llama", "<｜begin▁of▁sentence｜>"), "deepseek-llm");
        assert_eq!(of("llama", "<｜fim▁begin｜>"), "deepseek-coder");
        assert_eq!(of("qwen2", "<｜fim▁begin｜>"), "qwen2");
        assert_eq!(of("qwen3", "a"), "qwen2");
        assert_eq!(of("mamba", "a"), "default");
        for (_, _, name) in FAMILIES {
            assert!(Rule::named(name).is_ok(), "{name}");
        }
    }

    /// llama.cpp's `default` is not GPT-2's: punctuation stands alone, and digits come in threes.
    #[test]
    fn default_is_what_llama_cpp_takes() {
        let rule = PreTokenizer::new(Rule::named("default").unwrap()).unwrap();
        let pieces = ["I", "'", "ve", " ", "123", "4", " apples", "...$", "5"];
        assert_eq!(split(&rule, "I've 1234 apples...$5"), pieces);
        let rule = PreTokenizer::new(Rule::named("gpt-2").unwrap()).unwrap();
        assert_eq!(split(&rule, "I've 1234 apples"), ["I", "'ve", " 1234", " apples"]);
    }
}
