//! Writes small models of random weights for the browser tests:
//! `cargo run --example tiny_model -- FOLDER [MODEL.gguf]`.
//!
//! - `target.gguf` and `draft.gguf`: the draft has the target's first layers, so it is right now and then;
//! - `deep.gguf`: a target of 30 layers, to count what a round costs the host; `draft.gguf` is one for it too;
//! - `split-00001-of-00009.gguf` and so on, `split-draft-00001-of-00002.gguf` and so on: the first two, split;
//! - `other.gguf`: a model with another tokenizer;
//! - `plain.gguf`: a model without a chat template;
//! - `tokenizer.gguf`, where a real model is given: its tokenizer with next to no weights, to tell how much memory the
//!   tokenizer takes by itself.

use std::path::Path;

use paceline::gguf::{Metadata, Stream, Writer, shard_name};
use paceline::model::tiny::Tiny;
use paceline::source::FileSource;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: tiny_model FOLDER [MODEL.gguf]")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;

    let target = Tiny { layers: 4, width: 128, ff: 256, heads: 4, head_dim: 32, ..Tiny::default() };
    let draft = Tiny { layers: 3, ..target.clone() };
    let deep = Tiny { layers: 30, ..target.clone() };
    let other = Tiny { vocab: Tiny::MIN_VOCAB + 2, ..draft.clone() };
    std::fs::write(folder.join("target.gguf"), target.gguf())?;
    std::fs::write(folder.join("draft.gguf"), draft.gguf())?;
    for (stem, files) in [("split", target.shards(9)), ("split-draft", draft.shards(2))] {
        for (no, bytes) in (0..).zip(&files) {
            std::fs::write(folder.join(shard_name(stem, no, files.len() as u64)), bytes)?;
        }
    }
    std::fs::write(folder.join("deep.gguf"), deep.gguf())?;
    std::fs::write(folder.join("other.gguf"), other.gguf())?;

    let without_template =
        |metadata: &mut Metadata| metadata.0.retain(|(key, _)| key != "tokenizer.chat_template");
    std::fs::write(folder.join("plain.gguf"), rewritten(&target, without_template)?)?;

    if let Some(model) = arguments.next() {
        let real = pollster::block_on(Stream::open(FileSource::open(Path::new(&model))?))?;
        let real = &real.header().metadata;
        let vocab = real.require_strings("tokenizer.ggml.tokens")?.len();
        let small =
            Tiny { layers: 1, width: 32, ff: 32, heads: 1, kv_heads: 1, head_dim: 32, vocab, ..target };
        let borrowed = |metadata: &mut Metadata| {
            metadata.0.retain(|(key, _)| !key.starts_with("tokenizer."));
            metadata.0.extend(real.0.iter().filter(|(key, _)| key.starts_with("tokenizer.")).cloned());
        };
        std::fs::write(folder.join("tokenizer.gguf"), rewritten(&small, borrowed)?)?;
    }
    Ok(())
}

/// The file of `tiny` with other metadata.
fn rewritten(tiny: &Tiny, change: impl FnOnce(&mut Metadata)) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let file = tiny.gguf();
    let mut stream = pollster::block_on(Stream::open(&file[..]))?;
    let header = stream.header().clone();
    let mut writer = Writer::default();
    writer.metadata = header.metadata;
    change(&mut writer.metadata);
    let mut bytes = vec![Vec::new(); header.tensors.len()];
    while let Some(window) = pollster::block_on(stream.next_window())? {
        bytes[window.tensor].extend_from_slice(window.bytes);
    }
    for (tensor, bytes) in header.tensors.into_iter().zip(bytes) {
        writer.tensor(tensor.name, &tensor.shape, tensor.format, bytes);
    }
    Ok(writer.finish())
}
