//! Numbers that are none: refused while loading, or at the first row of logits that one decides by, on both devices alike.

use crate::support;

use paceline::Error;
use paceline::decode::{Event, FinishReason, Gamma, Generator, Options};
use paceline::drafters::{Drafter, Limits};
use paceline::gguf::format::FORMATS;
use paceline::load::{AnyEngine, Device, load};
use paceline::model::tiny::Tiny;
use paceline::round::{Proposal, Rules};
use paceline::sampling::Sampling;
use paceline::verify::{self, VERIFIERS};
use pollster::block_on;
use support::devices::{self, DEVICES, engine};
use support::edit::edited;
use support::generate;

/// The token behind which nothing is finite.
const POISON: u32 = 77;
const PROMPT: [u32; 4] = [20, 130, 41, 9];

/// Models whose first MLP overflows behind [`POISON`], and only there: the first element of the residual stream is its
/// alone. The second one keeps keys and values that are not finite; the third caps its logits.
fn overflowing() -> [Vec<u8>; 3] {
    [("llama", 1), ("llama", 2), ("gemma2", 1)].map(|(family, layers)| overflowing_of(family, layers))
}

fn overflowing_of(family: &'static str, layers: usize) -> Vec<u8> {
    let tiny = Tiny { family, layers, ..Tiny::default() };
    edited(&tiny.gguf(), |name, values| match name {
        "token_embd.weight" => {
            for (id, row) in values.chunks_exact_mut(tiny.width).enumerate() {
                row[0] = if id == POISON as usize { 2.0 } else { 0.0 };
            }
        }
        "blk.0.attn_output.weight" => values.fill(0.0),
        "blk.0.ffn_gate.weight" | "blk.0.ffn_up.weight" => {
            values.fill(0.0);
            values.iter_mut().step_by(tiny.width).for_each(|value| *value = 1e20);
        }
        _ => {}
    })
}

/// Proposes [`POISON`], and something behind it.
struct Poisoner;

impl Drafter for Poisoner {
    fn name(&self) -> &'static str {
        "poisoner"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 3, draft: 0 }
    }

    fn propose(&mut self, _context: &[u32], limits: Limits) -> Proposal {
        Proposal::chain([POISON, 5, 6].into_iter().take(limits.tokens).collect())
    }
}

/// Proposes [`POISON`] among siblings, before and behind others.
struct Thicket;

impl Drafter for Thicket {
    fn name(&self) -> &'static str {
        "thicket"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 3, draft: 0 }
    }

    fn branches(&self) -> bool {
        true
    }

    fn propose(&mut self, _context: &[u32], _limits: Limits) -> Proposal {
        let (tokens, parents) =
            (vec![5, POISON, 6, 9, POISON, 7], vec![None, None, None, Some(1), Some(2), Some(3)]);
        Proposal::tree(tokens, parents).expect("a tree")
    }
}

fn devices_and_files() -> impl Iterator<Item = (Device, Vec<u8>)> {
    DEVICES.into_iter().flat_map(|device| overflowing().map(|file| (device, file)))
}

/// How tokens are chosen: greedily, then by every verifier.
fn laws() -> Vec<(Sampling, &'static verify::Spec)> {
    let sampled = |seed| Sampling { temperature: 1.0, seed, ..Sampling::default() };
    let mut laws = vec![(Sampling::default(), verify::best())];
    for &verifier in VERIFIERS {
        laws.extend([3, 4].map(|seed| (sampled(seed), verifier)));
    }
    laws
}

