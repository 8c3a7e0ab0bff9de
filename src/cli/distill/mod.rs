//! `paceline distill`: a draft learns to say what a target would.

mod begin;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use paceline::gguf::Format;
use paceline::learn::core::draft::{Student, file};
use paceline::learn::core::{self, Learner, Pools, Sample, Strategy};
use paceline::learn::run::train::{self, Config, Line, Supply, Trainer, Watch};
use paceline::learn::run::{Error, Target, device, drafts, files};
use paceline::model::draft::{Draft, Input};
use paceline::model::{Config as ModelConfig, Taps};

use super::collect::open_target;
use super::model_files::ModelFiles;
use super::output;
use super::progress::Progress;
use super::speech::{CAPACITY, Speech};

/// Distil a draft from a target, in a run folder that can be taken up again after a kill at any moment.
#[derive(clap::Args)]
pub struct Args {
    /// The target: a GGUF file, or any file of a split one.
    #[arg(long, value_name = "FILE")]
    target: ModelFiles,
    /// The run folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in the folder, with its own configuration.
    #[arg(long)]
    resume: bool,
    /// Begin a run though the folder has files that it would overwrite, such as another's draft.gguf. Never those of a run
    /// that can be resumed, nor what this one reads.
    #[arg(long)]
    force: bool,
    /// Folders of samples that `paceline collect` made; read again as they grow. Without any, --samples are made first, in
    /// the run folder.
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Samples to make where no --data is given.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    samples: usize,
    /// Samples of the draft's own that each refresh makes.
    #[arg(long, value_name = "N", default_value_t = 64)]
    own_samples: usize,
    #[command(flatten)]
    speech: Speech,
    /// The draft's shape: hidden-1, hidden-2, taps-1, tokens-2, tokens-4, plain-4x256 ...
    #[arg(long, value_name = "NAME", default_value = "hidden-1")]
    draft_arch: String,
    /// First weights: `regression` (for drafts fed by states: the best linear guess), `target` (its layers, where they
    /// fit), `random`, or a draft's file, whose shape then counts.
    #[arg(long, value_name = "FILE|NAME", default_value = "target")]
    init_from: String,
    /// Layers of the target to begin with, such as `0,29`.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    init_layers: Vec<usize>,
    /// Ids that the draft predicts: the most frequent ones of the samples; 0 for all [default: 8192, or those of the file
    /// that it begins with]. A draft that shares the target's head can be given others.
    #[arg(long, value_name = "N")]
    vocab_top: Option<usize>,
    /// Whose text: fixed, target, on-policy, mixed or imitkd.
    #[arg(long, value_name = "NAME", default_value = "target")]
    strategy: String,
    /// Share of the draft's own text in mixed strategies.
    #[arg(long, value_name = "L", default_value_t = 0.5)]
    lambda: f32,
    /// What is minimised: fkl, rkl, jsd, tvd, tvdpp-global, tvdpp-perpos, tvdpp-sampled, lk, ce or g2sd.
    #[arg(long, value_name = "NAME", default_value = "lk")]
    divergence: String,
    /// The parameter of jsd.
    #[arg(long, value_name = "B", default_value_t = 0.5)]
    beta: f32,
    /// adamw, or muon: fewer and dearer steps, at about three times the learning rate.
    #[arg(long, value_name = "NAME", default_value = "adamw")]
    optimizer: String,
    /// Only the draft's last layer learns (the specific stage of G2SD).
    #[arg(long)]
    last_layer: bool,
    /// Share of the inputs that the draft does not see while it learns (the generic stage of G2SD).
    #[arg(long, value_name = "R", default_value_t = 0.0)]
    mask: f32,
    /// Steps of the optimizer.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    steps: usize,
    /// Sequences of a step.
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
    /// Tokens of a sequence; longer ones are cut.
    #[arg(long, value_name = "N", default_value_t = 256)]
    length: usize,
    /// Peak learning rate: the share of itself by which a weight changes in a step.
    #[arg(long, value_name = "R", default_value_t = 5e-3)]
    lr: f64,
    /// Steps up to the peak.
    #[arg(long, value_name = "N", default_value_t = 50)]
    warmup: usize,
    /// Passes over each sequence, each but the first fed by the draft's own states.
    #[arg(long, value_name = "N", default_value_t = 1)]
    unroll: usize,
    /// What each further pass weighs.
    #[arg(long, value_name = "W", default_value_t = 0.7)]
    unroll_decay: f32,
    /// Weight of the distance between the draft's states and the target's (the generic stage of G2SD).
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    feature_weight: f32,
    /// Steps between two looks for new samples, and between two generations of the draft's own text.
    #[arg(long, value_name = "N", default_value_t = 200)]
    refresh: usize,
    /// Steps between two checkpoints.
    #[arg(long, value_name = "N", default_value_t = 100)]
    save_every: usize,
    /// Where to learn: flex (the CPU), and wgpu or cuda where this build has them.
    #[arg(long, value_name = "NAME", default_value = "flex")]
    device: String,
    /// Format of the draft's file: F16, Q8_0 or Q4_0.
    #[arg(long, value_name = "NAME", default_value = "Q8_0")]
    format: String,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    check_outputs(args)?;
    let device = device::open(&args.device).map_err(Error::from)?;
    let target = open_target(&args.target, CAPACITY)?;
    files::folder(&args.out)?;
    let first = args.out.join("initial.gguf");
    let config_path = args.out.join("config.json");
    let config = match (config_path.exists(), args.resume) {
        (true, false) => {
            bail!("{} holds a run already: --resume it, or choose another folder", args.out.display())
        }
        (false, true) => bail!("{} holds no run to resume", args.out.display()),
        (true, true) => resumed(args, &config_path, &target)?,
        (false, false) => {
            let (config, weights) = begin::begin(args, &target)?;
            let draft = draft(&config, target.model.config());
            let bytes = file::write(&draft, &weights, Format::F32, "first weights", &target.metadata);
            files::write(&first, &bytes.map_err(Error::from)?)?;
            // Last, so that a folder with a configuration is a run that can be resumed.
            config.write(&config_path)?;
            config
        }
    };
    // Where there is a checkpoint, it brings later weights.
    let (_, weights) = drafts::open(&first, &target).with_context(|| format!("{}", first.display()))?;
    let draft = draft(&config, target.model.config());
    let student = Student::new(draft, &weights, &target.model, &device).map_err(Error::from)?;
    train(args, &target, config, student, format)
}

