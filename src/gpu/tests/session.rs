//! Whole forward passes: logits against the f64 reference, bitwise in every batch, and rounds against the CPU engine.

use std::rc::Rc;

use super::device;
use crate::cpu::{self, reference};
use crate::gguf::{Format, Stream};
use crate::gpu::choice::Shape;
use crate::gpu::layout::Layout;
use crate::gpu::session::PAGE;
use crate::gpu::{Choice, Device, DeviceOptions, MAX_IN_FLIGHT, Model, Session, Variant};
use crate::model::draft::{Input, Origin};
use crate::model::tiny::{DraftParts, Tiny};
use crate::model::{self, CacheType, Role};
use crate::round::{Engine as _, Proposal, Source};
use crate::sampling::{UNSAYABLE, argmax};

/// Some pages, the last one not whole.
pub(super) const CAPACITY: usize = 2 * PAGE + 148;

/// What compiles fastest of the kernels that merge chunks.
const GROUP: Variant = Variant::Group { lanes: 8, rows: 2 };

pub(super) async fn load(device: &Rc<Device>, tiny: &Tiny, variant: Variant) -> Rc<Model> {
    load_with(device, tiny, Choice::of(variant)).await
}

/// Other kernels for tall, wide and long matrices, and for every row count.
fn by_shape() -> Choice {
    let layout = Layout::of(Format::Q4_0);
    let all = [
        (64, 288, "group8x2 group8x4 group8x8 group8x4"),
        (96, 64, "group32x1 group32x4 group32x2 group32x1"),
        (64, 64, "lane2 lane4 lane8 lane4"),
        (64, 128, "group64x4 group64x2 group64x1 group64x2"),
    ];
    all.into_iter().fold(Choice::default(), |choice, (columns, rows, kernels)| {
        choice.with(Shape { layout, columns, rows }, kernels.parse().unwrap())
    })
}

async fn load_with(device: &Rc<Device>, tiny: &Tiny, choice: Choice) -> Rc<Model> {
    let bytes = tiny.gguf();
    let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
    let description = model::Model::describe(stream.header()).unwrap();
    Rc::new(Model::load(device, &mut stream, &description, choice, CAPACITY).await.unwrap())
}

/// A device that shares work among more workgroups, as GPUs do.
pub(super) fn wide() -> Rc<Device> {
    let options = DeviceOptions { as_gpu: true, ..DeviceOptions::default() };
    pollster::block_on(Device::open(options)).unwrap()
}

/// Models that differ in everything a pass depends on.
fn models() -> Vec<(&'static str, Tiny)> {
    let tiny = Tiny::default();
    vec![
        ("llama", tiny.clone()),
        ("llama, kernels by shape", tiny.clone()),
        (
            "qwen2, untied, mixed formats",
            Tiny {
                family: "qwen2",
                tied: false,
                head_vocab: 201,
                formats: vec![(Role::V, Format::Q8_0), (Role::K, Format::F16), (Role::Up, Format::Q5_1)],
                ..tiny.clone()
            },
        ),
        (
            "qwen3, one kv head for seven",
            Tiny { family: "qwen3", heads: 7, kv_heads: 1, head_dim: 32, ..tiny.clone() },
        ),
        (
            "odd sizes in f32",
            Tiny {
                format: Format::F32,
                width: 52,
                heads: 3,
                kv_heads: 3,
                head_dim: 20,
                ff: 75,
                rope_factors: true,
                rope_dim: Some(12),
                ..tiny.clone()
            },
        ),
        ("gemma2", Tiny { family: "gemma2", ..tiny.clone() }),
        ("gemma3", Tiny { family: "gemma3", rope_factors: true, ..tiny.clone() }),
        ("phi3", Tiny { family: "phi3", rope_factors: true, format: Format::F16, ..tiny.clone() }),
        ("wide heads", Tiny { heads: 2, kv_heads: 1, head_dim: 128, format: Format::Q8_0, ..tiny }),
    ]
}

/// Logits of `tokens[start..start + rows]` from one verifying pass behind the others.
async fn logits(session: &mut Session, tokens: &[u32], start: usize, rows: usize) -> Vec<Vec<u32>> {
    session.truncate(0).await.unwrap();
    session.append(&tokens[..=start]).await.unwrap();
    session.round(Proposal::chain(tokens[start + 1..start + rows].to_vec())).await.unwrap();
    let vocab = session.target().config().head_vocab;
    let words = session.logits(rows).await.unwrap();
    words.chunks(vocab).map(<[u32]>::to_vec).collect()
}

