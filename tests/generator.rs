//! The generator on a table model: it says what plain decoding says, whoever drafts and however it is interrupted.

use crate::support;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use paceline::decode::{Event, FinishReason, Gamma, Generator, Options, PREFILL_CHUNK};
use paceline::drafters::{self, DRAFTERS, Drafter, Limits};
use paceline::round::{Engine, Error, Proposal, Rules};
use support::table::{self, TableEngine, VOCAB, expected};

/// Proposes exactly what the target will say, except for every `wrong`-th token.
struct Oracle {
    wrong: usize,
}

impl Oracle {
    fn boxed(wrong: usize) -> Box<dyn Drafter> {
        Box::new(Self { wrong })
    }
}

impl Drafter for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 12, draft: 0 }
    }

    fn propose(&mut self, context: &[u32], Limits { tokens: max, .. }: Limits) -> Proposal {
        let mut proposal = expected(context, max);
        for (i, id) in proposal.iter_mut().enumerate() {
            if (i + 1) % self.wrong == 0 {
                *id = (*id + 1) % VOCAB;
            }
        }
        Proposal::chain(proposal)
    }
}

fn options(drafter: Box<dyn Drafter>, max_tokens: usize) -> Options {
    Options { drafter, max_tokens, ..Options::default() }
}

fn plain(max_tokens: usize) -> Options {
    Options { max_tokens, ..Options::default() }
}

fn step<E: Engine>(generator: &mut Generator<E>) -> Event {
    pollster::block_on(generator.step()).expect("a step")
}

/// Steps to the end: the tokens of all events, and the reason.
fn run<E: Engine>(generator: &mut Generator<E>) -> (Vec<u32>, FinishReason) {
    let mut ids = Vec::new();
    loop {
        match step(generator) {
            Event::Prefill { done, total } => assert!(done <= total && ids.is_empty()),
            Event::Tokens { tokens, accepted, drafted, .. } => {
                assert!(accepted <= drafted && accepted <= tokens.len() && !tokens.is_empty());
                ids.extend(tokens);
            }
            Event::Finished(reason) => {
                assert_eq!(step(generator), Event::Finished(reason), "it stays finished");
                assert_eq!(generator.generated(), ids);
                return (ids, reason);
            }
        }
    }
}

#[test]
fn every_drafter_and_gamma_says_what_plain_decoding_says() {
    for prompt in [vec![1], vec![3, 4, 5], vec![0; 70], (0..200).map(|i| i * i % VOCAB).collect()] {
        let plainly = expected(&prompt, 50);
        for gamma in (0..=15).map(Gamma::Fixed).chain([Gamma::Default, Gamma::Auto]) {
            let named = DRAFTERS.iter().map(|spec| (spec.make)()).filter(|drafter| !drafter.branches());
            for drafter in named.chain([1, 2, 3, 100].map(Oracle::boxed)) {
                let name = drafter.name();
                let mut generator = Generator::new(TableEngine::new(512));
                generator.start(&prompt, Options { gamma, ..options(drafter, 50) }).unwrap();
                let (ids, reason) = run(&mut generator);
                assert_eq!(ids, plainly, "{name}, gamma {gamma:?}");
                assert_eq!(reason, FinishReason::Length);
                assert_eq!(generator.engine().context(), [&prompt[..], &ids].concat());
                let stats = generator.stats();
                assert_eq!((stats.tokens, stats.prompt_tokens), (50, prompt.len()));
                assert_eq!(
                    stats.tokens,
                    stats.accepted + stats.rounds,
                    "each round adds one token of the target's"
                );
                if let Gamma::Fixed(gamma) = gamma {
                    assert!(stats.drafted <= gamma * stats.rounds);
                }
            }
        }
    }
}

#[test]
fn a_stop_token_ends_the_text_wherever_it_stands_in_a_block() {
    let prompt = [3, 4, 5];
    let plainly = expected(&prompt, 60);
    for stop in 0..VOCAB {
        let until = plainly.iter().position(|&id| id == stop);
        for wrong in [1, 2, 5, 100] {
            for gamma in [0, 1, 4, 12] {
                let mut generator = Generator::new(TableEngine::new(512));
                let options = Options {
                    gamma: Gamma::Fixed(gamma),
                    rules: Rules { stop_ids: vec![99, stop], ..Rules::default() },
                    ..options(Oracle::boxed(wrong), 60)
                };
                generator.start(&prompt, options).unwrap();
                let (ids, reason) = run(&mut generator);
                match until {
                    Some(i) => assert_eq!((&ids[..], reason), (&plainly[..=i], FinishReason::Stop)),
                    None => assert_eq!((&ids[..], reason), (&plainly[..], FinishReason::Length)),
                }
                assert_eq!(generator.engine().context(), [&prompt[..], &ids].concat());
            }
        }
    }
}

