//! Trees on the CPU engine: a row of a tree has the bits of plain decoding of its path, and what is kept of a tree is what that
//! path leaves. Laws are in `tests/tree_law.rs`, texts of every drafter in `tests/lossless.rs`.

use crate::common;
use crate::support;

use std::rc::Rc;

use paceline::cpu::{self, Logits, TargetReader, Team};
use paceline::decode::{Generator, Options};
use paceline::drafters::{self, Drafter};
use paceline::gguf::{Format, Stream};
use paceline::load::{Device, LoadOptions, load};
use paceline::model::{CacheType, Model, Taps, tiny::Tiny};
use paceline::round::{Engine as _, Memory as _, Proposal, Rules, Tree};
use paceline::sampling::{ONE, Sampling, probabilities};
use paceline::source::FileSource;
use paceline::verify::{Replacement, best, token_wise};
use pollster::block_on;
use support::generate;
use support::law::Law;
use support::law::chi_square::p_of_texts;

const CAPACITY: usize = 160;
const VOCAB: u32 = 288;

fn load_target(tiny: &Tiny, threads: usize) -> Rc<cpu::Model> {
    block_on(async {
        let bytes = tiny.gguf();
        let mut stream = Stream::open(&bytes[..]).await.expect("a header");
        let model = Model::describe(stream.header()).expect("a model");
        let mut target = cpu::Model::load(&mut stream, &model, CAPACITY).await.expect("weights");
        target.set_team(Team::new(threads));
        Rc::new(target)
    })
}

/// Families that differ in what attention looks at: one with windows that are shorter than the texts here.
fn targets() -> Vec<Tiny> {
    let wide = Tiny { width: 128, heads: 8, kv_heads: 2, ff: 192, ..Tiny::default() };
    vec![
        Tiny { layers: 3, ..Tiny::default() },
        Tiny { family: "gemma3", layers: 6, ..wide.clone() },
        Tiny { family: "gemma2", layers: 4, ..wide.clone() },
        Tiny { family: "qwen3", format: Format::F16, kv_heads: 1, ..wide },
    ]
}

/// A tree of `nodes` nodes; the last has a path that is no chain of the first ones.
fn random_tree(random: &mut fastrand::Rng, nodes: usize) -> Tree {
    let mut tree = Tree::default();
    for _ in 0..nodes {
        let parent = random.usize(tree.len() / 2..=tree.len()).checked_sub(1);
        tree.push(parent, random.u32(0..VOCAB));
    }
    tree
}

/// What is read of a text, and then of a tree behind it.
struct Case {
    reader: TargetReader<Rc<cpu::Model>>,
    text: Vec<u32>,
    tree: Tree,
    logits: Vec<Vec<f32>>,
}

impl Case {
    /// A reader that has read all but the last of `length` tokens.
    fn reader(model: &Rc<cpu::Model>, text: &[u32], kv_cache: CacheType) -> TargetReader<Rc<cpu::Model>> {
        let taps = Some(Taps::last(model.config()));
        let mut reader = TargetReader::new(Rc::clone(model), CAPACITY, taps).with_kv_cache(kv_cache);
        reader.fill(&text[..text.len() - 1]);
        reader
    }

    fn new(model: &Rc<cpu::Model>, length: usize, kv_cache: CacheType, random: &mut fastrand::Rng) -> Self {
        let text: Vec<u32> = (0..length).map(|_| random.u32(0..VOCAB)).collect();
        let tree = random_tree(random, 15);
        let mut reader = Self::reader(model, &text, kv_cache);
        let logits = reader.read_tree(text[length - 1], &tree);
        let logits = logits.chunks_exact(VOCAB as usize).map(<[f32]>::to_vec).collect();
        Self { reader, text, tree, logits }
    }

    /// The text and the path to the tree's last node.
    fn path(&self) -> (Vec<u32>, Vec<usize>) {
        let path = self.tree.path(self.tree.len() - 1);
        ([&self.text[..], &self.tree.said(self.tree.len())].concat(), path)
    }
}