#[test]
fn logits_agree_with_the_reference_and_with_themselves() {
    // Software adapters are not wide: layers of 5 dispatches are tested there all the same, with few models and row counts, since
    // their kernels are compiled for seconds each.
    let devices = [device(), wide()];
    pollster::block_on(async {
        for (i, (name, tiny)) in models().into_iter().enumerate() {
            let devices = if [0, 2, 6].contains(&i) { &devices[..] } else { &devices[..1] };
            for (device, kv_cache) in devices.iter().zip([CacheType::F32, CacheType::ALL[i / 2 % 2]]) {
                // Wide machines' own kernels are compared row by row in every variant by themselves (`merged`).
                let variant = if device.wide() { GROUP } else { Variant::ALL[i * 2 % Variant::ALL.len()] };
                let choice = if name.contains("by shape") { by_shape() } else { Choice::of(variant) };
                let model = load_with(device, &tiny, choice).await;
                let mut session = Session::with_kv_cache(model, None, kv_cache).unwrap();
                let tokens: Vec<u32> = (0..90).map(|i| (i * i * 31 + 7) % tiny.vocab as u32).collect();
                // Rows on both sides of an attention chunk's border, after a prefill in passes of every kind.
                let (start, rows, together) =
                    if device.wide() { (63, 3, &[3][..]) } else { (58, 16, &[2, 5, 16][..]) };
                let alone = {
                    let mut all = Vec::new();
                    for row in 0..rows {
                        all.extend(logits(&mut session, &tokens, start + row, 1).await);
                    }
                    all
                };
                for &m in together {
                    for first in [0, rows - m] {
                        let together = logits(&mut session, &tokens, start + first, m).await;
                        assert!(together == alone[first..first + m], "{name}: {m} rows from {first} differ");
                    }
                }
                let bytes = tiny.gguf();
                let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
                let description = model::Model::describe(stream.header()).unwrap();
                let reference = reference::Model::load(&mut stream, &description).await.unwrap();
                let expected = reference.forward(&tokens[..start + rows], CAPACITY);
                let vocab = session.target().config().head_vocab;
                for (row, found) in alone.iter().enumerate() {
                    let expected = &expected[(start + row) * vocab..(start + row + 1) * vocab];
                    for (found, expected) in found.iter().zip(expected) {
                        let found = f32::from_bits(*found);
                        let most = if kv_cache == CacheType::F32 { 2e-4 } else { 2e-2 };
                        assert!(
                            (found - expected).abs() < most,
                            "{name}, row {row}: {found}, not {expected}"
                        );
                    }
                }
            }
        }
    });
}

/// Prompts go through other forms of attention and of the output projection than what is said.
#[test]
fn a_text_reads_as_it_was_said() {
    let devices = [(wide(), GROUP), (device(), Variant::ALL[1])];
    pollster::block_on(async {
        for (i, (name, tiny)) in models().into_iter().step_by(4).enumerate() {
            let (device, variant) = &devices[i % 2];
            let mut session = Session::new(load(device, &tiny, *variant).await, None).unwrap();
            let mut text: Vec<u32> = (0..9).map(|i| (i * 31 + 7) % tiny.vocab as u32).collect();
            session.append(&text).await.unwrap();
            while text.len() < 137 {
                text.extend(session.round(Proposal::none()).await.unwrap().tokens);
            }
            session.round(Proposal::none()).await.unwrap();
            let said = session.logits(1).await.unwrap();
            session.truncate(0).await.unwrap();
            session.append(&text).await.unwrap();
            session.round(Proposal::none()).await.unwrap();
            assert!(session.logits(1).await.unwrap() == said, "{name}");
        }
    });
}

/// The target of `tiny` and the draft of `small` for it, with the target's configuration.
pub(super) async fn load_pair(
    device: &Rc<Device>,
    (tiny, small): (&Tiny, &Tiny),
    parts: &DraftParts,
    variant: Variant,
) -> (Rc<Model>, Rc<Model>) {
    let target = load(device, tiny, variant).await;
    let bytes = small.draft_gguf(tiny, parts);
    let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
    let description = model::Draft::describe(stream.header(), target.config()).unwrap();
    let draft = Model::load_draft(&mut stream, &description, &target).await.unwrap();
    (target, Rc::new(draft))
}

