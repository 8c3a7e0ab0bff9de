//! `paceline collect`: what a target says and thinks, on disk, for drafts to learn from.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use paceline::Error;
use paceline::learn::data::{Collector, Openers, Sample, Source, prompts, shards};
use paceline::learn::{Target, files};

use super::progress::Progress;

/// Let a target answer questions and keep its distributions (and hidden states) for drafts to learn from.
///
/// Without --prompts the target asks itself. Killed and started again, it goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file.
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// The folder of samples to make or to go on with.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Files of prompts or texts: `.jsonl`, or plain text with passages between empty lines.
    #[arg(long, value_name = "FILE")]
    prompts: Vec<PathBuf>,
    /// Learn the answers in the files instead of the target's own.
    #[arg(long, requires = "prompts")]
    fixed: bool,
    /// Samples to make, those that are there included.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    samples: usize,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Most tokens of a question that the target asks itself.
    #[arg(long, value_name = "N", default_value_t = 96)]
    question_tokens: usize,
    /// Leave hidden states out: only drafts that read them need them, and they are most of the bytes.
    #[arg(long)]
    no_hidden: bool,
    /// Sequences in a pass.
    #[arg(long, value_name = "N", default_value_t = 16)]
    lanes: usize,
    /// Threads, each with lanes of its own.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Another seed, other questions and answers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Longest text, question and answer together.
const CAPACITY: usize = 2048;
/// Samples of a shard.
const SHARD: usize = 32;

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let target = pollster::block_on(Target::open(&args.target, CAPACITY))
        .with_context(|| format!("{}", args.target.display()))?;
    let source = source(args, &target)?;
    let fingerprint = target.tokenizer.fingerprint();
    files::folder(&args.out).map_err(Error::from)?;
    let done = done(&args.out, fingerprint)?;
    let scripts = (0..args.samples).filter(|i| !done.contains(i));
    let scripts = scripts.map_while(|i| Some((i, source.script(i)?)));
    let collector = Collector {
        target: &target.model,
        stop_ids: target.tokenizer.stop_ids(),
        hidden: !args.no_hidden,
        lanes: args.lanes,
        threads: args.threads,
    };

    let bar = Progress::of_steps("samples", args.samples);
    let began = Instant::now();
    let (mut count, mut tokens) = (done.len(), 0);
    let mut shard: Vec<(usize, Sample)> = Vec::new();
    bar.reach(count);
    let keep = |shard: &mut Vec<(usize, Sample)>| -> Result<(), Error> {
        let Some((first, _)) = shard.first() else { return Ok(()) };
        shards::write(&args.out.join(format!("{first:08}.safetensors")), fingerprint, shard)?;
        shard.clear();
        Ok(())
    };
    collector.run(scripts, |progress| {
        count += 1;
        tokens += progress.sample.rows.len();
        bar.reach(count);
        bar.say(format!("{:.0} tokens/s", tokens as f64 / began.elapsed().as_secs_f64()));
        shard.push((progress.script, progress.sample));
        if shard.len() < SHARD { Ok(()) } else { keep(&mut shard) }
    })?;
    keep(&mut shard)?;
    drop(bar);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{count} samples, {tokens} tokens in {seconds:.0} s ({:.1} tokens/s)", tokens as f64 / seconds);
    Ok(())
}

fn source(args: &Args, target: &Target) -> Result<Source, Error> {
    if args.prompts.is_empty() {
        let lengths = (args.question_tokens, args.max_tokens);
        return Ok(Source::Openers(Openers::new(target.template()?, &target.tokenizer, lengths, args.seed)?));
    }
    let prompts = prompts::read_all(&args.prompts)?;
    if args.fixed {
        return Source::fixed(target, &prompts, args.max_tokens);
    }
    Source::prompts(target, &prompts, args.max_tokens, args.seed)
}

/// The scripts whose samples are there.
fn done(folder: &Path, fingerprint: u64) -> Result<HashSet<usize>, Error> {
    let mut done = HashSet::new();
    for path in files::list(folder, "safetensors")? {
        done.extend(shards::read(&path, fingerprint)?.into_iter().map(|(script, _)| script));
    }
    Ok(done)
}