/// A row of a tree is the row of its path, whatever family, type of cache, number of threads and place in a page.
#[test]
fn rows_of_a_tree_are_those_of_plain_decoding() {
    let mut random = fastrand::Rng::with_seed(1);
    for tiny in targets() {
        let [alone, together] = [1, 2].map(|threads| load_target(&tiny, threads));
        // Behind the first token, across a page's end, and where the windows have moved on.
        for (length, kv_cache) in
            [(1, CacheType::F32), (58, CacheType::F32), (60, CacheType::F16), (140, CacheType::F32)]
        {
            let seed = random.u64(..);
            let [case, shared] = [&alone, &together]
                .map(|model| Case::new(model, length, kv_cache, &mut fastrand::Rng::with_seed(seed)));
            assert_eq!(case.logits, shared.logits, "{}, {length}: two threads", tiny.family);
            for row in 0..=case.tree.len() {
                let text = [&case.text[..], &case.tree.said(row)].concat();
                let mut plain = Case::reader(&alone, &case.text, kv_cache);
                let mut said = Vec::new();
                text[length - 1..].iter().for_each(|id| said = plain.read(&[*id], Logits::Last));
                assert_eq!(said, case.logits[row], "{}, {length}, {kv_cache:?}: row {row}", tiny.family);
            }
        }
    }
}

/// What follows an accepted path, and the states there, are what they are behind plain decoding; not so where the path stays in
/// its slots, or another node is taken for one of it.
#[test]
fn an_accepted_path_is_as_if_it_had_been_read() {
    let mut random = fastrand::Rng::with_seed(2);
    for tiny in targets() {
        let model = load_target(&tiny, 1);
        for (length, kv_cache) in [(1, CacheType::F32), (58, CacheType::F32), (59, CacheType::F16)] {
            let seed = random.u64(..);
            let case = || Case::new(&model, length, kv_cache, &mut fastrand::Rng::with_seed(seed));
            let (text, path) = case().path();
            assert!(path.len() > 2 && path.iter().enumerate().any(|(at, node)| at != *node), "{path:?}");
            let mut plain = Case::reader(&model, &text, kv_cache);
            let last = text[text.len() - 1];
            let next = |reader: &mut TargetReader<_>| {
                let logits = [reader.read(&[last], Logits::All), reader.read(&[7], Logits::All)].concat();
                (logits, reader.states().cloned())
            };
            let expected = next(&mut plain);
            let after = |forget: &dyn Fn(&mut Case)| {
                let mut case = case();
                forget(&mut case);
                assert_eq!(case.reader.len(), text.len() - 1);
                next(&mut case.reader)
            };
            let accepted = &path[..path.len() - 1];
            assert_eq!(after(&|case| case.reader.accept(length, accepted)), expected, "{}", tiny.family);

            let stays = after(&|case| case.reader.truncate(text.len() - 1));
            assert_ne!(stays.0, expected.0, "{}: a path that was not moved", tiny.family);
            let mut other = accepted.to_vec();
            other[0] = (0..path[1]).find(|node| *node != path[0]).unwrap_or(path[1]);
            let wrong = after(&|case| case.reader.accept(length, &other));
            assert_ne!(wrong.0, expected.0, "{}: a sibling in place of a node", tiny.family);
        }
    }
}

/// A row that sees a sibling's key in place of its parent's says something else: the first test can fail.
#[test]
fn a_row_that_reads_a_sibling_is_found_out() {
    let model = load_target(&targets()[0], 1);
    let text = [5, 6, 7];
    let read = |parent| {
        let tree = Tree::new(vec![8, 9, 10], vec![None, None, Some(parent)]).expect("a tree");
        Case::reader(&model, &text, CacheType::F32).read_tree(7, &tree)
    };
    let (one, other) = (read(0), read(1));
    let rows = 3 * VOCAB as usize;
    assert_eq!(one[..rows], other[..rows], "what does not look at it");
    assert_ne!(one[rows..], other[rows..]);
}

