//! Prompts that the target makes up itself, where none are given: its chat template up to the user's words, a few first
//! words so that topics and kinds of tasks vary, and the target writes the rest of the question and then answers it.

use super::script::{Part, Script, TEMPERATURES};
use crate::learn::run::error::Error;
use crate::text::{self, ChatTemplate, Message, Tokenizer};

/// How questions may begin. General on purpose: what follows is the target's own idea.
const OPENERS: [&str; 64] = [
    "",
    "",
    "",
    "",
    "Write",
    "Write a short story about",
    "Write an email to",
    "Write a poem about",
    "Write a paragraph on",
    "Explain",
    "Explain how",
    "Explain the difference between",
    "What is",
    "What are",
    "What does",
    "What would happen if",
    "How do",
    "How can I",
    "How does",
    "How many",
    "Why",
    "Who",
    "When did",
    "Where is",
    "Which",
    "Can you",
    "Could you please",
    "I need",
    "I want to",
    "I'm trying to",
    "My",
    "Help me",
    "Give me",
    "List",
    "Describe",
    "Compare",
    "Summarize the following text:",
    "Summarize the main points of this article:",
    "Shorten this passage:",
    "Rewrite the following sentence",
    "Correct the grammar of",
    "Translate the following sentence to",
    "Translate to English:",
    "Translate this text into German:",
    "Read the passage and answer the question.",
    "Based on the following context, answer the question.",
    "Context:",
    "Question:",
    "Answer this question in one sentence:",
    "Solve",
    "A train",
    "A farmer has",
    "If",
    "Calculate",
    "Find the",
    "Create a plan",
    "Design",
    "Imagine",
    "Suggest",
    "Classify",
    "Is it true that",
    "Tell me about",
    "The",
    "In",
];

/// Makes scripts of self-posed questions.
#[derive(Debug, Clone)]
pub struct Openers {
    /// Up to the user's words.
    before: Vec<u32>,
    /// From the user's words to the answer.
    after: Vec<u32>,
    /// Token ids of [`OPENERS`].
    openers: Vec<Vec<u32>>,
    question: usize,
    answer: usize,
    seed: u64,
}

impl Openers {
    /// Questions of at most `question` tokens and answers of at most `answer`, through `template`.
    ///
    /// # Errors
    /// Those of the template and the tokenizer; [`crate::learn::core::Error::Shape`] where the template drops the user's words.
    pub fn new(
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        (question, answer): (usize, usize),
        seed: u64,
    ) -> Result<Self, Error> {
        const MARK: &str = "paceline-words-of-the-user";
        let rendered = template.render(&[Message { role: "user".into(), content: MARK.into() }])?;
        let (before, after) = rendered
            .split_once(MARK)
            .ok_or_else(|| Error::shape("the chat template does not show what the user says"))?;
        let before = tokenizer.encode(before)?;
        let opener = |words: &&str| tokenizer.encode_behind(&before, words);
        let openers = OPENERS.iter().map(opener).collect::<Result<Vec<_>, text::Error>>()?;
        // The question's last word is in front of it.
        let after = tokenizer.encode_within(after)?;
        Ok(Self { before, after, openers, question, answer, seed })
    }

    /// Script number `index`: always the same one.
    pub fn script(&self, index: usize) -> Script {
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(index as u64));
        let mut before = self.before.clone();
        before.extend_from_slice(&self.openers[random.usize(..self.openers.len())]);
        Script {
            parts: vec![
                Part::Context(before),
                Part::Question(self.question),
                Part::Context(self.after.clone()),
                Part::Answer(self.answer),
            ],
            temperature: TEMPERATURES[index % TEMPERATURES.len()],
            seed: random.u64(..),
        }
    }
}
