//! `paceline inspect`: what a GGUF file says it is. Reads the header only.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Context;
use paceline::gguf::{Array, Header, Shard, Stream, Tensor, Value};
use paceline::model::{Attention, Config, Model};
use paceline::text::{self, Tokenizer};
use paceline::{Error, gpu};
use serde_json::{Value as Json, json};

use super::model_files::ModelFiles;
use super::tuning;

/// Show a GGUF file's header, hyper-parameters and tensors.
#[derive(clap::Args)]
pub struct Args {
    /// The file; of a split model any of its files, or a pattern in quotes.
    file: ModelFiles,
    /// Also show the kernels that were chosen for the model's matrices on the GPU; those not yet timed are timed.
    #[arg(long, value_name = "webgpu", value_parser = ["webgpu"])]
    device: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Values of an array that are shown before the rest is counted.
const SHOWN: usize = 8;

/// What a model's files say.
struct Contents {
    header: Header,
    shards: Vec<Shard>,
    model: Result<Model, paceline::model::Error>,
    tokenizer: Result<Tokenizer, text::Error>,
    gpu: Option<Kernels>,
}

/// The kernels of an adapter for a model's matrices.
struct Kernels {
    adapter: String,
    /// By format and shape, for 1, 2, up to 4 and up to 8 rows.
    by_shape: BTreeMap<String, String>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (header, shards) = read(&args.file).with_context(|| args.file.display().to_string())?;
    let model = Model::describe(&header);
    let tokenizer = Tokenizer::from_metadata(&header.metadata);
    let gpu = match &model {
        Ok(model) if args.device.is_some() => Some(pollster::block_on(kernels(&header, model))?),
        _ => None,
    };
    let contents = Contents { header, shards, model, tokenizer, gpu };
    if args.json {
        return super::print_json(&as_json(&contents));
    }
    io::stdout().write_all(as_text(&contents).as_bytes())?;
    Ok(())
}

/// What is remembered or found out for `model` on the GPU.
async fn kernels(header: &Header, model: &Model) -> Result<Kernels, Error> {
    let device = gpu::Device::open(gpu::DeviceOptions::default()).await?;
    let before = tuning::read();
    let mut tuning = before.clone();
    let choice =
        gpu::choose_kernels(&device, &mut tuning.kernels, &gpu::Model::shapes(header, model)).await?;
    if tuning != before {
        tuning::write(&tuning);
    }
    Ok(Kernels { adapter: device.adapter(), by_shape: choice.by_shape() })
}

fn read(files: &ModelFiles) -> Result<(Header, Vec<Shard>), Error> {
    let stream = pollster::block_on(Stream::open_shards(files.open()?))?;
    Ok((stream.header().clone(), stream.shards().to_vec()))
}

/// The files of a split model with their tensors and bytes of them; none where it is not split.
fn files<'a>(header: &Header, shards: &'a [Shard]) -> Vec<(&'a str, usize, u64)> {
    let file = |shard: &'a Shard| {
        let bytes = header.tensors[shard.tensors.clone()].iter().map(Tensor::bytes).sum();
        (shard.name.as_deref().unwrap_or_default(), shard.tensors.len(), bytes)
    };
    if shards.len() > 1 { shards.iter().map(file).collect() } else { Vec::new() }
}

/// Tensors and bytes of each format.
fn formats(header: &Header) -> BTreeMap<&'static str, (usize, u64)> {
    let mut formats = BTreeMap::new();
    for tensor in &header.tensors {
        let (count, bytes) = formats.entry(tensor.format.spec().name).or_default();
        *count += 1;
        *bytes += tensor.bytes();
    }
    formats
}

