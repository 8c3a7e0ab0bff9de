//! Measuring is checked against speculative decoding itself.

use pollster::block_on;

use super::text::softmax;
use super::{Answer, Measured, Options, Text, interval, measure, report, run, size_ratio, speak, task};
use crate::cpu::{Cache, Draft, Logits};
use crate::gguf::Format;
use crate::learn::core::draft::{Architecture, Shape, Weights, file};
use crate::learn::run::collect::Prompt;
use crate::learn::run::{Target, drafts};
use crate::model::Taps;
use crate::model::tiny::Tiny;

const CAPACITY: usize = 96;

fn target() -> Target {
    let tiny = Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() };
    block_on(Target::load(&tiny.gguf()[..], CAPACITY)).unwrap()
}

/// The target itself with fewer layers: sometimes right. Or a fed draft of noise.
fn draft(target: &Target, name: &str) -> Draft {
    let bytes = if name == "shallow" {
        let tiny = Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, layers: 2, ..Tiny::default() };
        tiny.gguf()
    } else {
        let config = target.model.config();
        let ids = (0..288).filter(|id| id % 5 != 0).collect();
        let draft = (Architecture::by_name(name).unwrap().shape)(config).draft(config, Some(ids));
        file::write(&draft, &Weights::random(&draft, 3), Format::F32, "test", &target.metadata).unwrap()
    };
    block_on(drafts::load(&bytes[..], target, CAPACITY)).unwrap().0
}

/// An answer of so many tokens at a temperature, with the states that `draft` reads.
fn answer(
    target: &Target,
    draft: &Draft,
    prompt: &[u32],
    (max_tokens, temperature): (usize, f32),
    random: &mut fastrand::Rng,
) -> Text {
    let taps = draft.taps().cloned();
    let answer = Answer { stop_ids: &[], max_tokens, capacity: CAPACITY, temperature, taps };
    speak(&target.model, prompt, &answer, random).unwrap()
}

/// Plain speculative sampling (arXiv 2211.17192) on a prompt: tokens and passes.
fn speculate(
    target: &Target,
    draft: &Draft,
    prompt: &[u32],
    count: usize,
    gamma: usize,
    random: &mut fastrand::Rng,
) -> (Vec<u32>, usize) {
    let taps = draft.taps().cloned().unwrap_or_else(|| Taps::last(target.model.config()));
    let width = taps.width();
    let draw = |p: &[f32], random: &mut fastrand::Rng| -> u32 {
        let mut left = random.f32() * p.iter().sum::<f32>();
        p.iter()
            .position(|p| {
                left -= p;
                left < 0.0
            })
            .unwrap_or(p.len() - 1) as u32
    };
    let rows = |tokens: &[u32]| {
        let mut cache = Cache::new(target.model.config(), CAPACITY);
        target.model.forward_tapped(&mut cache, tokens, 0, Logits::All, &taps)
    };
    let (mut tokens, mut passes) = (prompt.to_vec(), 0);
    while tokens.len() < prompt.len() + count {
        passes += 1;
        let room = gamma.min(prompt.len() + count - tokens.len() - 1);
        let before = rows(&tokens[..tokens.len() - 1]).hidden;
        let states = [vec![0.0; width], before].concat();
        let mut cache = Cache::new(draft.config(), CAPACITY);
        let mut output = draft.forward(&mut cache, &tokens, &states[..tokens.len() * width], 0, Logits::Last);
        let (mut proposal, mut laws) = (Vec::new(), Vec::new());
        for k in 0..room {
            let mut q = vec![0.0; target.model.config().vocab];
            for (id, p) in softmax(&output.logits, 1.0).into_iter().enumerate() {
                q[draft.target_id(id as u32) as usize] = p;
            }
            let token = draw(&q, random);
            proposal.push(token);
            laws.push(q);
            let own = draft.own_state(&output.hidden);
            output = draft.forward(&mut cache, &[token], &own, tokens.len() + k, Logits::Last);
        }
        let all = [tokens.clone(), proposal.clone()].concat();
        let logits = rows(&all).logits;
        let vocab = target.model.config().vocab;
        let p = |at: usize| softmax(&logits[(at - 1) * vocab..at * vocab], 1.0);
        let mut accepted = 0;
        let next = loop {
            let p = p(tokens.len() + accepted);
            if accepted == room {
                break draw(&p, random);
            }
            let (x, q) = (proposal[accepted] as usize, &laws[accepted]);
            if random.f32() * q[x] < p[x] {
                accepted += 1;
            } else {
                let rest: Vec<f32> = p.iter().zip(q).map(|(p, q)| (p - q).max(0.0)).collect();
                break draw(&rest, random);
            }
        };
        tokens.extend_from_slice(&proposal[..accepted]);
        tokens.push(next);
    }
    (tokens, passes)
}