fn options((sampling, verifier): &(Sampling, &'static verify::Spec)) -> Options {
    let rules = Rules { sampling: sampling.clone(), verifier, ..Rules::default() };
    Options { max_tokens: 8, rules, ..Options::default() }
}

fn poisoned(law: &(Sampling, &'static verify::Spec)) -> Options {
    Options { drafter: Box::new(Poisoner), gamma: Gamma::Default, ..options(law) }
}

/// [`POISON`] is never said.
fn banned(options: Options) -> Options {
    biased(options, -100.0)
}

/// [`POISON`] is said at once.
fn wanted(options: Options) -> Options {
    biased(options, 100.0)
}

fn biased(mut options: Options, bias: f32) -> Options {
    options.rules.sampling.logit_bias = vec![(POISON, bias)];
    options
}

/// Steps until it fails: what was said before, and the error.
fn failing(generator: &mut Generator<AnyEngine>, prompt: &[u32], options: Options) -> (Vec<u32>, Error) {
    generator.start(prompt, options).expect("a prompt that fits");
    loop {
        match block_on(generator.step()) {
            Ok(Event::Finished(reason)) => panic!("{reason:?} after {:?}", generator.generated()),
            Ok(_) => {}
            Err(error) => return (generator.generated().to_vec(), error),
        }
    }
}

#[test]
fn a_row_that_is_not_finite_is_an_error_and_the_engine_goes_on() {
    for (device, file) in devices_and_files() {
        let mut generator = Generator::new(engine(device, &file, None));
        for law in laws() {
            let (said, error) = failing(&mut generator, &[20, POISON], options(&law));
            assert_eq!((said.len(), error.code()), (0, "model-numerics"), "{device:?}, {law:?}");
            assert!(error.to_string().contains("behind 2 tokens"), "{error}");
            // Only what is said decides: the token is likely enough to be said, and then there is nothing behind it.
            let (said, error) = failing(&mut generator, &PROMPT, wanted(options(&law)));
            assert_eq!((said, error.code()), (vec![POISON], "model-numerics"), "{device:?}, {law:?}");

            let mut fresh = Generator::new(engine(device, &file, None));
            let fresh = generate(&mut fresh, &PROMPT, banned(options(&law))).0;
            let plain = generate(&mut generator, &PROMPT, banned(options(&law))).0;
            assert_eq!(plain, fresh, "{device:?}, {law:?}");
        }
    }
}

#[test]
fn rows_behind_a_rejected_token_do_not_matter() {
    for (device, file) in devices_and_files() {
        let mut generator = Generator::new(engine(device, &file, None));
        // The row of the last position, first and last of the four that attention reads at once.
        for length in 1..=PROMPT.len() {
            let prompt = &PROMPT[..length];
            for law in laws() {
                let said = generate(&mut generator, prompt, banned(poisoned(&law))).0;
                assert!(generator.stats().drafted > 0 && said.len() == 8 && !said.contains(&POISON));
                if law.0.is_greedy() {
                    let plain = generate(&mut generator, prompt, banned(options(&law))).0;
                    assert_eq!(said, plain, "{device:?}");
                }
            }
        }
    }
}

#[test]
fn behind_an_accepted_token_it_is_what_it_is_without_drafting() {
    for (device, file) in devices_and_files() {
        let mut generator = Generator::new(engine(device, &file, None));
        for law in laws() {
            let (plain, without) = failing(&mut generator, &PROMPT, wanted(options(&law)));
            let (said, error) = failing(&mut generator, &PROMPT, wanted(poisoned(&law)));
            assert_eq!((said, error.to_string()), (plain, without.to_string()), "{device:?}, {law:?}");
            assert_eq!(error.code(), "model-numerics");
            // A stop token is said, and what is behind it is nobody's business.
            let mut stopping = wanted(poisoned(&law));
            stopping.rules.stop_ids = vec![POISON];
            let said = generate(&mut generator, &PROMPT, stopping);
            assert_eq!(said, (vec![POISON], FinishReason::Stop), "{device:?}, {law:?}");
        }
    }
}

/// The same of trees, whose rows share a pass with siblings that are not finite.
#[test]
fn siblings_that_are_not_finite_do_not_matter() {
    for file in overflowing() {
        let mut generator = Generator::new(engine(Device::Cpu, &file, None));
        for law in laws().into_iter().filter(|(sampling, spec)| sampling.is_greedy() || spec.tree.is_some()) {
            let bushy = || Options { drafter: Box::new(Thicket), ..options(&law) };
            let said = generate(&mut generator, &PROMPT, banned(bushy())).0;
            assert!(generator.stats().drafted > 0 && said.len() == 8 && !said.contains(&POISON));
            if law.0.is_greedy() {
                assert_eq!(said, generate(&mut generator, &PROMPT, banned(options(&law))).0);
            }
            let (plain, without) = failing(&mut generator, &PROMPT, wanted(options(&law)));
            let (said, error) = failing(&mut generator, &PROMPT, wanted(bushy()));
            assert_eq!((said, error.to_string()), (plain, without.to_string()), "{law:?}");
        }
    }
}

#[test]
fn a_weight_that_is_no_number_is_refused_whatever_its_format() {
    let (nan, infinity) = (half::f16::NAN.to_le_bytes(), half::f16::INFINITY.to_le_bytes());
    for (i, spec) in FORMATS.iter().enumerate() {
        let tiny =
            Tiny { width: 256, head_dim: 64, ff: 256, format: spec.format, layers: 1, ..Tiny::default() };
        let file = tiny.gguf();
        let device = DEVICES[i % 2];
        let options = devices::options(device);
        let opened = |file: &[u8]| block_on(load(file, None::<&[u8]>, &options)).map(|_| ());
        opened(&file).expect("it is sound");
        let stream = block_on(paceline::gguf::Stream::open(&file[..])).expect("a header");
        let header = stream.header();
        let (_, tensor) = header.tensor("blk.0.ffn_up.weight").expect("a tensor");
        // The last number of row 3's first block; of floats, the weight itself.
        let at = (header.data_offset + tensor.offset) as usize + 3 * tensor.row_bytes();
        let numbers: Vec<(usize, Vec<u8>)> = match spec.name {
            "F32" => vec![(0, f32::NAN.to_le_bytes().into()), (0, f32::NEG_INFINITY.to_le_bytes().into())],
            "BF16" => vec![(0, half::bf16::NAN.to_le_bytes().into())],
            "Q2_K" => vec![(80, nan.into()), (82, infinity.into())],
            "Q3_K" => vec![(108, nan.into())],
            "Q6_K" => vec![(208, infinity.into())],
            "Q4_1" | "Q5_1" | "Q4_K" | "Q5_K" => vec![(0, nan.into()), (2, infinity.into())],
            _ => vec![(0, nan.into()), (0, infinity.into())],
        };
        for (within, bytes) in numbers {
            let mut broken = file.clone();
            broken[at + within..][..bytes.len()].copy_from_slice(&bytes);
            let error = opened(&broken).expect_err("it must be refused");
            assert_eq!(error.code(), "model-numerics", "{}: {error}", spec.name);
            assert!(error.to_string().contains("row 3 of tensor blk.0.ffn_up.weight"), "{error}");
        }
    }
}