fn engine(target: &Tiny, draft: &Tiny) -> cpu::Session {
    let [target, draft] = [target, draft].map(Tiny::gguf);
    block_on(async {
        let mut stream = Stream::open(&target[..]).await.expect("a header");
        let model = Model::describe(stream.header()).expect("a model");
        let target = cpu::Model::load(&mut stream, &model, CAPACITY).await.expect("weights");
        let mut stream = Stream::open(&draft[..]).await.expect("a header");
        let draft = paceline::model::Draft::describe(stream.header(), &model.config).expect("a draft");
        let draft = cpu::Draft::load(&mut stream, &draft, &target, CAPACITY).await.expect("weights");
        cpu::Session::new(Rc::new(target), Some(Rc::new(draft)), CAPACITY)
    })
}

fn likely_pair() -> (Tiny, Tiny) {
    let target = Tiny { layers: 3, ..Tiny::default() };
    (target.clone(), Tiny { layers: 2, ..target })
}

fn tree(shape: &str, how: Replacement) -> Box<dyn Drafter> {
    let shape: paceline::round::Shape = shape.parse().expect("a shape");
    Box::new(drafters::Branches(shape.drawn(how)))
}

fn options(drafter: Box<dyn Drafter>, sampling: Sampling, max_tokens: usize) -> Options {
    let rules = Rules { sampling, verifier: token_wise(), logprobs: true, ..Rules::default() };
    Options { max_tokens, drafter, rules, ..Options::default() }
}

/// Penalties look at a row's own ancestors; log-probabilities are those of the rows that decided.
#[test]
fn penalties_and_log_probabilities_are_of_the_path() {
    let (target, draft) = likely_pair();
    let mut generator = Generator::new(engine(&target, &draft));
    let sampling = Sampling {
        repeat_penalty: 1.3,
        frequency_penalty: 0.2,
        presence_penalty: 0.1,
        penalty_window: 12,
        logit_bias: vec![(3, 0.5)],
        ..Sampling::default()
    };
    let mut accepted = 0;
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let prompt: Vec<u32> = (0..9).map(|_| random.u32(0..VOCAB)).collect();
        let mut said = |drafter| {
            generator.start(&prompt, options(drafter, sampling.clone(), 48)).expect("a prompt that fits");
            let mut told = Vec::new();
            loop {
                match block_on(generator.step()).expect("a step") {
                    paceline::decode::Event::Tokens { logprobs, .. } => told.extend(logprobs),
                    paceline::decode::Event::Finished(_) => break,
                    paceline::decode::Event::Prefill { .. } => {}
                }
            }
            accepted += generator.stats().accepted;
            (generator.generated().to_vec(), told)
        };
        let plain = said(Box::new(drafters::NoDrafter));
        assert_eq!(plain.1.len(), 48);
        for shape in ["2,2,1", "3,2,1", "1,3"] {
            assert_eq!(said(tree(shape, Replacement::Without)), plain, "{shape}, {seed}");
        }
    }
    assert!(accepted > 100, "{accepted} tokens");
}

/// A tree of one child a node is the chain: the same samples from the same seed.
#[test]
fn a_tree_without_siblings_is_the_chain() {
    let (target, draft) = likely_pair();
    let mut generator = Generator::new(engine(&target, &draft));
    for seed in 0..8 {
        let sampling = Sampling { temperature: 0.8, repeat_penalty: 1.1, seed, ..Sampling::default() };
        let mut said = |drafter, gamma| {
            let options = options(drafter, sampling.clone(), 40);
            let said = generate(&mut generator, &[5, 6, 7], Options { gamma, ..options });
            let stats = generator.stats();
            (said, stats.rounds, stats.accepted, stats.alpha_tf)
        };
        let chain = said(Box::new(drafters::Model), paceline::decode::Gamma::Fixed(3));
        for how in [Replacement::Without, Replacement::With] {
            assert_eq!(said(tree("1,1,1", how), paceline::decode::Gamma::Default), chain);
        }
    }
}