/// What a draft reads that is fed by its target's states and shares its matrices.
pub(super) fn fed(ids: Option<Vec<u32>>) -> DraftParts {
    DraftParts { input: Input::Hidden, embedding: Origin::Target, head: Origin::Target, ids, taps: None }
}

/// Logits over the target's ids of each step of a round that proposes `gamma` tokens.
async fn drafted(session: &mut Session, gamma: usize) -> Vec<Vec<f32>> {
    let length = session.len();
    let mut steps = Vec::new();
    for gamma in 1..=gamma {
        session.round(Proposal::model(gamma)).await.unwrap();
        let words = session.draft_logits().await.unwrap();
        steps.push(words.iter().map(|word| f32::from_bits(*word)).collect());
        session.truncate(length).await.unwrap();
    }
    steps
}

#[test]
fn a_draft_that_reads_states_says_what_it_says_on_the_cpu() {
    let device = device();
    let tiny = Tiny { layers: 2, ..Tiny::default() };
    let (small, odd) =
        (Tiny { layers: 1, ..tiny.clone() }, Tiny { layers: 1, ff: 75, format: Format::F16, ..tiny.clone() });
    let ids: Vec<u32> = (0..288).filter(|id| id % 3 > 0).collect();
    let shared = fed(Some(ids));
    let own = DraftParts { embedding: Origin::Own, head: Origin::Own, ..shared.clone() };
    let all = DraftParts { ids: None, ..shared.clone() };
    let tapped = DraftParts { taps: Some(vec![0, 1]), ..shared.clone() };
    let below = DraftParts { taps: Some(vec![0]), ..all.clone() };
    let cases = [(&small, shared), (&odd, own), (&small, all), (&odd, tapped), (&small, below)];
    for (i, (draft, parts)) in cases.into_iter().enumerate() {
        pollster::block_on(async {
            let (target, gpu_draft) = load_pair(&device, (&tiny, draft), &parts, Variant::ALL[i * 3]).await;
            let bytes = tiny.gguf();
            let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
            let description = model::Model::describe(stream.header()).unwrap();
            let config = &description.config;
            let oracle = cpu::Model::load(&mut stream, &description, CAPACITY).await.unwrap();
            let bytes = draft.draft_gguf(&tiny, &parts);
            let mut stream = Stream::open(bytes.as_slice()).await.unwrap();
            let description = model::Draft::describe(stream.header(), config).unwrap();
            let small = cpu::Draft::load(&mut stream, &description, &oracle, CAPACITY).await.unwrap();

            let mut session = Session::new(target, Some(gpu_draft)).unwrap();
            let prompt: Vec<u32> = (0..90).map(|i| (i * i * 31 + 7) % tiny.vocab as u32).collect();
            session.append(&prompt).await.unwrap();
            let steps = drafted(&mut session, 3).await;

            let mut cache = cpu::Cache::new(config, CAPACITY);
            let last = prompt.len() - 1;
            let taps = small.taps().unwrap();
            let read = oracle.forward_tapped(&mut cache, &prompt[..last], 0, cpu::Logits::States, taps);
            let states = [vec![0.0; taps.width()], read.hidden].concat();
            let mut cache = cpu::Cache::new(small.config(), CAPACITY);
            let mut output = small.forward(&mut cache, &prompt, &states, 0, cpu::Logits::Last);
            for (k, found) in steps.iter().enumerate() {
                let expected = small.spread(output.logits, config.vocab, UNSAYABLE);
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 2e-3, "draft {i}, step {k}: {found}, not {expected}");
                }
                let at = prompt.len() + k;
                let own = small.own_state(&output.hidden);
                output = small.forward(&mut cache, &[argmax(found)], &own, at, cpu::Logits::Last);
            }
        });
    }
}

