//! `paceline generate`: a prompt in, text out.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use paceline::Error;
use paceline::decode::{Event, FinishReason, Gamma, Generator, Options, Paused, Promise, SourcePlan, Stats};
use paceline::drafters::{self, DRAFTERS, Drafter};
use paceline::load::{self, DEFAULT_CAPACITY, Device, LoadOptions, Loaded};
use paceline::model::CacheType;
use paceline::round::{Engine as _, MemoryUse, Shape};
use paceline::text::{Message, TextStream};

use super::model_files::ModelFiles;
use super::progress::Progress;
use super::tuning;

/// Help of `--draft`.
const DRAFT: &str = "Who proposes tokens: a GGUF file with the same tokenizer, `ngram` or `none`. Given twice, the first \
    that has something to say proposes: `--draft ngram --draft FILE`";

fn draft_help() -> String {
    super::listed(DRAFT, DRAFTERS.iter().map(|spec| (spec.name, spec.about)))
}

/// Continue a prompt, or answer in a chat, with speculative decoding.
#[derive(clap::Args)]
pub struct Args {
    /// The model that speaks: a GGUF file. Where it is split, any of its files (`NAME-00001-of-00003.gguf`, the others lie
    /// beside it), or a pattern in quotes (`'NAME-*.gguf'`).
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    #[arg(long, value_name = "FILE|NAME", default_value = "none", help = DRAFT, long_help = draft_help())]
    draft: Vec<String>,
    /// Several tokens of the draft model for a position: the children of each token, level by level, such as `2,2,1`; at most 15
    /// tokens in all. On the CPU. Above temperature 0 they are verified token by token.
    #[arg(long, value_name = "K1,K2,...")]
    tree: Option<Shape>,
    #[command(flatten)]
    prompt: Prompt,
    /// Most tokens to generate.
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Tokens to propose a round: a number up to 15, or `auto`, what pays best here, plain decoding where nothing does
    /// [default: auto]. With --temperature and --seed, which must give the same text again, `auto` is 10 for ngram and 4 for a
    /// model.
    #[arg(long, value_name = "N|auto", value_parser = parse_gamma)]
    gamma: Option<Gamma>,
    #[command(flatten)]
    sampling: super::sampling::Args,
    /// Rounds to keep in flight [default: as many as results take to the host, at least 2].
    #[arg(long, value_name = "N")]
    in_flight: Option<usize>,
    /// Where to run: `webgpu`, `cpu`, or `auto`: the GPU if there is one that is not software.
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Threads on the CPU; the text is the same whatever their number [default: as many as run at once, up to 8].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Longest context in tokens, prompt and answer together; never more than the model's own.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CAPACITY)]
    capacity: usize,
    /// Numbers of the KV caches: f32, or f16, which halves their memory and rounds what they hold: another text may come out.
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    kv_cache: CacheType,
    /// Print one JSON object at the end instead of the text as it comes.
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Prompt {
    /// A text to continue as it is.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// What the user says in a chat: goes through the model's own chat template.
    #[arg(long, value_name = "TEXT")]
    chat: Option<String>,
}

impl Prompt {
    fn ids(&self, loaded: &Loaded) -> Result<Vec<u32>, Error> {
        let text = self.prompt.as_deref().unwrap_or_default();
        let ids = match &self.chat {
            Some(text) => loaded.chat_ids(&[Message { role: "user".into(), content: text.clone() }]),
            None => loaded.tokenizer.encode(text),
        };
        Ok(ids?)
    }
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Output<'a> {
    text: String,
    token_ids: &'a [u32],
    prompt_ids: &'a [u32],
    finish_reason: FinishReason,
    device: &'a str,
    adapter: &'a str,
    drafter: &'a str,
    stats: Stats,
    /// When it ended, in bytes.
    memory: MemoryUse,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let (drafter, draft) = parse_draft(&args.draft, args.tree.as_ref())?;
    let loaded = load(args, draft.as_ref()).await?;
    let prompt = args.prompt.ids(&loaded)?;
    let name = drafter.name();
    let stop_ids = loaded.tokenizer.stop_ids();
    let (rules, reproducible) = args.sampling.rules(stop_ids, drafter.branches()).map_err(Error::from)?;
    let options = Options {
        max_tokens: args.max_tokens,
        gamma: args.gamma.unwrap_or(Gamma::Auto),
        drafter,
        rules,
        reproducible,
        in_flight: args.in_flight,
    };
    let mut generator = Generator::new(loaded.engine);
    loaded.tuning.rounds(&loaded.pair).into_iter().for_each(|known| generator.recall(known));
    generator.start(&prompt, options).map_err(Error::from)?;

