//! How tokens are sampled, as flags.

use clap::builder::{PossibleValue, PossibleValuesParser};
use paceline::round::Rules;
use paceline::sampling::Sampling;
use paceline::verify::{self, KINDS, Lenience, VERIFIERS};

/// The target's law. Without these flags: greedy.
#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Sampling")]
pub struct Args {
    /// Divides the logits; 0 takes the most likely token, always.
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    temperature: f32,
    /// Keeps the K most likely tokens; 0 keeps all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: u32,
    /// Keeps the most likely tokens that together have this probability; 1 keeps all.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Keeps tokens that are at least this times as likely as the most likely one; 0 keeps all.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f32,
    /// Divides positive logits of tokens in the last 64, multiplies negative ones; 1 is off.
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    repeat_penalty: f32,
    /// Taken off the logit of a token in the last 64; 0 is off.
    #[arg(long, value_name = "D", default_value_t = 0.0, allow_negative_numbers = true)]
    presence_penalty: f32,
    /// The same for every time that it occurs there.
    #[arg(long, value_name = "D", default_value_t = 0.0, allow_negative_numbers = true)]
    frequency_penalty: f32,
    /// Adds to a token's logit, such as `1234=-5`; can be repeated.
    #[arg(long, value_name = "ID=BIAS", value_parser = parse_bias)]
    logit_bias: Vec<(u32, f32)>,
    /// Key of the random numbers [default: another one every time].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How proposals are verified above temperature 0: block keeps more of them, token decides one by one, and can decide
    /// about trees. Neither changes the law of the text [default: block, token with --tree].
    #[arg(long, value_name = "NAME", value_parser = verifiers())]
    verify: Option<String>,
    #[arg(long, value_name = "KIND=E", help = LOSSY, long_help = lossy_help())]
    lossy: Option<Lenience>,
    /// The draft stops before a token when its most likely one has less than this probability.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    confidence: f32,
}

impl Args {
    /// The rules of a generation up to one of `stop_ids`, and whether it must be reproducible: a seed was given for
    /// something that draws. `branches`: whether proposals do.
    pub fn rules(&self, stop_ids: &[u32], branches: bool) -> Result<(Rules, bool), verify::Unknown> {
        let sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.clone(),
            seed: self.seed.unwrap_or_else(any_seed),
            ..Sampling::default()
        };
        let reproducible = self.seed.is_some() && !sampling.is_greedy();
        let rules = Rules {
            sampling,
            verifier: match &self.verify {
                Some(name) => verify::by_name(name)?,
                None if branches => verify::token_wise(),
                None => verify::best(),
            },
            lenience: self.lossy,
            logprobs: false,
            confidence: self.confidence,
            stop_ids: stop_ids.to_vec(),
        };
        Ok((rules, reproducible))
    }
}

/// A seed that nobody chose.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn verifiers() -> PossibleValuesParser {
    VERIFIERS.iter().map(|spec| PossibleValue::new(spec.name).help(spec.about)).collect::<Vec<_>>().into()
}

/// Help of `--lossy`.
const LOSSY: &str = "Accepts more proposals than the target's law allows: linear=E, square=E or exponential=E with E from \
    0.01 to 1, where 1 is without loss. The statistics say what it costs in total variation";

fn lossy_help() -> String {
    super::listed(LOSSY, KINDS.iter().map(|kind| (kind.name, kind.about)))
}

fn parse_bias(text: &str) -> Result<(u32, f32), String> {
    let parse = || {
        let (id, bias) = text.split_once('=')?;
        Some((id.parse().ok()?, bias.parse().ok()?))
    };
    parse().ok_or_else(|| "give a token id and a number, such as 1234=-5".into())
}