/// A draft that is the target is always right: its rows are made as the target's are, siblings or not.
#[test]
fn a_draft_that_is_the_target_is_walked_to_the_end() {
    let target = Tiny { family: "qwen2", format: Format::Q8_0, tied: false, ..Tiny::default() };
    let mut generator = Generator::new(engine(&target, &target));
    for (how, temperature) in
        [(Replacement::Without, 0.0), (Replacement::Without, 0.9), (Replacement::With, 0.9)]
    {
        let sampling =
            Sampling { temperature, repeat_penalty: 1.2, top_k: 50, seed: 4, ..Sampling::default() };
        generate(&mut generator, &[9, 8, 7], options(tree("2,2,1", how), sampling, 40));
        let stats = generator.stats();
        assert_eq!((stats.rounds, stats.accepted, stats.block_efficiency), (10, 30, 4.0), "{how:?}");
        assert_eq!(stats.alpha_tf, Some(1.0), "{how:?}");
    }
}

/// Texts of the engine's own random words, counted.
#[test]
fn sampled_texts_have_the_targets_law() {
    const LENGTH: usize = 3;
    const TEXTS: u64 = 6000;
    let (target, draft) = likely_pair();
    let prompt = [5, 6, 7];
    let sampling = Sampling { temperature: 1.5, top_k: 4, repeat_penalty: 1.4, ..Sampling::default() };
    let expected = law(&target, &prompt, &sampling, LENGTH);
    let mut generator = Generator::new(engine(&target, &draft));
    for how in [Replacement::Without, Replacement::With] {
        let (mut accepted, mut drafted) = (0, 0);
        let texts: Vec<Vec<u32>> = (0..TEXTS)
            .map(|seed| {
                let options = options(tree("3,1", how), Sampling { seed, ..sampling.clone() }, LENGTH);
                let (said, _) = generate(&mut generator, &prompt, options);
                (accepted, drafted) =
                    (accepted + generator.stats().accepted, drafted + generator.stats().drafted);
                said
            })
            .collect();
        let p = p_of_texts(&expected, texts.into_iter());
        println!("{how:?}: p {p:.3}, {accepted} of {drafted} accepted");
        assert!(p > 1e-4 && accepted > TEXTS as usize / 2, "{how:?}: p {p:e}, {accepted} of {drafted}");
    }
}

/// The law of the first `length` tokens behind a prompt.
fn law(target: &Tiny, prompt: &[u32], sampling: &Sampling, length: usize) -> Law {
    let model = load_target(target, 1);
    let mut law = Law::from([(Vec::new(), 1.0)]);
    for _ in 0..length {
        let mut longer = Law::new();
        for (text, p) in law {
            let history = [prompt, &text].concat();
            let mut cache = cpu::Cache::new(model.config(), CAPACITY);
            let mut logits = model.forward(&mut cache, &history, 0, Logits::Last);
            paceline::sampling::adjust(&mut logits, &history, sampling);
            let mut row = vec![0; logits.len()];
            probabilities(&logits, sampling, &mut row);
            for (id, weight) in row.into_iter().enumerate().filter(|(_, weight)| *weight > 0) {
                longer.insert([&text[..], &[id as u32]].concat(), p * f64::from(weight) / f64::from(ONE));
            }
        }
        law = longer;
    }
    law
}

#[test]
fn what_verifies_chains_alone_says_so() {
    let (target, draft) = likely_pair();
    let mut generator = Generator::new(engine(&target, &draft));
    let warm = Sampling { temperature: 1.0, ..Sampling::default() };
    let mut options = options(tree("2,2", Replacement::Without), warm, 8);
    options.rules.verifier = best();
    let rules = options.rules.clone();
    let error = generator.start(&[5, 6, 7], options).expect_err("it verifies chains");
    assert_eq!(error.code(), "verifier-tree");
    let mut engine = generator.into_engine();
    block_on(engine.append(&[5, 6, 7])).expect("a prompt that fits");
    engine.begin(&rules, CAPACITY).expect("sound rules");
    let branches = || Proposal::tree(vec![1, 2], vec![None, None]).expect("a tree");
    assert_eq!(engine.submit(branches()).expect_err("nor of the host's").code(), "verifier-tree");
    assert_eq!(engine.in_flight(), 0);
    engine.begin(&Rules { verifier: token_wise(), ..rules }, CAPACITY).expect("sound rules");
    engine.submit(branches()).expect("a round");
    assert!(!block_on(engine.collect()).expect("its outcome").tokens.is_empty());
}