#[test]
fn the_last_event_says_that_it_stopped() {
    let prompt = [3, 4, 5];
    let plainly = expected(&prompt, 12);
    let stop = plainly[4];
    let until = plainly.iter().position(|&id| id == stop).unwrap();
    let mut generator = Generator::new(TableEngine::new(512));
    let rules = Rules { stop_ids: vec![stop], ..Rules::default() };
    generator.start(&prompt, Options { rules, ..options(Oracle::boxed(100), 60) }).unwrap();
    assert_eq!(step(&mut generator), Event::Prefill { done: 3, total: 3 });
    let tokens = plainly[..=until].to_vec();
    let accepted = tokens.len();
    assert_eq!(
        step(&mut generator),
        Event::Tokens { tokens, accepted, drafted: 12, logprobs: vec![], stopped: true }
    );
    assert_eq!(step(&mut generator), Event::Finished(FinishReason::Stop));
    let stats = generator.stats();
    assert_eq!((stats.accepted, stats.tested, stats.alpha_emp), (accepted, accepted, Some(1.0)));
    assert_eq!(stats.block_efficiency, accepted as f64);
}

#[test]
fn max_tokens_is_exact() {
    for max_tokens in 0..30 {
        for wrong in [1, 3, 100] {
            let mut generator = Generator::new(TableEngine::new(512));
            generator.start(&[7, 8], options(Oracle::boxed(wrong), max_tokens)).unwrap();
            let (ids, reason) = run(&mut generator);
            assert_eq!(ids, expected(&[7, 8], max_tokens));
            assert_eq!(reason, FinishReason::Length);
            assert_eq!(generator.stats().tokens, max_tokens);
        }
    }
}

#[test]
fn the_context_is_filled_to_the_last_position() {
    for capacity in [5, 6, 17, 40] {
        for gamma in 0..=15 {
            for drafter in ["none", "ngram", "model"] {
                let mut generator = Generator::new(TableEngine::new(capacity));
                let drafter = drafters::by_name(drafter).unwrap();
                let options = Options { gamma: Gamma::Fixed(gamma), ..options(drafter, 1000) };
                generator.start(&[1, 2, 3, 4], options).unwrap();
                let (ids, reason) = run(&mut generator);
                assert_eq!(ids, expected(&[1, 2, 3, 4], capacity - 4));
                assert_eq!(reason, FinishReason::Context);
            }
        }
    }
}

#[test]
fn prompts_are_read_in_chunks() {
    let prompt = vec![1; 2 * PREFILL_CHUNK + 5];
    let mut generator = Generator::new(TableEngine::new(512));
    generator.start(&prompt, plain(1)).unwrap();
    for done in [PREFILL_CHUNK, 2 * PREFILL_CHUNK, prompt.len()] {
        assert_eq!(step(&mut generator), Event::Prefill { done, total: prompt.len() });
    }
    assert!(matches!(step(&mut generator), Event::Tokens { .. }));
}

#[test]
fn abandoned_generations_leave_a_sound_engine() {
    let prompt: Vec<u32> = (0..150).map(|i| i % VOCAB).collect();
    let other = [&prompt[..100], &[9, 9, 9]].concat();
    for steps in 0..12 {
        let mut generator = Generator::new(TableEngine::new(512));
        generator.start(&prompt, options(Oracle::boxed(4), 40)).unwrap();
        (0..steps).for_each(|_| drop(step(&mut generator)));
        generator.start(&other, options(Oracle::boxed(3), 40)).unwrap();
        assert_eq!(run(&mut generator).0, expected(&other, 40), "abandoned after {steps} steps");
    }
}

#[test]
fn a_step_dropped_half_way_leaves_a_sound_engine() {
    let prompt = [3, 4, 5];
    for polls in 1..=3 {
        let engine = TableEngine::new(512);
        let faults = engine.faults.clone();
        let mut generator = Generator::new(engine);
        generator.start(&prompt, options(Oracle::boxed(4), 40)).unwrap();
        step(&mut generator);
        step(&mut generator);
        faults.wait.set(true);
        let finished = {
            let mut future = pin!(generator.step());
            let mut context = Context::from_waker(Waker::noop());
            (0..polls).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
        };
        faults.wait.set(false);
        if !finished {
            let error = pollster::block_on(generator.step()).unwrap_err();
            assert_eq!(error.code(), "not-started");
        }
        let next = [&prompt[..], &[6]].concat();
        generator.start(&next, options(Oracle::boxed(4), 40)).unwrap();
        assert_eq!(run(&mut generator).0, expected(&next, 40));
    }
}

#[test]
fn after_an_engine_error_the_next_generation_is_right() {
    let prompt = [3, 4, 5];
    for failing in 0..5 {
        let engine = TableEngine::new(512);
        engine.faults.fail_in.set(Some(failing));
        let mut generator = Generator::new(engine);
        generator.start(&prompt, options(Oracle::boxed(4), 40)).unwrap();
        let error = loop {
            match pollster::block_on(generator.step()) {
                Ok(event) => assert!(!matches!(event, Event::Finished(_))),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), "gpu-lost");
        assert_eq!(pollster::block_on(generator.step()).unwrap_err().code(), "not-started");
        generator.start(&prompt, options(Oracle::boxed(4), 40)).unwrap();
        assert_eq!(generator.stats().reused_tokens, 0, "nothing is known about the context");
        assert_eq!(run(&mut generator).0, expected(&prompt, 40));
    }
}