    let in_chat = args.prompt.chat.is_some();
    let mut stream = if in_chat { TextStream::default() } else { TextStream::continuing() };
    let mut text = String::new();
    let mut tell = |piece: String| -> io::Result<()> {
        if args.json {
            text.push_str(&piece);
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(piece.as_bytes())?;
        out.flush()
    };
    let mut progress = Some(Progress::of_prompt(prompt.len()));
    let finish_reason = loop {
        match generator.step().await? {
            Event::Prefill { done, total } => {
                progress.as_ref().inspect(|bar| bar.reach(done));
                progress.take_if(|_| done == total);
            }
            Event::Tokens { tokens, stopped, .. } => {
                let said = &tokens[..tokens.len() - usize::from(stopped)];
                tell(said.iter().map(|&id| stream.push(&loaded.tokenizer, id)).collect())?;
            }
            Event::Finished(reason) => break reason,
        }
    };
    tell(stream.finish())?;

    let mut learnt = loaded.tuning;
    learnt.remember(&loaded.pair, generator.knowledge());
    tuning::write(&learnt);
    let stats = generator.stats();
    let (info, memory) = (generator.engine().info(), generator.engine().memory());
    if !args.json {
        tell("\n".into())?;
        eprintln!("{}", summary(&stats, name, info.device, finish_reason));
        return Ok(());
    }
    let (device, adapter) = (info.device, &info.adapter);
    let token_ids = generator.generated();
    let prompt_ids = &prompt;
    super::print_json(&Output {
        text,
        token_ids,
        prompt_ids,
        finish_reason,
        device,
        adapter,
        drafter: name,
        stats,
        memory,
    })
}

fn parse_gamma(text: &str) -> Result<Gamma, String> {
    match text {
        "auto" => Ok(Gamma::Auto),
        _ => text.parse().map(Gamma::Fixed).map_err(|_| "give a number of tokens, or auto".into()),
    }
}

/// Drafters' names, or the file of a draft model among them, which proposes a tree where its shape is given.
fn parse_draft(
    drafts: &[String],
    tree: Option<&Shape>,
) -> anyhow::Result<(Box<dyn Drafter>, Option<ModelFiles>)> {
    let mut model = None;
    let mut drafters: Vec<Box<dyn Drafter>> = Vec::new();
    for draft in drafts {
        let file = PathBuf::from(draft);
        let is_file = file.exists() || file.extension().is_some() || file.components().count() > 1;
        let named = DRAFTERS.iter().any(|spec| spec.name == draft);
        if !is_file || named {
            drafters.push(drafters::by_name(draft).map_err(Error::from)?);
        } else if model.replace(ModelFiles::from(file.into_os_string())).is_some() {
            anyhow::bail!("two draft models are given; give one, or add ngram to it");
        } else {
            drafters.push(match tree {
                None => Box::new(drafters::Model),
                Some(shape) => Box::new(drafters::Branches(shape.clone())),
            });
        }
    }
    if tree.is_some() && (model.is_none() || drafters.len() > 1) {
        anyhow::bail!("--tree is of a draft model alone; give its file, and no other drafter");
    }
    let drafter = match drafters.len() {
        1 => drafters.remove(0),
        _ => Box::new(drafters::Chain::new(drafters)),
    };
    Ok((drafter, model))
}

/// Loads both models, with a progress bar. Errors name the file that they are about.
async fn load(args: &Args, draft: Option<&ModelFiles>) -> anyhow::Result<Loaded> {
    let progress = Progress::of_bytes("loading");
    let load = async || -> Result<Loaded, Error> {
        let target = progress.open(&args.target)?;
        let draft = draft.map(|files| progress.open(files)).transpose().map_err(Error::of_draft)?;
        let options = LoadOptions {
            device: args.device,
            capacity: Some(args.capacity),
            threads: args.threads.map(NonZeroUsize::get),
            kv_cache: args.kv_cache,
            precompile: None,
            tuning: tuning::read(),
        };
        let mut loaded = load::load_shards(target, draft, &options).await?;
        let compiling = Progress::of_kernels();
        let compiled = |done, total| {
            compiling.reach_of(done, total);
            true
        };
        loaded.compile(&options, compiled).await?;
        if loaded.tuning != options.tuning {
            tuning::write(&loaded.tuning);
        }
        loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        Ok(loaded)
    };
    load().await.map_err(|error| {
        let file = match &error {
            Error::Gguf(_) | Error::Text(_) | Error::Model(_) => Some(&args.target),
            Error::Draft(_) => draft,
            _ => None,
        };
        let file = file.map(|files| files.display().to_string());
        let error = anyhow::Error::from(error);
        match file {
            Some(file) => error.context(file),
            None => error,
        }
    })
}

fn summary(stats: &Stats, drafter: &str, device: &str, reason: FinishReason) -> String {
    let mut line = format!(
        "{} tokens in {:.0} ms ({:.1} tokens/s) on {device}, after {} prompt tokens in {:.0} ms; finished: {}",
        stats.tokens,
        stats.decode_ms,
        stats.tokens_per_second,
        stats.prompt_tokens,
        stats.prefill_ms,
        reason.name(),
    );
    if stats.drafted > 0 {
        line += &format!(
            "\n{drafter}: {} of {} proposed tokens accepted, {:.2} tokens a target pass",
            stats.accepted, stats.drafted, stats.block_efficiency
        );
    }
    let plan = &stats.plan;
    let sources = [("lookup", plan.lookup), ("draft", plan.draft)];
    for (name, source) in sources.into_iter().filter_map(|(name, source)| Some((name, source?))) {
        line += &format!("\n{name}: {}", explained(&source));
    }
    line
}

/// What a source of tokens promised, cost and brought, in a line.
fn explained(source: &SourcePlan) -> String {
    let rounds = source.rounds as f64;
    let mut line = match source.rounds {
        0 => "used in no round".into(),
        n => format!(
            "used in {n} rounds, {:.2} tokens in {:.1} ms each",
            source.tokens as f64 / rounds,
            source.ms / rounds
        ),
    };
    if let Some(Promise { gamma, tokens, ms, speed }) = source.promise {
        line += &format!(
            "; with {gamma} proposed it last promised {tokens:.2} in {ms:.1} ms, {speed:.2} times the plain speed"
        );
    }
    line += match source.paused {
        None => "",
        Some(Paused::Promise) => "; paused, as that is not enough",
        Some(Paused::Losses) => "; paused, as it lost more time than it may",
    };
    line
}
