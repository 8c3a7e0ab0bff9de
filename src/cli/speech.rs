//! What `collect` and `distill` share: who asks, and how the answers are made.

use std::path::PathBuf;

use paceline::learn::core;
use paceline::learn::run::collect::{Collector, Openers, Source, prompts};
use paceline::learn::run::{Error, Target};
use paceline::model::Taps;

/// Longest text, question and answer together.
pub const CAPACITY: usize = 2048;

/// Where questions and texts come from.
#[derive(clap::Args)]
pub struct Speech {
    /// Files of prompts or texts: `.jsonl`, or plain text with passages between empty lines. Without any the target asks
    /// itself.
    #[arg(long, value_name = "FILE")]
    pub prompts: Vec<PathBuf>,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Most tokens of a question that the target asks itself.
    #[arg(long, value_name = "N", default_value_t = 96)]
    question_tokens: usize,
    /// Sequences in a pass.
    #[arg(long, value_name = "N", default_value_t = 16)]
    lanes: usize,
    /// Threads of collecting, each with lanes of its own.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Another seed: other questions and answers, other weights, another order of samples.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

impl Speech {
    /// Scripts of answers; of the texts in the files, as they are, where `fixed`.
    pub fn source(&self, target: &Target, fixed: bool) -> Result<Source, Error> {
        if self.prompts.is_empty() {
            if fixed {
                let why = "fixed texts come from files: name them with --prompts";
                return Err(core::Error::Shape(why.into()).into());
            }
            let lengths = (self.question_tokens, self.max_tokens);
            return Ok(Source::Openers(Openers::new(
                target.template()?,
                &target.tokenizer,
                lengths,
                self.seed,
            )?));
        }
        let prompts = prompts::read_all(&self.prompts)?;
        if fixed {
            return Source::fixed(target, &prompts, CAPACITY.min(self.max_tokens));
        }
        Source::prompts(target, &prompts, self.max_tokens, self.seed)
    }

    /// A collector for `target`, whose samples carry the states that `taps` say.
    pub fn collector<'a>(&self, target: &'a Target, taps: Option<Taps>) -> Collector<'a> {
        Collector {
            target: &target.model,
            draft: None,
            stop_ids: target.tokenizer.stop_ids(),
            taps,
            lanes: self.lanes,
            threads: self.threads,
        }
    }
}
