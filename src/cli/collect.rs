//! `paceline collect`: what a target says and thinks, on disk, for drafts to learn from.

use std::path::{Path, PathBuf};

use anyhow::Context;
use paceline::learn::run::collect::{Collected, Collector, Source, collect};
use paceline::learn::run::{Error, Target};
use paceline::model::{Config, Taps};

use super::model_files::ModelFiles;
use super::progress::Progress;
use super::speech::{CAPACITY, Speech};

/// Let a target answer questions and keep its distributions (and hidden states) for drafts to learn from.
///
/// Without --prompts the target asks itself. Killed and started again, it goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file, or any file of a split one.
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    /// The folder of samples to make or to go on with.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    speech: Speech,
    /// Learn the texts in the files instead of the target's answers.
    #[arg(long, requires = "prompts")]
    fixed: bool,
    /// Samples to make, those that are there included.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    samples: usize,
    /// Leave hidden states out: only drafts that read them need them, and they are most of the bytes.
    #[arg(long)]
    no_hidden: bool,
    /// The target's layers (from 0) whose states are kept, such as `2,14,29`: those that the draft is to read [default: the
    /// last].
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "no_hidden")]
    taps: Vec<usize>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let target = open_target(&args.target, CAPACITY)?;
    let source = args.speech.source(&target, args.fixed)?;
    let collector = args.speech.collector(&target, taps(args, target.model.config())?);
    let collected = fill(&collector, &source, args.samples, &args.out, target.tokenizer.fingerprint())?;
    let Collected { samples, rows, seconds } = collected;
    eprintln!("{samples} samples, {rows} tokens new in {seconds:.0} s ({:.1} tokens/s)", collected.speed());
    Ok(())
}

/// The states to keep.
fn taps(args: &Args, target: &Config) -> anyhow::Result<Option<Taps>> {
    if args.no_hidden {
        return Ok(None);
    }
    if args.taps.is_empty() {
        return Ok(Some(Taps::last(target)));
    }
    let last = target.plan.layers.len() - 1;
    let taps = Taps::new(args.taps.clone(), target).ok();
    Ok(Some(taps.with_context(|| {
        format!("--taps is {:?}, not some of the target's layers 0 to {last}, ascending", args.taps)
    })?))
}

/// Loads a target; errors name it.
pub fn open_target(model: &ModelFiles, capacity: usize) -> anyhow::Result<Target> {
    let open =
        || -> Result<Target, Error> { pollster::block_on(Target::load_shards(model.open()?, capacity)) };
    open().with_context(|| model.display().to_string())
}

/// Collects, with a progress bar.
pub fn fill(
    collector: &Collector<'_>,
    source: &Source,
    samples: usize,
    folder: &Path,
    tokenizer: u64,
) -> Result<Collected, Error> {
    let bar = Progress::of_steps("samples", samples);
    collect(collector, source, samples, folder, tokenizer, |collected| {
        bar.reach(collected.samples);
        bar.say(format!("{:.0} tokens/s", collected.speed()));
    })
}