fn hyper_parameters(config: &Config) -> Vec<(&'static str, Json)> {
    // Those of the first layer and its rope: no family has layers of other sizes.
    let (Some(layer), Some(rope)) = (config.plan.layers.first(), config.plan.ropes.first()) else {
        return Vec::new();
    };
    let Attention { heads, kv_heads, head_dim, .. } = layer.attention();
    vec![
        ("architecture", json!(config.family.name)),
        ("layers", json!(config.plan.layers.len())),
        ("width", json!(config.width)),
        ("heads", json!(heads)),
        ("kv_heads", json!(kv_heads)),
        ("head_dim", json!(head_dim)),
        ("ff", json!(layer.mlp.ff())),
        ("vocab", json!(config.vocab)),
        ("head_vocab", json!(config.head_vocab)),
        ("tied", json!(config.tied)),
        ("context", json!(config.context)),
        ("rms_eps", float_json(config.rms_eps)),
        ("rope_base", json!(rope.base)),
        ("rope_dim", json!(rope.dim)),
        ("rope_scale", json!(rope.scale)),
    ]
}

fn as_json(contents: &Contents) -> Json {
    let Contents { header, shards, model, tokenizer, gpu } = contents;
    let formats: serde_json::Map<String, Json> = formats(header)
        .into_iter()
        .map(|(name, (tensors, bytes))| (name.into(), json!({"tensors": tensors, "bytes": bytes})))
        .collect();
    let tensor = |t: &Tensor| {
        json!({
            "name": t.name,
            "shape": t.shape,
            "format": t.format.spec().name,
            "offset": t.offset,
            "bytes": t.bytes(),
        })
    };
    let metadata: serde_json::Map<String, Json> =
        header.metadata.0.iter().map(|(key, value)| (key.clone(), value_json(value))).collect();
    let (parameters, problem) = match model {
        Ok(model) => {
            let pairs = hyper_parameters(&model.config).into_iter();
            (Json::Object(pairs.map(|(key, value)| (key.into(), value)).collect()), Json::Null)
        }
        Err(error) => (Json::Null, json!({"code": error.code(), "message": error.to_string()})),
    };
    let file = |(name, tensors, bytes)| json!({"file": name, "tensors": tensors, "bytes": bytes});
    let tokenizer = match tokenizer {
        Ok(tokenizer) => json!({
            "tokens": tokenizer.vocab_size(),
            "stop_ids": tokenizer.stop_ids(),
            "warnings": tokenizer.warnings(),
        }),
        Err(error) => json!({"problem": {"code": error.code(), "message": error.to_string()}}),
    };
    let gpu = gpu.as_ref().map(|gpu| json!({"adapter": gpu.adapter, "kernels": gpu.by_shape}));
    json!({
        "webgpu": gpu,
        "version": header.version,
        "alignment": header.alignment,
        "data_offset": header.data_offset,
        "model": parameters,
        "problem": problem,
        "shards": files(header, shards).into_iter().map(file).collect::<Vec<_>>(),
        "tokenizer": tokenizer,
        "formats": formats,
        "metadata": metadata,
        "tensors": header.tensors.iter().map(tensor).collect::<Vec<_>>(),
    })
}

