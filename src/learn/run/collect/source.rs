//! Where scripts come from: files of prompts, or the target's own questions.

use super::openers::Openers;
use super::prompts::Prompt;
use super::script::{Script, TEMPERATURES};
use crate::learn::run::error::Error;
use crate::learn::run::target::Target;

/// Makes scripts.
#[derive(Debug, Clone)]
pub enum Source {
    /// Answers to these questions (token ids), again and again.
    Prompts {
        /// Token ids of the questions.
        questions: Vec<Vec<u32>>,
        /// Most tokens of an answer.
        answer: usize,
        /// Added to a script's number to seed it.
        seed: u64,
    },
    /// Texts that are given, question and answer.
    Fixed(Vec<Script>),
    /// Questions that the target asks itself.
    Openers(Openers),
}

impl Source {
    /// Answers to the questions of `prompts`, or continuations of the first half of their texts.
    ///
    /// # Errors
    /// Those of the template and the tokenizer.
    pub fn prompts(target: &Target, prompts: &[Prompt], answer: usize, seed: u64) -> Result<Self, Error> {
        let question = |prompt: &Prompt| -> Result<Vec<u32>, Error> {
            if !prompt.question.is_empty() {
                return Ok(target.question(&prompt.question)?);
            }
            let mut text = target.tokenizer.encode(prompt.answer.as_deref().unwrap_or_default())?;
            text.truncate(text.len().div_ceil(2));
            Ok(text)
        };
        let questions = prompts.iter().map(question).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::Prompts { questions, answer, seed })
    }

    /// The answers that `prompts` come with, cut to `longest` tokens with their questions.
    ///
    /// # Errors
    /// [`Shape`](crate::learn::core::Error::Shape) where no prompt has an answer; those of the template and the tokenizer.
    pub fn fixed(target: &Target, prompts: &[Prompt], longest: usize) -> Result<Self, Error> {
        let mut scripts = Vec::new();
        for prompt in prompts {
            let Some(answer) = &prompt.answer else { continue };
            let mut context =
                if prompt.question.is_empty() { Vec::new() } else { target.question(&prompt.question)? };
            let mut text = target.tokenizer.encode_behind(&context, answer)?;
            if context.is_empty() && !text.is_empty() {
                context.push(text.remove(0));
            }
            text.truncate(longest.saturating_sub(context.len()));
            if !text.is_empty() {
                scripts.push(Script::fixed(context, text));
            }
        }
        if scripts.is_empty() {
            return Err(Error::shape("fixed data needs texts or answers, and the files have none"));
        }
        Ok(Self::Fixed(scripts))
    }

    /// Script number `index`; the same one again for the same number. `None` beyond the last fixed text.
    pub fn script(&self, index: usize) -> Option<Script> {
        match self {
            Self::Openers(openers) => Some(openers.script(index)),
            Self::Fixed(scripts) => scripts.get(index).cloned(),
            Self::Prompts { questions, answer, seed } => {
                let question = questions.get(index % questions.len().max(1))?.clone();
                let round = index / questions.len();
                let temperature = TEMPERATURES[(index + round) % TEMPERATURES.len()];
                Some(Script::answer(question, *answer, temperature, seed.wrapping_add(index as u64)))
            }
        }
    }
}