#[test]
fn what_prompts_share_is_read_once() {
    let engine = TableEngine::new(1024);
    let appended = engine.appended.clone();
    let mut generator = Generator::new(engine);
    let first: Vec<u32> = (0..100).map(|i| i % VOCAB).collect();
    generator.start(&first, options(Oracle::boxed(5), 20)).unwrap();
    let (answer, _) = run(&mut generator);

    // The next turn of a chat: everything so far, and a question.
    let second = [&first[..], &answer, &[1, 2, 3]].concat();
    appended.borrow_mut().clear();
    generator.start(&second, options(Oracle::boxed(5), 20)).unwrap();
    assert_eq!(step(&mut generator), Event::Prefill { done: 123, total: 123 });
    assert_eq!(run(&mut generator).0, expected(&second, 20));
    assert_eq!(*appended.borrow(), [3]);
    assert_eq!(generator.stats().reused_tokens, 120);

    // The same prompt, a beginning of it, and one that differs early.
    for (prompt, read) in
        [(second.clone(), 0), (second[..70].to_vec(), 0), ([&second[..50], &[0]].concat(), 1), (vec![9], 1)]
    {
        appended.borrow_mut().clear();
        generator.start(&prompt, options(Oracle::boxed(5), 20)).unwrap();
        assert_eq!(run(&mut generator).0, expected(&prompt, 20));
        assert_eq!(appended.borrow().iter().sum::<usize>(), read);
    }
}

#[test]
fn bad_requests_are_refused_and_change_nothing() {
    let mut generator = Generator::new(TableEngine::new(32).without_draft());
    assert_eq!(pollster::block_on(generator.step()).unwrap_err().code(), "not-started");

    let prompt = [3, 4, 5];
    generator.start(&prompt, plain(20)).unwrap();
    step(&mut generator);
    step(&mut generator);
    let refused = |generator: &mut Generator<_>, prompt: &[u32], options| {
        generator.start(prompt, options).expect_err("must be refused")
    };
    assert!(matches!(refused(&mut generator, &[], plain(1)), Error::EmptyPrompt));
    for tokens in [32, 33, 1000] {
        let error = refused(&mut generator, &vec![1; tokens], plain(1));
        assert!(matches!(error, Error::PromptTooLong { capacity: 32, tokens: t } if t == tokens));
        assert!(error.to_string().contains("shorten it"));
    }
    let error = refused(&mut generator, &[1, VOCAB], plain(1));
    assert!(matches!(error, Error::TokenRange { id: VOCAB, .. }));
    let model = drafters::by_name("model").unwrap();
    assert!(matches!(refused(&mut generator, &[1], options(model, 1)), Error::NoDraft));

    while !matches!(step(&mut generator), Event::Finished(_)) {}
    assert_eq!(generator.generated(), expected(&prompt, 20), "the generation under way goes on");
    generator.start(&[1; 31], plain(5)).unwrap();
    assert_eq!(run(&mut generator).1, FinishReason::Context);
    assert_eq!(generator.generated(), expected(&[1; 31], 1));
}

#[test]
fn a_tree_is_refused_by_an_engine_of_chains_and_the_generation_before_goes_on() {
    let mut generator = Generator::new(TableEngine::new(512));
    let options = |drafter| options(drafter, 20);
    generator.start(&[3, 4, 5], options(Box::new(drafters::Model))).unwrap();
    let error = generator.start(&[3, 4, 5], options(drafters::by_name("tree").unwrap())).unwrap_err();
    assert_eq!(error.code(), "proposal-tree");
    assert_eq!(run(&mut generator).0, expected(&[3, 4, 5], 20));
}

#[test]
fn drafters_are_found_by_name() {
    for spec in DRAFTERS {
        assert_eq!(drafters::by_name(spec.name).unwrap().name(), spec.name);
    }
    let Err(error) = drafters::by_name("eagle") else { panic!("there is none") };
    assert_eq!(error.code(), "drafter-unknown");
    assert!(error.to_string().contains("none, ngram, model"), "{error}");
}

#[test]
fn statistics_have_the_names_that_users_read() {
    let mut generator = Generator::new(TableEngine::new(512));
    generator.start(&[3, 4, 5], options(Box::new(drafters::Model), 40)).unwrap();
    run(&mut generator);
    let stats = generator.stats();
    let json = serde_json::to_value(stats).unwrap();
    for name in [
        "rounds",
        "drafted",
        "accepted",
        "target_passes",
        "block_efficiency",
        "dispatches",
        "submits",
        "readbacks",
        "prefill_ms",
        "decode_ms",
        "tokens_per_second",
        "alpha_emp",
        "draft_ms",
        "verify_ms",
    ] {
        assert!(json[name].is_number(), "{name}: {}", json[name]);
    }
    assert_eq!(stats.submits, stats.rounds as u64);
    assert_eq!(stats.dispatches, 3 * stats.submits);
    assert!(stats.block_efficiency > 2.0 && stats.alpha_emp.unwrap() > 0.5, "{stats:?}");
    assert_eq!(table::next(&[3, 4, 5]), generator.generated()[0]);
}
