//! Tokenizer and chat template of SmolLM2-135M-Instruct against references of `transformers` and `tokenizers`.
//! The model and the reference come from `cargo xtask setup`; without them these tests fail. And small SentencePiece
//! vocabularies against `sentencepiece` and `tokenizers`.

use paceline::gguf::{Array, Metadata, Stream, Value};
use paceline::source::FileSource;
use paceline::text::{ChatTemplate, Message, TextStream, Tokenizer};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[derive(serde::Deserialize)]
struct Reference {
    runs: Vec<Run>,
}

#[derive(serde::Deserialize)]
struct Run {
    prompt: String,
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    text: String,
}

/// `path`, which `cargo xtask setup` puts there.
fn needed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `cargo xtask setup` first", path.display());
    path
}

fn metadata() -> Metadata {
    let path = match std::env::var_os("PACELINE_MODEL") {
        Some(path) => path.into(),
        None => dirs::cache_dir().expect("a cache folder").join("paceline").join(MODEL),
    };
    let source = FileSource::open(&needed(path)).expect("a readable model");
    pollster::block_on(Stream::open(source)).expect("a GGUF file").header().metadata.clone()
}

fn reference() -> Reference {
    let shared = match std::env::var_os("PACELINE_SHARED") {
        Some(path) => path.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"),
    };
    let json = std::fs::read(needed(shared.join("greedy_reference.json"))).expect("a readable file");
    serde_json::from_slice(&json).expect("the reference as JSON")
}

#[test]
fn prompts_have_the_references_ids() {
    let metadata = metadata();
    let template = ChatTemplate::from_metadata(&metadata).unwrap();
    let tokenizer = Tokenizer::from_metadata(&metadata).unwrap();
    for run in reference().runs {
        let message = Message { role: "user".into(), content: run.prompt };
        let prompt = template.render(&[message]).unwrap();
        assert_eq!(tokenizer.encode(&prompt).unwrap(), run.prompt_ids, "{prompt}");
    }
}

/// The reference's texts have the end-of-turn token written out; ours leave special tokens out.
#[test]
fn answers_have_the_references_text() {
    let tokenizer = Tokenizer::from_metadata(&metadata()).unwrap();
    for run in reference().runs {
        let expected = run.text.strip_suffix("<|im_end|>").unwrap_or(&run.text);
        assert_eq!(tokenizer.decode(&run.ids), expected);

        let mut stream = TextStream::default();
        let mut streamed: String = run.ids.iter().map(|&id| stream.push(&tokenizer, id)).collect();
        streamed += &stream.finish();
        assert_eq!(streamed, expected);

        let (last, before) = run.ids.split_last().unwrap();
        let stops = tokenizer.stop_ids();
        assert!(before.iter().all(|id| !stops.contains(id)));
        assert_eq!(stops.contains(last), run.text.ends_with("<|im_end|>"));
    }
    assert_eq!(tokenizer.stop_ids(), [0, 2], "<|endoftext|> and <|im_end|>");
}

#[test]
fn odd_texts_have_the_ids_of_huggingface() {
    let tokenizer = Tokenizer::from_metadata(&metadata()).unwrap();
    let fixture = include_str!("fixtures/smollm2_ids.json");
    let fixture: Vec<(String, Vec<u32>)> = serde_json::from_str(fixture).unwrap();
    for (text, ids) in fixture {
        assert_eq!(tokenizer.encode(&text).unwrap(), ids, "{text:?}");
    }
}

#[test]
fn every_token_has_bytes_or_is_special() {
    let tokenizer = Tokenizer::from_metadata(&metadata()).unwrap();
    assert_eq!(tokenizer.vocab_size(), 49_152);
    for id in 0..49_152 {
        assert_eq!(tokenizer.token_bytes(id).is_empty(), id < 17, "{id}");
    }
}

#[test]
fn equal_files_are_compatible() {
    let mut metadata = metadata();
    let one = Tokenizer::from_metadata(&metadata).unwrap();
    let two = Tokenizer::from_metadata(&metadata).unwrap();
    assert_eq!(one.fingerprint(), two.fingerprint());
    assert_eq!(one.compatible(&two), Ok(()));

    metadata.set("tokenizer.ggml.pre", Value::String("gpt-2".into()));
    let other = Tokenizer::from_metadata(&metadata).unwrap();
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert!(one.compatible(&other).unwrap_err().contains("pre-tokenizer"));
}

/// The goal is 300 ms; ten times that is a bug even on a machine with other work.
#[test]
fn loads_fast() {
    let metadata = metadata();
    let start = Instant::now();
    let tokenizer = Tokenizer::from_metadata(&metadata).unwrap();
    let built = start.elapsed();
    let text = "The quick brown fox jumps over 1234 lazy dogs.\n".repeat(2_000);
    let start = Instant::now();
    let ids = tokenizer.encode(&text).unwrap();
    println!("built in {built:?}; {} tokens encoded in {:?}", ids.len(), start.elapsed());
    assert!(built < Duration::from_secs(3), "{built:?}");
}

/// A vocabulary of `sentencepiece_ids.py`, with texts and ids.
#[derive(serde::Deserialize)]
struct SentencePiece {
    name: String,
    tokens: Vec<String>,
    scores: Vec<f32>,
    types: Vec<i32>,
    add_space_prefix: bool,
    remove_extra_whitespaces: bool,
    cases: Vec<(String, Vec<u32>, bool)>,
    texts: Vec<(Vec<u32>, String)>,
}

impl SentencePiece {
    fn tokenizer(&mut self) -> Tokenizer {
        let mut metadata = Metadata::default();
        let mut set = |key: &str, value| metadata.set(format!("tokenizer.ggml.{key}"), value);
        set("model", Value::String("llama".into()));
        set("tokens", Value::Array(Array::String(std::mem::take(&mut self.tokens))));
        set("scores", Value::Array(Array::F32(std::mem::take(&mut self.scores))));
        set("token_type", Value::Array(Array::I32(std::mem::take(&mut self.types))));
        // The references' ids are without.
        set("add_bos_token", Value::Bool(false));
        set("add_space_prefix", Value::Bool(self.add_space_prefix));
        set("remove_extra_whitespaces", Value::Bool(self.remove_extra_whitespaces));
        Tokenizer::from_metadata(&metadata).expect("a tokenizer")
    }
}

/// `PACELINE_SENTENCEPIECE` names another comparison, of a real vocabulary, which `sentencepiece_ids.py` writes.
#[test]
fn sentencepiece_texts_have_the_references_ids() {
    let json = match std::env::var_os("PACELINE_SENTENCEPIECE") {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => include_str!("fixtures/sentencepiece_ids.json").into(),
    };
    let models: Vec<SentencePiece> = serde_json::from_str(&json).unwrap();
    for mut model in models {
        let start = Instant::now();
        let tokenizer = model.tokenizer();
        println!("{}: {} tokens built in {:?}", model.name, tokenizer.vocab_size(), start.elapsed());
        assert!(model.cases.len() > 150 && model.texts.len() >= 40);
        for (text, ids, _) in &model.cases {
            assert_eq!(tokenizer.encode(text).unwrap(), *ids, "{}: {text:?}", model.name);
        }
        for (ids, text) in &model.texts {
            assert_eq!(tokenizer.decode(ids), *text, "{}: {ids:?}", model.name);
            let mut stream = TextStream::default();
            let mut streamed: String = ids.iter().map(|&id| stream.push(&tokenizer, id)).collect();
            streamed += &stream.finish();
            assert_eq!(streamed, *text, "{}: {ids:?}", model.name);
        }
    }
}