#[test]
fn replaying_has_the_block_efficiency_of_speculative_sampling() {
    let target = target();
    for name in ["shallow", "hidden-1", "taps-1"] {
        let draft = draft(&target, name);
        let mut random = fastrand::Rng::with_seed(1);
        let (prompt, count, gamma, texts) = ([3u32, 50, 7], 12, 3, 400);
        let (mut real, mut replayed) = (Vec::new(), Vec::new());
        for _ in 0..texts {
            real.push(speculate(&target, &draft, &prompt, count, gamma, &mut random).1 as f64);
            let text = answer(&target, &draft, &prompt, (count, 1.0), &mut random);
            let measured = measure(&draft, &text, gamma, &mut random);
            assert_eq!(measured.tokens, count);
            replayed.push(measured.rounds as f64);
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let error =
            |x: &[f64]| (x.iter().map(|v| (v - mean(x)).powi(2)).sum::<f64>()).sqrt() / x.len() as f64;
        let (a, b) = (mean(&real), mean(&replayed));
        let sigma = error(&real).hypot(error(&replayed));
        println!("{name}: {a} rounds of real sampling, {b} replayed, sigma {sigma}");
        assert!(
            (a - b).abs() < 4.0 * sigma,
            "{name}: {a} rounds of real sampling, {b} replayed, sigma {sigma}"
        );
        assert!(a < count as f64 - 0.5, "{name}: nothing is ever accepted, so nothing is tested");
    }
}

#[test]
fn greedy_rounds_are_the_engines() {
    let tiny =
        |layers| Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, layers, ..Tiny::default() };
    let target = target();
    let draft = draft(&target, "shallow");
    let mut random = fastrand::Rng::with_seed(1);
    let mut accepted = 0;
    for first in 0..20 {
        let prompt = [first, 50, 7];
        let text = answer(&target, &draft, &prompt, (30, 0.0), &mut random);
        let measured = measure(&draft, &text, 4, &mut random);
        use crate::decode::{Event, Gamma, Generator, Options};
        use crate::{drafters, load};
        let options =
            load::LoadOptions { device: load::Device::Cpu, capacity: Some(CAPACITY), ..Default::default() };
        let loaded = block_on(load::load(&tiny(3).gguf()[..], Some(&tiny(2).gguf()[..]), &options)).unwrap();
        let mut generator = Generator::new(loaded.engine);
        let drafter = drafters::by_name("model").unwrap();
        generator
            .start(&prompt, Options { max_tokens: 30, gamma: Gamma::Fixed(4), drafter, ..Options::default() })
            .unwrap();
        while !matches!(block_on(generator.step()).unwrap(), Event::Finished(_)) {}
        assert_eq!(generator.generated(), &text.tokens[3..]);
        let stats = generator.stats();
        assert_eq!((stats.accepted as usize, stats.tokens as usize), (measured.accepted, 30));
        assert!(
            (stats.block_efficiency - measured.tau()).abs() < 1e-9,
            "{} {}",
            stats.block_efficiency,
            measured.tau()
        );
        accepted += measured.accepted;
    }
    assert!(accepted > 0, "nothing is ever accepted, so nothing is tested");
}

#[test]
fn a_target_that_drafts_for_itself_is_always_right() {
    let target = target();
    let tiny = Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() };
    let same = block_on(drafts::load(&tiny.gguf()[..], &target, CAPACITY)).unwrap().0;
    let mut random = fastrand::Rng::with_seed(1);
    for temperature in [0.0, 1.0] {
        let text = answer(&target, &same, &[3, 4], (20, temperature), &mut random);
        let measured = measure(&same, &text, 4, &mut random);
        assert!((measured.alpha() - 1.0).abs() < 1e-5 && (measured.coverage() - 1.0).abs() < 1e-5);
        assert_eq!((measured.rounds, measured.accepted, measured.tested), (4, 16, 16));
    }
    let config = target.model.config();
    let whole = Shape::of_target(config).draft(config, None);
    assert!((size_ratio(&whole, config) - 1.0).abs() < 1e-12);
}

#[test]
fn reports_are_by_task_and_threads_do_not_matter() {
    let target = target();
    let (a, b) = (draft(&target, "shallow"), draft(&target, "hidden-1"));
    let c = draft(&target, "taps-1");
    let prompt = |i: usize| Prompt {
        question: format!("Question {i}?"),
        answer: None,
        task: ["math", "stem", "qa"][i % 3].into(),
    };
    let prompts: Vec<Prompt> = (0..9).map(prompt).collect();
    let options =
        Options { gamma: 3, temperature: 1.0, max_tokens: 8, capacity: CAPACITY, threads: 1, seed: 1 };
    let one = run(&target, &[&a, &b], &prompts, options, |_| {}).unwrap();
    let mut heard = Vec::new();
    let two = run(&target, &[&a, &b], &prompts, Options { threads: 3, ..options }, |done| heard.push(done))
        .unwrap();
    assert_eq!(one, two);
    // Each draft is measured as it is alone, whatever states others read.
    let together = run(&target, &[&c, &a, &b], &prompts, options, |_| {}).unwrap();
    for (measured, all) in one.iter().zip(&together) {
        assert_eq!(measured.1, all.1[1..]);
    }
    let alone = run(&target, &[&c], &prompts, options, |_| {}).unwrap();
    assert!(alone.iter().zip(&together).all(|(alone, all)| alone.1[0] == all.1[0]));
    assert_eq!(heard, (1..=9).collect::<Vec<_>>());
    let of =
        |i: usize| -> Vec<(String, Measured)> { one.iter().map(|(task, m)| (task.clone(), m[i])).collect() };
    let report = report(&of(0), Some(&of(0)), (3, 0.5));
    let names: Vec<(&str, usize)> = report.rows.iter().map(|row| (row.task.as_str(), row.prompts)).collect();
    assert_eq!(names, [("mt-bench", 6), ("qa", 3), ("all", 9)]);
    let all = &report.rows[2];
    assert!(all.alpha.low <= all.alpha.value && all.alpha.value <= all.alpha.high);
    assert_eq!(all.tau_over_baseline.unwrap(), interval(9, 1, |_| 1.0));
    assert!((all.mbsu - all.tau.value / 2.5).abs() < 1e-12);
    assert_eq!((task("rag"), task("writing"), task("")), ("rag", "mt-bench", "prompts"));
    // A prompt without room is left out.
    let long = Prompt { question: "x".repeat(4 * CAPACITY), ..Prompt::default() };
    assert!(run(&target, &[&a], &[long], options, |_| {}).unwrap().is_empty());
}
