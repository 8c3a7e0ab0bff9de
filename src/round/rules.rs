//! What holds for every round of a generation.

use crate::sampling::Sampling;
use crate::verify::{self, Lenience, Lenient, SamplingVerifier};

/// How an engine chooses tokens, and when it stops. An option of generating is a field here, a flag of the command line
/// and a property in TypeScript.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The target's law.
    pub sampling: Sampling,
    /// How proposals are verified above temperature 0.
    pub verifier: &'static verify::Spec,
    /// Accepts more than the target's law allows; `None`, the default, is without loss. Tokens are then verified one by
    /// one, whatever `verifier` says.
    pub lenience: Option<Lenience>,
    /// Whether rounds tell the log-probabilities of their tokens.
    pub logprobs: bool,
    /// The draft stops before a token when its most likely one has less than this probability; 0 never stops it.
    /// It decides before it draws, so nothing is lost (`docs/algorithms.md`: predictable ends).
    pub confidence: f32,
    /// Ids that end the generation, usually those of the tokenizer; at most
    /// [`MAX_STOPS`](crate::sampling::MAX_STOPS).
    pub stop_ids: Vec<u32>,
}

impl Default for Rules {
    /// Greedy decoding without end.
    fn default() -> Self {
        Self {
            sampling: Sampling::default(),
            verifier: verify::best(),
            lenience: None,
            logprobs: false,
            confidence: 0.0,
            stop_ids: Vec::new(),
        }
    }
}

impl Rules {
    /// The line of the table by which sampled text is verified; `None` at temperature 0, where there is one way.
    pub fn spec(&self) -> Option<&'static verify::Spec> {
        let spec = if self.lenience.is_some() { verify::token_wise() } else { self.verifier };
        (!self.sampling.is_greedy()).then_some(spec)
    }

    /// The host's rule for sampled text; `None` at temperature 0.
    pub fn verifier(&self) -> Option<Box<dyn SamplingVerifier>> {
        let lenient = |lenience| Box::new(Lenient(lenience)) as Box<dyn SamplingVerifier>;
        self.spec().map(|spec| self.lenience.map_or_else(spec.make, lenient))
    }

    /// How many of the tokens that a round would commit behind `length` others are kept: those up to a stop token
    /// and to `limit` tokens of context, at least one.
    pub fn kept(&self, length: usize, limit: usize, tokens: &[u32]) -> usize {
        let stop = tokens.iter().position(|id| self.stop_ids.contains(id));
        let room = limit.saturating_sub(length).max(1);
        stop.map_or(tokens.len(), |i| i + 1).min(room)
    }
}
