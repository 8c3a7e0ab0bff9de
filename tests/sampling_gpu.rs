//! The law of what the GPU's sampler says: texts of three tokens from its kernels, counted.

use crate::support;

use paceline::gpu::rigs::Rig;
use paceline::gpu::{Device, DeviceOptions};
use paceline::round::Rules;
use paceline::sampling::{ONE, Sampling, probabilities};
use paceline::verify;
use support::law::{Law, Rows, chi_square::p_of_texts};

const VOCAB: usize = 5;
const LENGTH: usize = 3;
const TEXTS: usize = 200_000;
const LEAST_P: f64 = 1e-4;
const PROMPT: [u32; 2] = [0, 1];

/// The exact law of texts behind the prompt.
fn law(sampling: &Sampling) -> Law {
    let rows = Rows::new(VOCAB as u32, LENGTH, |prefix| {
        let mut row = vec![0; VOCAB];
        probabilities(&Rig::target_logits(VOCAB, &[&PROMPT, prefix].concat()), sampling, &mut row);
        assert_eq!(row.iter().sum::<u32>(), ONE);
        row
    });
    rows.law(LENGTH)
}

/// Texts of the kernels, drafted by a model that is as much `likeness` of the target, and with `lookup` only where the text
/// does not know its last token.
fn texts(
    sampling: &Sampling,
    verifier: &'static verify::Spec,
    count: usize,
    likeness: f32,
    [lookup, frozen]: [bool; 2],
) -> Vec<Vec<u32>> {
    pollster::block_on(async {
        let device =
            Device::open(DeviceOptions::default()).await.expect("an adapter: run `cargo xtask setup`");
        let rules = Rules { sampling: sampling.clone(), verifier, ..Rules::default() };
        let mut rig = Rig::new(&device, VOCAB, 2, likeness, &rules).expect("a rig");
        rig.texts(count, LENGTH, lookup, frozen).await.expect("texts")
    })
}

fn p(sampling: &Sampling, verifier: &'static verify::Spec, lookup: bool) -> f64 {
    // A missed lookup is a shorter proposal: fewer texts tell whether that is verified otherwise.
    let count = if lookup { TEXTS / 4 } else { TEXTS };
    let texts = texts(sampling, verifier, count, 0.5, [lookup, false]);
    let p = p_of_texts(&law(sampling), texts.into_iter());
    println!("{}, lookup {lookup}, {sampling:?}: p = {p:.4}", verifier.name);
    p
}

fn warm() -> Sampling {
    Sampling { temperature: 0.9, seed: 5 << 32, ..Sampling::default() }
}

#[test]
fn the_texts_of_every_verifier_have_the_targets_law() {
    // Side by side: a software adapter computes on one core for each.
    std::thread::scope(|scope| {
        for verifier in verify::VERIFIERS.iter().filter(|verifier| verifier.kernel.is_some()) {
            for lookup in [false, true] {
                let check = move || {
                    assert!(p(&warm(), verifier, lookup) > LEAST_P, "{}, lookup {lookup}", verifier.name);
                };
                scope.spawn(check);
            }
        }
    });
}

#[test]
fn the_count_finds_other_laws_and_reused_random_words() {
    let (sampling, block) = (warm(), verify::best());
    let right = texts(&sampling, block, TEXTS / 4, 0.5, [false; 2]);
    let other = Sampling { temperature: 0.93, ..sampling.clone() };
    let p_other = p_of_texts(&law(&other), right.into_iter());
    // A constant epoch breaks block verification (docs/algorithms.md: independent words), most where much is refused.
    let hot = Sampling { temperature: 1.3, ..sampling };
    let p_frozen = p_of_texts(&law(&hot), texts(&hot, block, TEXTS / 4, 0.0, [false, true]).into_iter());
    println!("another temperature: p = {p_other:e}; no epoch: p = {p_frozen:e}");
    assert!(p_other < LEAST_P && p_frozen < LEAST_P);
}
