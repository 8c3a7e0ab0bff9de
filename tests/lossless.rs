//! Greedy speculative decoding on the CPU engine: bit for bit what plain decoding says.

use crate::support;

use std::rc::Rc;

use paceline::cpu;
use paceline::decode::{Gamma, Generator, Options};
use paceline::drafters;
use paceline::gguf::Stream;
use paceline::model::{CacheType, Draft, Model};
use paceline::round::Engine as _;
use paceline::sampling::argmax;
use paceline::verify::{Block, Greedy, Verdict, Verifier};
use support::generate;
use support::lossless::{
    CAPACITY, Pair, VOCAB, assert_lossless, by_turns, cases, differences, drafters, pairs, prompts, trees,
};

fn engine(pair: &Pair) -> cpu::Session {
    engine_of(pair, CacheType::F32)
}

fn engine_of(pair: &Pair, kv_cache: CacheType) -> cpu::Session {
    pollster::block_on(async {
        let mut stream = Stream::open(&pair.target[..]).await.expect("a header");
        let model = Model::describe(stream.header()).expect("a model");
        let target = cpu::Model::load(&mut stream, &model, CAPACITY).await.expect("weights");
        let mut stream = Stream::open(&pair.draft[..]).await.expect("a header");
        let draft = Draft::describe(stream.header(), &model.config).expect("a draft");
        let draft = draft.beside(&model.config).expect("a draft for this target");
        let draft = cpu::Draft::load(&mut stream, &draft, &target, CAPACITY).await.expect("weights");
        cpu::Session::with_kv_cache(Rc::new(target), Some(Rc::new(draft)), CAPACITY, kv_cache)
    })
}

#[test]
fn drafters_do_not_change_a_token() {
    let prompts = prompts(VOCAB);
    let cases: Vec<_> = cases().into_iter().chain(trees()).collect();
    pairs().iter().for_each(|pair| assert_lossless(pair, &cases, &prompts, engine));
}

/// What was read and what was generated has the same bits in half precision, too.
#[test]
fn drafters_do_not_change_a_token_of_half_precision_caches() {
    let cases: Vec<_> = drafters().into_iter().chain(by_turns()).chain(trees()).collect();
    let (prompts, make) = (prompts(VOCAB), |pair: &Pair| engine_of(pair, CacheType::F16));
    pairs().iter().for_each(|pair| assert_lossless(pair, &cases, &prompts, make));
}

/// Accepts one token more than it may.
struct OneTooMany;

impl Verifier for OneTooMany {
    fn verify(&mut self, block: Block<'_>) -> Verdict {
        let Verdict { accepted, .. } = Greedy.verify(block);
        let accepted = block.proposal.len().min(accepted + 1);
        Verdict { accepted, next: argmax(block.target.row(accepted)) }
    }
}

#[test]
fn the_check_finds_a_verifier_that_accepts_too_much() {
    let pair = &pairs()[0];
    let (differences, _) =
        differences(pair, &cases(), &prompts(VOCAB), |pair| engine(pair).with_verifier(Box::new(OneTooMany)));
    assert!(differences.len() > 10, "a wrong verifier must be found out: {differences:?}");
}

#[test]
fn a_draft_that_is_the_target_is_always_right() {
    let pair = &pairs()[1];
    let mut generator = Generator::new(engine(pair));
    for prompt in prompts(100) {
        let options = Options {
            max_tokens: 60,
            gamma: Gamma::Fixed(4),
            drafter: Box::new(drafters::Model),
            ..Options::default()
        };
        generate(&mut generator, &prompt, options);
        let stats = generator.stats();
        assert_eq!((stats.accepted, stats.rounds, stats.block_efficiency), (stats.drafted, 12, 5.0));
    }
}

/// What decoding in blocks leaves in the caches is what reading the same text leaves there.
#[test]
fn the_cache_after_speculation_is_that_of_a_fresh_engine() {
    for pair in pairs() {
        for prompt in prompts(100).iter().step_by(7) {
            let mut used = Generator::new(engine(&pair));
            let options =
                Options { max_tokens: 50, drafter: Box::new(drafters::Model), ..Options::default() };
            let (ids, _) = generate(&mut used, prompt, options);
            let context = [&prompt[..], &ids].concat();
            let plain = || Options { max_tokens: 20, ..Options::default() };
            let on = generate(&mut used, &context, plain());
            assert_eq!(used.stats().reused_tokens, context.len());
            assert_eq!(on, generate(&mut Generator::new(engine(&pair)), &context, plain()));
        }
    }
}

#[test]
fn the_context_is_filled_to_the_last_position() {
    let pair = &pairs()[0];
    let mut generator = Generator::new(engine(pair));
    for (length, gamma) in [(CAPACITY - 1, 15), (CAPACITY - 2, 15), (CAPACITY - 9, 4), (CAPACITY - 9, 15)] {
        let prompt = vec![5; length];
        let options =
            |drafter| Options { max_tokens: 100, gamma: Gamma::Fixed(gamma), drafter, ..Options::default() };
        let plain = generate(&mut generator, &prompt, options(Box::new(drafters::NoDrafter)));
        assert_eq!(plain.0.len(), CAPACITY - length);
        for name in ["ngram", "model"] {
            let drafter = drafters::by_name(name).expect("a drafter");
            assert_eq!(generate(&mut generator, &prompt, options(drafter)), plain);
        }
    }
    assert_eq!(generator.engine().len(), CAPACITY);
}