/// Spare slots are beyond the capacity: a tree is cut by its depth alone.
#[test]
fn the_context_is_filled_to_the_last_position() {
    let (target, draft) = likely_pair();
    let mut generator = Generator::new(engine(&target, &draft));
    for length in [CAPACITY - 1, CAPACITY - 2, CAPACITY - 7] {
        let prompt = vec![5; length];
        let mut said =
            |drafter| generate(&mut generator, &prompt, options(drafter, Sampling::default(), 100));
        let plain = said(Box::new(drafters::NoDrafter));
        assert_eq!(plain.0.len(), CAPACITY - length);
        for shape in ["15", "2,2,2", "3,1,1,1"] {
            assert_eq!(said(tree(shape, Replacement::Without)), plain, "{shape}");
        }
    }
    assert_eq!(generator.engine().len(), CAPACITY);
}

/// The draft that is shipped, on the model that it was made for: a tree says what plain decoding says.
#[test]
fn the_real_pair_says_the_same() {
    let draft = concat!(env!("CARGO_MANIFEST_DIR"), "/models/SmolLM2-135M-Instruct.draft.gguf");
    let open = |path: &std::path::Path| FileSource::open(path).expect("a file");
    let options = LoadOptions { device: Device::Cpu, capacity: Some(256), ..LoadOptions::default() };
    let loaded = block_on(load(open(&common::real_model()), Some(open(draft.as_ref())), &options))
        .expect("both models");
    let prompt = &common::reference_runs()[0].prompt_ids;
    let mut generator = Generator::new(loaded.engine);
    let mut said = |drafter| {
        let options = Options { max_tokens: 32, drafter, ..Options::default() };
        (generate(&mut generator, prompt, options), generator.stats())
    };
    let (plain, _) = said(Box::new(drafters::NoDrafter));
    let (branched, stats) = said(tree("3,2", Replacement::Without));
    println!("{} of {} accepted in {} rounds", stats.accepted, stats.drafted, stats.rounds);
    assert_eq!(branched, plain);
    assert!(stats.accepted > 8, "{stats:?}");
}

/// Passes of the real target in turns: a tree of 8 rows beside a chain of 8. It takes a machine that does nothing else:
/// `cargo test --release --test all -- --ignored --nocapture a_tree_costs`.
#[test]
#[ignore = "measures time"]
fn a_tree_costs_what_a_chain_does() {
    const ROUNDS: usize = 40;
    let options = LoadOptions { device: Device::Cpu, capacity: Some(1024), ..LoadOptions::default() };
    let open = FileSource::open(&common::real_model()).expect("a file");
    let loaded = block_on(load(open, None::<FileSource>, &options)).expect("the model");
    let paceline::load::AnyEngine::Cpu(engine) = loaded.engine else { panic!("loaded for the CPU") };
    let text: Vec<u32> = common::reference_runs().iter().flat_map(|run| run.prompt_ids.clone()).collect();
    // Two behind the context, two behind each, and one path on.
    let parents = vec![None, None, Some(0), Some(0), Some(1), Some(1), Some(3)];
    let trees = [Tree::chain(text[..7].to_vec()), Tree::new(text[..7].to_vec(), parents).expect("a tree")];
    for length in [64, 256, 900] {
        let mut reader = TargetReader::new(Rc::clone(engine.target()), 1024, None);
        reader.fill(&text[..length]);
        let mut ms = [(); 2].map(|()| Vec::new());
        for round in 0..2 * ROUNDS {
            let which = (round + round / 2) % 2;
            let began = std::time::Instant::now();
            std::hint::black_box(reader.read_tree(text[length], &trees[which]));
            ms[which].push(began.elapsed().as_secs_f64() * 1000.0);
            reader.truncate(length);
        }
        let [chain, tree] = ms.map(|mut ms| {
            ms.sort_by(f64::total_cmp);
            ms[ms.len() / 2]
        });
        println!("behind {length} tokens: chain {chain:.2} ms, tree {tree:.2} ms, {:.3} times", tree / chain);
        assert!(tree < 1.15 * chain);
    }
}