fn as_text(contents: &Contents) -> String {
    let Contents { header, shards, model, tokenizer, gpu } = contents;
    let mut lines = vec![format!(
        "GGUF version {}, {} metadata keys, {} tensors, data at byte {} aligned to {}",
        header.version,
        header.metadata.0.len(),
        header.tensors.len(),
        header.data_offset,
        header.alignment
    )];
    let files = files(header, shards);
    if !files.is_empty() {
        lines.push("\nFiles".into());
        let width = files.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        lines.extend(
            files.iter().map(|(name, n, bytes)| format!("  {name:<width$}{n:>6} tensors {bytes:>14} bytes")),
        );
    }
    lines.push("\nMetadata".into());
    for (key, value) in &header.metadata.0 {
        lines.push(format!("  {key} = {}", value_text(value)));
    }
    lines.push("\nHyper-parameters".into());
    match model {
        Ok(model) => {
            let pairs = hyper_parameters(&model.config).into_iter();
            lines.extend(pairs.map(|(key, value)| format!("  {key:<14}{value}")));
        }
        Err(error) => lines.push(format!("  Paceline cannot run this model: {error}")),
    }
    lines.push("\nTokenizer".into());
    match tokenizer {
        Ok(tokenizer) => {
            lines.push(format!("  {:<14}{}", "tokens", tokenizer.vocab_size()));
            lines.push(format!("  {:<14}{:?}", "stop_ids", tokenizer.stop_ids()));
            lines.extend(tokenizer.warnings().iter().map(|warning| format!("  {:<14}{warning}", "warning")));
        }
        Err(error) => lines.push(format!("  Paceline cannot read this tokenizer: {error}")),
    }
    if let Some(Kernels { adapter, by_shape }) = gpu {
        lines.push(format!("\nKernels on {adapter}, for 1, 2, up to 4 and up to 8 rows"));
        lines.extend(by_shape.iter().map(|(shape, kernels)| format!("  {shape:<24}{kernels}")));
    }
    lines.push("\nFormats".into());
    for (name, (tensors, bytes)) in formats(header) {
        lines.push(format!("  {name:<6}{tensors:>6} tensors {bytes:>14} bytes"));
    }
    lines.push("\nTensors (innermost dimension first)".into());
    let width = header.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0);
    for tensor in &header.tensors {
        let Tensor { name, shape, format, .. } = tensor;
        lines.push(format!(
            "  {name:<width$}  {:<6}{:>12} bytes  {shape:?}",
            format.spec().name,
            tensor.bytes()
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A value in a line: long texts and arrays are cut.
fn value_text(value: &Value) -> String {
    let json = value_json(value);
    match &json {
        Json::Object(long) => format!("{} values: {} ...", long["length"], long["first"]),
        _ => {
            let text = json.to_string();
            let cut = text.char_indices().nth(100).map(|(i, _)| i);
            cut.map_or(text.clone(), |i| format!("{} ...", &text[..i]))
        }
    }
}

/// Scalars and short arrays are themselves; long arrays are `{"length", "first"}`.
fn value_json(value: &Value) -> Json {
    match value {
        Value::U8(v) => json!(v),
        Value::I8(v) => json!(v),
        Value::U16(v) => json!(v),
        Value::I16(v) => json!(v),
        Value::U32(v) => json!(v),
        Value::I32(v) => json!(v),
        Value::F32(v) => float_json(*v),
        Value::Bool(v) => json!(v),
        Value::String(v) => json!(v),
        Value::Bytes(v) => json!(String::from_utf8_lossy(v)),
        Value::Array(v) => array_json(v),
        Value::U64(v) => json!(v),
        Value::I64(v) => json!(v),
        Value::F64(v) => json!(v),
    }
}

/// The shortest number that is `value` in single precision: 1e-5, not 9.999999747378752e-6.
fn float_json(value: f32) -> Json {
    value.to_string().parse::<f64>().map_or(Json::Null, |v| json!(v))
}

fn array_json(array: &Array) -> Json {
    fn cut<T>(values: &[T], json: impl Fn(&T) -> Json) -> Json {
        let first: Vec<Json> = values.iter().take(SHOWN).map(json).collect();
        if values.len() <= SHOWN { json!(first) } else { json!({"length": values.len(), "first": first}) }
    }
    match array {
        Array::U8(v) => cut(v, |v| json!(v)),
        Array::I8(v) => cut(v, |v| json!(v)),
        Array::U16(v) => cut(v, |v| json!(v)),
        Array::I16(v) => cut(v, |v| json!(v)),
        Array::U32(v) => cut(v, |v| json!(v)),
        Array::I32(v) => cut(v, |v| json!(v)),
        Array::F32(v) => cut(v, |v| float_json(*v)),
        Array::Bool(v) => cut(v, |v| json!(v)),
        Array::String(v) => cut(v, |v| json!(v)),
        Array::Bytes(v) => cut(v, |v| json!(String::from_utf8_lossy(v))),
        Array::Array(v) => cut(v, array_json),
        Array::U64(v) => cut(v, |v| json!(v)),
        Array::I64(v) => cut(v, |v| json!(v)),
        Array::F64(v) => cut(v, |v| json!(v)),
    }
}
