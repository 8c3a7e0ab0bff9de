//! What a run begins with: its samples, the draft's shape and the first weights.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use paceline::gguf::Stream;
use paceline::learn::core::draft::{Architecture, Shape, Vocabulary, Weights, init, regress, regression};
use paceline::learn::core::{Pools, Strategy, check_feature_weight, divergence, optimizer};
use paceline::learn::run::train::{Config, Supply};
use paceline::learn::run::{Error, Target, device, drafts};
use paceline::model::draft::{Draft, Origin};
use paceline::model::{self, Attention, Config as ModelConfig, Taps};

use super::super::collect::fill;
use super::super::model_files::ModelFiles;
use super::{Args, is_fixed, taps};

/// The configuration and the first weights of a new run.
pub fn begin(args: &Args, target: &Target) -> anyhow::Result<(Config, Weights)> {
    // Wrong names are told before anything is collected.
    Strategy::by_name(&args.strategy).map_err(Error::from)?;
    divergence::by_name(&args.divergence, args.beta).map_err(Error::from)?;
    optimizer::by_name(&args.optimizer).map_err(Error::from)?;
    ensure!((0.0..1.0).contains(&args.mask), "--mask is a share from 0 to 1, and not all");
    let target_config = target.model.config();
    let (draft, given) = match args.init_from.as_str() {
        "target" | "random" | "regression" => {
            let shape = (Architecture::by_name(&args.draft_arch).map_err(Error::from)?.shape)(target_config);
            (shape.draft(target_config, None), None)
        }
        path => {
            let (draft, weights) = open(path, target).with_context(|| path.to_string())?;
            (draft, Some(weights))
        }
    };
    if args.init_from == "regression" {
        regression::check(&draft, target_config).map_err(Error::from)?;
    }
    check_feature_weight(args.feature_weight, draft.reads_last(target_config)).map_err(Error::from)?;
    let shape = shape_of(&draft);
    let data = data(args, target, taps(&draft, target_config)?)?;
    let (ids, weights) = match given {
        None => {
            let ids = if shape.tied { None } else { ids(args, &data, target)? };
            let draft = shape.draft(target_config, ids.clone());
            (ids, first_weights(args, &data, target, &draft)?)
        }
        Some(weights) => {
            let ids = match args.vocab_top {
                None => draft.ids,
                Some(_) if draft.head == Origin::Target => ids(args, &data, target)?,
                Some(_) => {
                    bail!("{} has a head of its own, so --vocab-top cannot change its ids", args.init_from)
                }
            };
            (ids, weights)
        }
    };
    let config = Config {
        target: target.name(),
        tokenizer: target.tokenizer.fingerprint(),
        shape,
        ids: ids.unwrap_or_default(),
        init: args.init_from.clone(),
        data,
        divergence: args.divergence.clone(),
        beta: args.beta,
        strategy: args.strategy.clone(),
        lambda: args.lambda,
        optimizer: args.optimizer.clone(),
        last_layer: args.last_layer,
        mask: args.mask,
        steps: args.steps,
        batch: args.batch,
        length: args.length,
        lr: args.lr,
        warmup: args.warmup,
        unroll: args.unroll,
        unroll_decay: args.unroll_decay,
        feature_weight: args.feature_weight,
        refresh: args.refresh,
        seed: args.speech.seed,
    };
    Ok((config, weights))
}

/// A draft from a file.
fn open(path: &str, target: &Target) -> Result<(Draft, Weights), Error> {
    let model = ModelFiles::from(OsString::from(path));
    let read = || -> Result<_, Error> { pollster::block_on(drafts::read_shards(model.open()?, target)) };
    read().map_err(Error::of_draft)
}

/// The folders to learn from; the run's own is filled first where none are given.
fn data(args: &Args, target: &Target, taps: Option<Taps>) -> anyhow::Result<Vec<PathBuf>> {
    if !args.data.is_empty() {
        return Ok(args.data.clone());
    }
    let folder = args.out.join("data");
    let source = args.speech.source(target, is_fixed(&args.strategy))?;
    let collector = args.speech.collector(target, taps);
    fill(&collector, &source, args.samples, &folder, target.tokenizer.fingerprint())?;
    Ok(vec![folder])
}

fn shape_of(draft: &Draft) -> Shape {
    let ModelConfig { plan, width, tied, .. } = &draft.config;
    let layer = plan.layers[0];
    let Attention { heads, kv_heads, head_dim, .. } = *layer.attention();
    let (layers, ff, taps) = (plan.layers.len(), layer.mlp.ff(), draft.taps.clone());
    let Draft { input, embedding, head, .. } = *draft;
    let (width, tied) = (*width, *tied);
    Shape { input, layers, width, heads, kv_heads, head_dim, ff, embedding, head, tied, taps }
}

/// The most frequent ids of the samples.
fn ids(args: &Args, data: &[PathBuf], target: &Target) -> anyhow::Result<Option<Vec<u32>>> {
    /// They cover nearly all of what a small model says.
    const DEFAULT: usize = 8192;
    let size = target.model.config().head_vocab;
    let wanted = args.vocab_top.unwrap_or(DEFAULT);
    if wanted == 0 || wanted >= size {
        return Ok(None);
    }
    let mut pools = Pools::default();
    let mut supply = Supply::new(data.to_vec(), target, None);
    supply.read(&mut pools, false)?;
    let mut vocabulary = Vocabulary::new(size);
    for sample in pools.target.iter() {
        vocabulary.count(sample.rows.positions.iter().map(|at| sample.tokens[*at as usize + 1]));
    }
    let ids = vocabulary.most_frequent(wanted);
    eprintln!("{} ids cover {:.2} % of the samples' tokens", ids.len(), 100.0 * vocabulary.coverage(&ids));
    Ok(Some(ids))
}

fn first_weights(args: &Args, data: &[PathBuf], target: &Target, draft: &Draft) -> anyhow::Result<Weights> {
    if args.init_from == "random" {
        return Ok(Weights::random(draft, args.speech.seed));
    }
    let config = target.model.config();
    let layers =
        if args.init_layers.is_empty() { init::layers(draft, config) } else { args.init_layers.clone() };
    let (wanted, all) = (draft.config.plan.layers.len(), config.plan.layers.len());
    if layers.len() != wanted || layers.iter().any(|layer| *layer >= all) {
        bail!("--init-layers must name {} of the target's layers 0 to {}", wanted, all - 1);
    }
    let read = async || -> Result<Weights, Error> {
        let mut stream = Stream::open_shards(args.target.open()?).await?;
        let model::Model { slots, config } = model::Model::describe(stream.header())?;
        Ok(Weights::read(&mut stream, &slots, &config, init::wanted(draft, &layers)).await?)
    };
    let weights = pollster::block_on(read()).with_context(|| format!("{}", args.target.display()))?;
    let mut weights = init::from_target(draft, &weights, config, &layers, args.speech.seed);
    if args.init_from == "regression" {
        let mut pools = Pools::default();
        let mut supply = Supply::new(data.to_vec(), target, taps(draft, config)?);
        supply.read(&mut pools, false)?;
        let device = device::open(&args.device).map_err(Error::from)?;
        regress(draft, &mut weights, &target.model, &pools.target, &device).map_err(Error::from)?;
    }
    Ok(weights)
}