/// A context that was said before and one that was not: who proposes, and that a row without a token to verify is not computed.
#[test]
fn the_device_decides_who_proposes() {
    let tiny = Tiny { layers: 2, ..Tiny::default() };
    let parts = fed(None);
    pollster::block_on(async {
        // GPUs have code for passes of which few rows live.
        let as_gpu = DeviceOptions { as_gpu: true, ..DeviceOptions::default() };
        let as_gpu = Device::open(as_gpu).await.unwrap();
        let (lane, group) = (Variant::Lane { rows: 2 }, Variant::Group { lanes: 8, rows: 2 });
        for (device, variant) in [(device(), lane), (as_gpu.clone(), lane), (as_gpu, group)] {
            let small = Tiny { layers: 1, ..tiny.clone() };
            let (target, draft) = load_pair(&device, (&tiny, &small), &parts, variant).await;
            let mut session = Session::new(target, Some(draft)).unwrap();
            let both = Proposal::Device { lookup: 5, model: 3 };
            let known = [5, 6, 7, 8, 9, 1, 5, 6, 7];
            let new = [5, 6, 7, 8, 9, 1, 2, 3, 4];
            for (context, proposal, source, drafted) in [
                (known, both.clone(), Source::Lookup, 3),
                (new, both, Source::Model, 3),
                (known, Proposal::lookup(2), Source::Lookup, 2),
                (new, Proposal::lookup(5), Source::Nobody, 0),
                (known, Proposal::model(2), Source::Model, 2),
                (known, Proposal::chain(vec![8]), Source::Host, 1),
                (known, Proposal::none(), Source::Nobody, 0),
            ] {
                // Logits of something else, to be computed over.
                let others = logits(&mut session, &[30, 31, 32, 33, 34, 35, 36], 0, 6).await;
                session.truncate(0).await.unwrap();
                session.append(&context).await.unwrap();
                let outcome = session.round(proposal.clone()).await.unwrap();
                assert_eq!((outcome.source, outcome.drafted), (source, drafted), "{proposal:?}");
                let words = session.logits(6).await.unwrap();
                let rows = words.chunks(session.target().config().head_vocab).zip(&others);
                let computed: Vec<bool> = rows.map(|(row, other)| row != other).collect();
                assert!(computed[..=drafted].iter().all(|computed| *computed), "{proposal:?}: {computed:?}");
                if drafted == 0 {
                    assert_eq!(computed[1..], [false; 5], "{proposal:?}");
                }
            }
        }
    });
}

/// Plain rounds, lookups and drafts by turns, eight in flight: a draft that was not asked for long catches up with what it has missed,
/// also with more than a round's rows.
#[test]
fn a_draft_that_was_not_asked_says_the_same_afterwards() {
    let device = device();
    let tiny = Tiny { layers: 2, ..Tiny::default() };
    let small = Tiny { layers: 1, ..tiny.clone() };
    pollster::block_on(async {
        for parts in [fed(None), DraftParts { input: Input::Tokens, ..fed(None) }] {
            let (target, draft) = load_pair(&device, (&tiny, &small), &parts, Variant::ALL[0]).await;
            let mut session = Session::new(target, Some(draft)).unwrap();
            for missed in [1, 3, 20, 30] {
                let prompt: Vec<u32> = (5..25).collect();
                session.truncate(0).await.unwrap();
                session.append(&prompt).await.unwrap();
                session.round(Proposal::model(3)).await.unwrap();
                let mut collected = 0;
                for i in 0..missed {
                    if session.in_flight() == MAX_IN_FLIGHT - 1 {
                        session.collect().await.unwrap();
                        collected += 1;
                    }
                    let proposal = if i % 3 == 1 { Proposal::lookup(2) } else { Proposal::none() };
                    session.submit(proposal).unwrap();
                }
                assert!(session.in_flight() > 0 && session.ready(&Proposal::model(1)), "{missed} missed");
                session.submit(Proposal::model(1)).unwrap();
                while session.in_flight() > 1 {
                    session.collect().await.unwrap();
                    collected += 1;
                }
                assert_eq!(collected, missed);
                let length = session.len();
                session.collect().await.unwrap();
                let found = session.draft_logits().await.unwrap();

                // The same where it reads all of it anew.
                session.truncate(length).await.unwrap();
                let draft = session.draft().cloned().unwrap();
                session.replace_draft(draft).await.unwrap();
                session.round(Proposal::model(1)).await.unwrap();
                assert_eq!(session.draft_logits().await.unwrap(), found, "{missed} rounds missed");
            }
        }
    });
}
