//! How well drafts themselves predict texts that people wrote: the score by which small models are usually chosen. It need
//! not go with acceptance (DistillSpec, arXiv 2310.08461, finds so too), so it is measured beside it.

use super::text::softmax;
use crate::cpu::{Draft, DraftReader, Logits, TargetReader};
use crate::learn::run::collect::{Part, Script};
use crate::learn::run::target::Target;
use crate::model::Taps;
use crate::sampling::argmax;

/// Sums over the tokens of some texts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Tokens to predict.
    pub tokens: usize,
    /// Those that the draft can say at all.
    pub sayable: usize,
    /// Those that it finds most likely.
    pub hits: usize,
    /// `-log q(token)` over those that it can say, in nats.
    pub nats: f64,
}

impl Score {
    /// The share of the tokens that the draft finds most likely.
    pub fn accuracy(&self) -> f64 {
        self.hits as f64 / self.tokens.max(1) as f64
    }

    /// Perplexity of the tokens that the draft can say.
    pub fn perplexity(&self) -> f64 {
        (self.nats / self.sayable.max(1) as f64).exp()
    }
}

/// The score of each of `drafts` on the texts of `scripts` (what they give as [`Part::Text`]), the target's states before
/// each token at hand where a draft reads them. Texts are cut to `capacity` tokens, for which all must be loaded.
///
/// # Panics
/// When a token is beyond the target's vocabulary.
pub fn score(target: &Target, drafts: &[&Draft], scripts: &[Script], capacity: usize) -> Vec<Score> {
    let taps = Taps::union(drafts.iter().filter_map(|draft| draft.taps()));
    let mut scores = vec![Score::default(); drafts.len()];
    for script in scripts {
        let (mut tokens, mut to_predict) = (Vec::new(), Vec::new());
        for part in &script.parts {
            if let Part::Context(ids) | Part::Text(ids) = part {
                tokens.extend_from_slice(ids);
                to_predict.resize(tokens.len(), matches!(part, Part::Text(_)));
            }
        }
        tokens.truncate(capacity);
        let Some(readable) = tokens.len().checked_sub(1).filter(|readable| *readable > 0) else { continue };
        let readable = &tokens[..readable];
        let mut reader = TargetReader::new(&target.model, readable.len(), taps.clone());
        if taps.is_some() {
            reader.fill(readable);
        }
        for (draft, score) in drafts.iter().zip(&mut scores) {
            let logits =
                DraftReader::new(*draft, readable.len()).catch_up(readable, reader.states(), Logits::All);
            let rows = logits.chunks_exact(draft.config().head_vocab);
            for ((logits, token), _) in
                rows.zip(&tokens[1..]).zip(&to_predict[1..]).filter(|(_, wanted)| **wanted)
            {
                score.tokens += 1;
                let Some(id) = draft.draft_id(*token) else { continue };
                score.sayable += 1;
                score.hits += usize::from(argmax(logits) == id);
                score.nats -= f64::from(softmax(logits, 1.0)[id as usize].max(f32::MIN_POSITIVE)).ln();
            }
        }
    }
    scores
}
