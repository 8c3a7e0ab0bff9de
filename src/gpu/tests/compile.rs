//! Everything compiled at load: nothing in any generation afterwards.

use super::device;
use super::session::{fed, load_pair};
use crate::gguf::Format;
use crate::gpu::{Session, Variant};
use crate::model::Role;
use crate::model::tiny::Tiny;
use crate::round::{Engine as _, Proposal, Rules};
use crate::sampling::Sampling;
use crate::verify::{KINDS, Lenience, VERIFIERS};

/// Rules that together need every kernel of the sampler.
fn rules() -> Vec<Rules> {
    let sampled = |temperature: f32| Sampling { temperature, seed: 7, ..Sampling::default() };
    let adjusted =
        Sampling { repeat_penalty: 1.2, logit_bias: vec![(3, 1.0)], top_k: 20, top_p: 0.9, ..sampled(0.8) };
    let all = |sampling: &Sampling| Rules {
        sampling: sampling.clone(),
        logprobs: true,
        confidence: 0.1,
        ..Rules::default()
    };
    let greedy = Sampling { temperature: 0.0, ..adjusted.clone() };
    let mut rules = vec![Rules::default(), all(&greedy)];
    for verifier in VERIFIERS.iter().filter(|spec| spec.kernel.is_some()) {
        for sampling in [&sampled(1.0), &adjusted] {
            let plain = Rules { sampling: sampling.clone(), ..Rules::default() };
            rules.extend([Rules { verifier, ..plain }, Rules { verifier, ..all(sampling) }]);
        }
    }
    for kind in &KINDS {
        let lenience = Some(Lenience { kind, epsilon: 0.5 });
        rules.push(Rules { lenience, ..all(&adjusted) });
        if kind.is_factor() {
            rules.push(Rules { lenience, ..all(&greedy) });
        }
    }
    rules
}

/// Pipelines that a generation by each of the rules compiles; greedily with proposals of every length of both drafters.
async fn compiled_by_generations(session: &mut Session) -> u64 {
    let before = session.counters().pipelines;
    for (i, rules) in rules().into_iter().enumerate() {
        session.truncate(0).await.unwrap();
        // In passes of 64 rows, of 16 and of what is left.
        let prompt: Vec<u32> = (0..64 + 16 + 7).map(|i| i * 31 % 288).collect();
        session.append(&prompt).await.unwrap();
        session.begin(&rules, 160).unwrap();
        let gammas = if i == 0 { (0..=session.max_proposal()).collect() } else { vec![i % 4] };
        for gamma in gammas {
            session.truncate(prompt.len()).await.unwrap();
            let found = (0..gamma as u32).collect();
            session.round(Proposal::chain(found)).await.unwrap();
            session.truncate(prompt.len()).await.unwrap();
            session.round(Proposal::model(gamma)).await.unwrap();
            // Behind another, the draft catches up with all that came.
            session.round(Proposal::model(gamma)).await.unwrap();
        }
    }
    session.counters().pipelines - before
}

#[test]
fn nothing_is_compiled_after_loading() {
    let device = device();
    let tiny = Tiny {
        tied: false,
        formats: vec![(Role::Output, Format::Q8_0), (Role::Down, Format::F16)],
        ..Tiny::default()
    };
    let small = Tiny { layers: 1, ..tiny.clone() };
    pollster::block_on(async {
        let parts = fed(Some((0..200).collect()));
        let (target, draft) = load_pair(&device, (&tiny, &small), &parts, Variant::ALL[0]).await;
        let mut session = Session::new(target, Some(draft)).unwrap();
        let mut told = Vec::new();
        session
            .compile(|done, total| {
                told.push((done, total));
                true
            })
            .await
            .unwrap();
        let total = told.last().unwrap().1;
        assert!(told.iter().copied().eq((1..=total).map(|done| (done, total))), "{told:?}");
        assert_eq!(compiled_by_generations(&mut session).await, 0);
    });
}

#[test]
fn without_that_generations_compile() {
    let device = device();
    let tiny = Tiny::default();
    pollster::block_on(async {
        let parts = fed(None);
        let (target, draft) = load_pair(&device, (&tiny, &tiny), &parts, Variant::ALL[0]).await;
        let mut session = Session::new(target, Some(draft)).unwrap();
        session.append(&[1, 2, 3]).await.unwrap();
        let before = session.counters().pipelines;
        session.round(Proposal::model(4)).await.unwrap();
        assert!(session.counters().pipelines > before);

        // Told to stop, it stops.
        let mut calls = 0;
        session
            .compile(|_, _| {
                calls += 1;
                false
            })
            .await
            .unwrap();
        let after = session.counters().pipelines;
        session.compile(|_, _| true).await.unwrap();
        assert!(session.counters().pipelines > after, "{calls} calls");
    });
}