/// What a run writes in its folder, beside checkpoints and samples.
const FILES: [&str; 7] = [
    "initial.gguf",
    "config.json",
    "draft.gguf",
    "metrics.jsonl",
    "plots/loss.svg",
    "plots/alpha.svg",
    "plots/tau.svg",
];

/// Checks that the run overwrites nothing that it reads, and a new one nothing else.
fn check_outputs(args: &Args) -> anyhow::Result<()> {
    let mut inputs = args.target.paths().map_err(Error::from)?;
    inputs.push(PathBuf::from(&args.init_from));
    inputs.extend(args.speech.prompts.iter().cloned());
    let run_is_there = args.out.join("config.json").exists();
    if !run_is_there && args.out.join("checkpoints").exists() {
        bail!("{} has checkpoints of another run: choose another folder", args.out.display());
    }
    // A run that is there is either resumed or refused as a whole.
    let force = run_is_there || args.force;
    FILES.iter().try_for_each(|name| output::check(&args.out.join(name), force, &inputs))
}

/// The configuration of the run in the folder.
fn resumed(args: &Args, path: &Path, target: &Target) -> anyhow::Result<Config> {
    let mut config = Config::read(path)?;
    if config.tokenizer != target.tokenizer.fingerprint() {
        let what = args.out.display().to_string();
        return Err(Error::Tokenizer { what }.into());
    }
    if !args.data.is_empty() {
        config.data = args.data.clone();
    }
    Ok(config)
}

fn train(
    args: &Args,
    target: &Target,
    config: Config,
    student: Student,
    format: Format,
) -> anyhow::Result<()> {
    let (steps, fixed) = (config.steps, is_fixed(&config.strategy));
    let taps = taps(&student.draft, target.model.config())?;
    let supply = Supply::new(config.data.clone(), target, taps.clone());
    let mix = (Strategy::by_name(&config.strategy).map_err(Error::from)?.mix)(config.lambda);
    let speech = if mix.draft > 0.0 {
        let (source, collector) = (args.speech.source(target, false)?, args.speech.collector(target, taps));
        Some(train::Speech { target, collector, source, samples: args.own_samples, capacity: CAPACITY })
    } else {
        None
    };
    eprintln!("{} parameters to learn, {steps} steps", student.parameters());
    let settings = (args.save_every, format);
    let mut trainer = Trainer::open(&args.out, config, student, target.metadata.clone(), settings)?;
    let bar = Progress::of_steps("steps", steps);
    bar.reach(trainer.learner().steps());
    trainer.run(&mut Watching { supply, speech, bar, fixed })?;
    Ok(())
}

/// Whether the strategy learns from texts as they are.
fn is_fixed(strategy: &str) -> bool {
    matches!(strategy, "fixed" | "imitkd")
}

/// What the draft reads of the target's states, where it reads any.
fn taps(draft: &Draft, target: &ModelConfig) -> Result<Option<Taps>, Error> {
    let taps = (draft.input == Input::Hidden).then(|| draft.taps(target)).transpose();
    taps.map_err(|why| core::Error::Shape(format!("the draft does not fit the target: {why}")).into())
}

struct Watching<'a> {
    supply: Supply,
    speech: Option<train::Speech<'a>>,
    bar: Progress,
    fixed: bool,
}

impl Watch for Watching<'_> {
    fn refresh(&mut self, learner: &Learner, pools: &mut Pools) -> Result<(), Error> {
        self.supply.read(pools, self.fixed)?;
        if let Some(speech) = &self.speech {
            self.bar.say("the draft speaks".into());
            pools.draft = speech.of(learner)?;
        }
        Ok(())
    }

    fn held_out(&self) -> &[Sample] {
        self.supply.held_out()
    }

    fn line(&mut self, line: &Line) {
        self.bar.reach(line.step);
        let alpha = line.alpha.first().copied().unwrap_or(0.0);
        let mut message = format!("loss {:.3}, alpha {alpha:.3}", line.loss);
        if let Some(held_out) = line.held_out.first() {
            message += &format!(", held out {held_out:.3}");
        }
        self.bar.say(message);
    }
}

fn draft(config: &Config, target: &ModelConfig) -> Draft {
    config.shape.draft(target, (!config.ids.is_empty()).then(|| config.ids.clone()))
}

fn format(name: &str) -> anyhow::Result<Format> {
    const KNOWN: [Format; 4] = [Format::F16, Format::Q8_0, Format::Q4_0, Format::F32];
    let found = KNOWN.into_iter().find(|format| format.spec().name.eq_ignore_ascii_case(name));
    found.with_context(|| format!("--format is {name}, not one of F16, Q8_0, Q4_0 and F32"))
}
