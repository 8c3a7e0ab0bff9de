//! `paceline prune`: a first draft from a target, without training: some of its layers, and a head for the most
//! frequent tokens.
//!
//! Byte-level BPE numbers its tokens by merge rank, so the lowest ids are roughly the most frequent ones: a head cut
//! to the first `N` keeps most of what a text needs and reads far fewer weights a token. Weights are
//! copied as they are, never quantized again.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use paceline::gguf::{Header, Metadata, Stream, Value, Writer};
use paceline::model::{Model, Role, Slot};

use super::model_files::ModelFiles;
use super::output::Output;
use super::progress::Progress;

/// Make a draft of some layers of a target, predicting its most frequent tokens.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file, or any file of a split one.
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    /// Layers to keep, counted from 0, such as `0,1,28,29`.
    #[arg(long, value_name = "LIST", required = true, value_delimiter = ',')]
    layers: Vec<usize>,
    /// Predict only the first N token ids [default: all].
    #[arg(long, value_name = "N")]
    vocab_top: Option<usize>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Overwrite the file if it is there (never the target).
    #[arg(long)]
    force: bool,
}

/// A tensor of the draft.
struct Kept {
    name: String,
    /// Rows to keep, from the first.
    rows: usize,
    /// Columns of them, from the first.
    columns: usize,
    bytes: Vec<u8>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let inputs = args.target.paths().map_err(paceline::Error::from)?;
    let output = Output::new(&args.out, args.force, &inputs)?;
    let progress = Progress::of_bytes("reading");
    let draft = prune(args, &progress).await.with_context(|| format!("{}", args.target.display()))?;
    drop(progress);
    output.write(&draft)?;
    eprintln!("{}: {} bytes", args.out.display(), draft.len());
    Ok(())
}

async fn prune(args: &Args, progress: &Progress) -> anyhow::Result<Vec<u8>> {
    let sources = progress.open(&args.target).map_err(paceline::Error::from)?;
    let mut stream = Stream::open_shards(sources).await.map_err(paceline::Error::from)?;
    let model = Model::describe(stream.header()).map_err(paceline::Error::from)?;
    let mut plan = plan(args, stream.header(), &model)?;

    let formats: Vec<_> = stream.header().tensors.iter().map(|tensor| tensor.format).collect();
    while let Some(window) = stream.next_window().await.map_err(paceline::Error::from)? {
        let row_bytes = window.bytes.len() / window.rows;
        for kept in &mut plan[window.tensor] {
            let rows = kept.rows.saturating_sub(window.first_row).min(window.rows);
            let kept_bytes = formats[window.tensor].row_bytes(kept.columns);
            for row in window.bytes.chunks_exact(row_bytes).take(rows) {
                kept.bytes.extend_from_slice(&row[..kept_bytes]);
            }
        }
    }

    let header = stream.header();
    let mut writer = Writer::default();
    writer.metadata = metadata(header, args, &model);
    for (tensor, copies) in header.tensors.iter().zip(plan) {
        for kept in copies {
            let mut shape = tensor.shape.clone();
            shape[0] = kept.columns;
            if let Some(rows) = shape.get_mut(1) {
                *rows = kept.rows;
            }
            writer.tensor(kept.name, &shape, tensor.format, kept.bytes);
        }
    }
    Ok(writer.finish())
}

/// What becomes of each tensor of the target. The head of a tied target becomes a second copy of the embedding.
fn plan(args: &Args, header: &Header, model: &Model) -> anyhow::Result<Vec<Vec<Kept>>> {
    let config = &model.config;
    let layers = config.plan.layers.len();
    ensure!(
        config.plan.layers.windows(2).all(|pair| pair[0] == pair[1]),
        "the layers of a {} differ, so that a draft of some of them would be another model; choose a target whose layers are alike",
        config.family.name
    );
    for (i, layer) in args.layers.iter().enumerate() {
        ensure!(*layer < layers, "there is no layer {layer}, only 0 to {}", layers - 1);
        ensure!(!args.layers[..i].contains(layer), "layer {layer} is named twice");
    }
    let head_rows = match args.vocab_top {
        Some(0) => bail!("a draft must predict at least one token: --vocab-top is 0"),
        Some(n) => n.min(config.head_vocab),
        None => config.head_vocab,
    };
    if let Some(bias) = model.tensor(None, Role::OutputBias).map(|i| &header.tensors[i]) {
        let block = bias.format.spec().block_len;
        ensure!(
            head_rows.is_multiple_of(block),
            "{} is stored in blocks of {block}: --vocab-top must be too",
            bias.name
        );
    }
    let untie = config.tied && head_rows < config.head_vocab;
    let plan = header.tensors.iter().zip(&model.slots).map(|(tensor, slot)| {
        let columns = tensor.columns();
        let keep = |name: &str, rows| Kept { name: name.into(), rows, columns, bytes: Vec::new() };
        let whole = keep(&tensor.name, tensor.rows());
        match slot {
            None => vec![],
            Some(Slot { layer: Some(layer), .. }) => {
                let new = args.layers.iter().position(|kept| kept == layer);
                let name = |new| tensor.name.replacen(&format!("blk.{layer}."), &format!("blk.{new}."), 1);
                new.map(|new: usize| keep(&name(new), tensor.rows())).into_iter().collect()
            }
            Some(Slot { role: Role::Output, .. }) => vec![keep(&tensor.name, head_rows)],
            Some(Slot { role: Role::OutputBias, .. }) => vec![Kept { columns: head_rows, ..whole }],
            Some(Slot { role: Role::TokenEmbedding, .. }) if untie => {
                vec![whole, keep("output.weight", head_rows)]
            }
            Some(_) => vec![whole],
        }
    });
    Ok(plan.collect())
}

/// The target's metadata, tokenizer and all, for fewer layers.
fn metadata(header: &Header, args: &Args, model: &Model) -> Metadata {
    let mut metadata = header.metadata.clone();
    let layers = args.layers.len();
    metadata.set(format!("{}.block_count", model.config.family.name), Value::U32(layers as u32));
    let name = Some(metadata.label("general.name")).filter(|name| !name.is_empty()).unwrap_or("model".into());
    let list = args.layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    metadata.set("general.name", Value::String(format!("{name} (layers {list})")));
    metadata
}
