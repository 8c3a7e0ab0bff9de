//! Laws of texts: table models whose every probability is known, the rounds of speculative decoding on them, and what
//! law comes out, exactly ([`replay`]) or by counting ([`chi_square`]).

pub mod chi_square;
pub mod replay;
pub mod words;

use std::collections::{BTreeMap, HashMap};

use paceline::sampling::Sampling;
use paceline::sampling::random::{Draw, Stream};
use paceline::sampling::{ONE, adjust, probabilities};
use paceline::verify::{Choices, Draft, Sampled, SamplingVerifier};

/// Probabilities of texts of one length.
pub type Law = BTreeMap<Vec<u32>, f64>;

/// Half the sum of the differences.
pub fn total_variation(a: &Law, b: &Law) -> f64 {
    let only_b = b.iter().filter(|(text, _)| !a.contains_key(*text)).map(|(_, p)| p);
    let both = a.iter().map(|(text, p)| (p - b.get(text).unwrap_or(&0.0)).abs());
    (both.sum::<f64>() + only_b.sum::<f64>()) / 2.0
}

/// A table model: a row for every prefix shorter than some length.
pub struct Rows(HashMap<Vec<u32>, Vec<u32>>);

impl Rows {
    /// Rows for prefixes of fewer than `length` ids below `vocab`.
    pub fn new(vocab: u32, length: usize, row: impl Fn(&[u32]) -> Vec<u32>) -> Self {
        let mut rows = HashMap::new();
        let mut prefixes = vec![Vec::new()];
        while let Some(prefix) = prefixes.pop() {
            if prefix.len() + 1 < length {
                prefixes.extend((0..vocab).map(|id| [&prefix[..], &[id]].concat()));
            }
            rows.insert(prefix.clone(), row(&prefix));
        }
        Self(rows)
    }

    /// A model with random logits, a function of the whole prefix, sampled the way users sample.
    ///
    /// `likeness` is how much of its logits are those of `kin`, another such model: 0 is nothing, 1 is everything.
    pub fn random(vocab: u32, length: usize, seed: u64, kin: (u64, f32), sampling: &Sampling) -> Self {
        Self::new(vocab, length, |prefix| {
            let own = logits(vocab, seed, prefix);
            let others = logits(vocab, kin.0, prefix);
            let mut logits: Vec<f32> =
                own.iter().zip(others).map(|(own, other)| own + (other - own) * kin.1).collect();
            adjust(&mut logits, prefix, sampling);
            let mut row = vec![0; logits.len()];
            probabilities(&logits, sampling, &mut row);
            row
        })
    }

    /// What may follow `prefix`.
    pub fn row(&self, prefix: &[u32]) -> &[u32] {
        &self.0[prefix]
    }

    /// The law of the first `length` tokens.
    pub fn law(&self, length: usize) -> Law {
        let mut law = Law::from([(Vec::new(), 1.0)]);
        for _ in 0..length {
            let mut longer = Law::new();
            for (prefix, p) in law {
                for (id, &weight) in self.row(&prefix).iter().enumerate().filter(|&(_, &weight)| weight > 0) {
                    longer
                        .insert([&prefix[..], &[id as u32]].concat(), p * f64::from(weight) / f64::from(ONE));
                }
            }
            law = longer;
        }
        law
    }
}

/// Logits between -2 and 2.
fn logits(vocab: u32, seed: u64, prefix: &[u32]) -> Vec<f32> {
    let state =
        prefix.iter().fold(seed, |state, &id| (state ^ u64::from(id + 1)).wrapping_mul(0x0100_0000_01b3));
    let mut random = fastrand::Rng::with_seed(state);
    (0..vocab).map(|_| random.f32() * 4.0 - 2.0).collect()
}

/// One round of some way to decode.
pub trait Algorithm {
    /// At least one token that follows `context`, at most `gamma + 1`.
    fn round(&self, context: &[u32], gamma: usize, choices: &mut dyn Choices) -> Vec<u32>;
}

/// Choices that are told where a round begins.
pub trait Source: Choices {
    /// The next round begins; the context has `length` tokens.
    fn next_round(&mut self, _length: usize) {}
}

/// A text of exactly `length` tokens. Rounds propose `gamma` tokens, or what there is room for.
pub fn text(algorithm: &dyn Algorithm, gamma: usize, length: usize, source: &mut dyn Source) -> Vec<u32> {
    let mut context = Vec::new();
    while context.len() < length {
        source.next_round(context.len());
        let room = length - context.len() - 1;
        let tokens = algorithm.round(&context, gamma.min(room), source);
        context.extend_from_slice(&tokens);
    }
    assert_eq!(context.len(), length);
    context
}

/// Who proposes.
#[derive(Clone, Copy)]
pub enum Drafter<'a> {
    /// Nobody.
    None,
    /// Any procedure that knows no probabilities: at most as many tokens as it is asked for.
    Lookup(fn(&[u32], usize) -> Vec<u32>),
    /// A model that draws from `drawn`; the verifier is told `claimed`, which had better be the same.
    Model { drawn: &'a Rows, claimed: &'a Rows },
}

/// Speculative decoding as the library does it.
pub struct Speculative<'a> {
    pub target: &'a Rows,
    pub drafter: Drafter<'a>,
    pub verifier: &'a dyn SamplingVerifier,
}

impl Algorithm for Speculative<'_> {
    fn round(&self, context: &[u32], gamma: usize, choices: &mut dyn Choices) -> Vec<u32> {
        let proposal = match self.drafter {
            Drafter::None => Vec::new(),
            Drafter::Lookup(procedure) => procedure(context, gamma),
            Drafter::Model { drawn, .. } => draft(drawn, context, gamma, choices),
        };
        verify(self.target, self.drafter, self.verifier, context, &proposal, choices)
    }
}

/// `gamma` tokens drawn from a model's rows.
pub fn draft(rows: &Rows, context: &[u32], gamma: usize, choices: &mut dyn Choices) -> Vec<u32> {
    let mut path = context.to_vec();
    for _ in 0..gamma {
        let at = Draw { position: path.len() as u32, stream: Stream::Draft, slot: 0 };
        path.push(choices.token(at, rows.row(&path)));
    }
    path.split_off(context.len())
}

/// What a verifier makes of a proposal: the round's tokens.
pub fn verify(
    target: &Rows,
    drafter: Drafter<'_>,
    verifier: &dyn SamplingVerifier,
    context: &[u32],
    proposal: &[u32],
    choices: &mut dyn Choices,
) -> Vec<u32> {
    let path = [context, proposal].concat();
    let prefix = |i: usize| &path[..context.len() + i];
    let target: Vec<&[u32]> = (0..=proposal.len()).map(|i| target.row(prefix(i))).collect();
    let claimed: Vec<&[u32]> = match drafter {
        Drafter::Model { claimed, .. } => (0..proposal.len()).map(|i| claimed.row(prefix(i))).collect(),
        _ => Vec::new(),
    };
    let draft = match drafter {
        Drafter::Model { .. } => Draft::Rows(&claimed),
        _ => Draft::PointMass,
    };
    let block = Sampled { position: context.len() as u32, proposal, target: &target, draft };
    let verdict = verifier.verify(&block, choices);
    let mut tokens = proposal[..verdict.accepted].to_vec();
    tokens.push(verdict.next);
    tokens
}
