//! The CPU forward pass on small models of every family: against float64, against itself row by row, and against
//! plain Rust.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use paceline::cpu::{Cache, Level, Logits, Model, Team, reference};
use paceline::gguf::{Format, Stream};
use paceline::model::{self, Role, Taps, tiny::Tiny};

fn load(bytes: &[u8], capacity: usize) -> Model {
    pollster::block_on(async {
        let mut stream = Stream::open(bytes).await.expect("a tiny model loads");
        let description = model::Model::describe(stream.header()).expect("a tiny model loads");
        Model::load(&mut stream, &description, capacity).await.expect("a tiny model loads")
    })
}

fn load_reference(bytes: &[u8]) -> reference::Model {
    pollster::block_on(async {
        let mut stream = Stream::open(bytes).await.expect("a tiny model loads");
        let description = model::Model::describe(stream.header()).expect("a tiny model loads");
        reference::Model::load(&mut stream, &description).await.expect("a tiny model loads")
    })
}

/// Models that differ in everything the pass looks at.
fn models() -> Vec<(&'static str, Tiny)> {
    let base = Tiny::default();
    vec![
        ("llama, tied", base.clone()),
        (
            "llama 3: untied, factors, a short head",
            Tiny {
                tied: false,
                head_vocab: 261,
                rope_factors: true,
                formats: vec![(Role::Output, Format::F16)],
                ..base.clone()
            },
        ),
        ("qwen2", Tiny { family: "qwen2", heads: 6, kv_heads: 2, head_dim: 16, ..base.clone() }),
        (
            "qwen3, wide heads",
            Tiny { family: "qwen3", head_dim: 32, kv_heads: 1, format: Format::Q8_0, ..base.clone() },
        ),
        ("half of each head rotated", Tiny { rope_dim: Some(8), rope_scale: 2.0, ..base.clone() }),
        (
            "floats with odd sizes",
            Tiny {
                width: 30,
                heads: 3,
                kv_heads: 3,
                head_dim: 12,
                ff: 37,
                format: Format::F32,
                ..base.clone()
            },
        ),
        (
            "formats mixed",
            Tiny {
                width: 256,
                head_dim: 64,
                ff: 256,
                format: Format::Q4_K,
                formats: vec![
                    (Role::Q, Format::BF16),
                    (Role::K, Format::Q6_K),
                    (Role::V, Format::F16),
                    (Role::Gate, Format::Q5_0),
                    (Role::Down, Format::Q3_K),
                    (Role::TokenEmbedding, Format::Q8_0),
                ],
                ..base
            },
        ),
    ]
}

fn tokens(len: usize, vocab: usize) -> Vec<u32> {
    let mut rng = fastrand::Rng::with_seed(5);
    (0..len).map(|_| rng.u32(..vocab as u32)).collect()
}

#[test]
fn logits_match_float64() {
    for (name, tiny) in models() {
        let bytes = tiny.gguf();
        let model = load(&bytes, 64);
        let tokens = tokens(41, tiny.vocab);
        let expected = load_reference(&bytes).forward(&tokens, 64);
        let got = model.forward(&mut Cache::new(model.config(), 64), &tokens, 0, Logits::All);
        assert_eq!(got.len(), expected.len(), "{name}");
        let error = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let size = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        println!("{name}: logits up to {size}, error {error:e}");
        assert!(error < 2e-4 * size.max(1.0), "{name}: error {error} of logits up to {size}");
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    for (name, tiny) in models() {
        let model = load(&tiny.gguf(), 64);
        let vocab = model.config().head_vocab;
        let tokens = tokens(40, tiny.vocab);
        let mut cache = Cache::new(model.config(), 64);
        let alone: Vec<f32> =
            (0..40).flat_map(|i| model.forward(&mut cache, &tokens[i..i + 1], i, Logits::Last)).collect();
        for rows in (1..=16).chain([33, 40]) {
            let mut cache = Cache::new(model.config(), 64);
            let mut together = Vec::new();
            for (chunk, tokens) in tokens.chunks(rows).enumerate() {
                together.extend(model.forward(&mut cache, tokens, chunk * rows, Logits::All));
            }
            assert_eq!(together.len(), 40 * vocab);
            assert!(together == alone, "{name}: {rows} rows at a time");
        }
    }
}

#[test]
fn the_last_row_is_the_last_of_all_and_prefill_is_the_same_pass() {
    for (name, tiny) in models() {
        let model = load(&tiny.gguf(), 128);
        let vocab = model.config().head_vocab;
        let tokens = tokens(100, tiny.vocab);
        let all = model.forward(&mut Cache::new(model.config(), 128), &tokens, 0, Logits::All);
        let last = model.forward(&mut Cache::new(model.config(), 128), &tokens, 0, Logits::Last);
        assert!(all[99 * vocab..] == last, "{name}");
        let mut cache = Cache::new(model.config(), 128);
        assert!(model.forward(&mut cache, &tokens[..67], 0, Logits::None).is_empty());
        let rest = model.forward(&mut cache, &tokens[67..], 67, Logits::All);
        assert!(all[67 * vocab..] == rest, "{name}: after a prefill");
        assert!(model.forward(&mut cache, &[], 100, Logits::Last).is_empty());
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for (name, tiny) in models() {
        let mut model = load(&tiny.gguf(), 64);
        let tokens = tokens(41, tiny.vocab);
        model.set_level(Level::Scalar);
        let plain = model.forward(&mut Cache::new(model.config(), 64), &tokens, 0, Logits::All);
        for level in Level::all() {
            model.set_level(level);
            let fast = model.forward(&mut Cache::new(model.config(), 64), &tokens, 0, Logits::All);
            assert!(fast == plain, "{name}: {level:?} differs");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (name, tiny) in models() {
        // So wide that products and attention of a single row are shared.
        let tiny = Tiny { width: 256, heads: 8, kv_heads: 4, head_dim: 64, rope_dim: None, ff: 512, ..tiny };
        let mut model = load(&tiny.gguf(), 160);
        let tokens = tokens(160, tiny.vocab);
        let passes = |model: &Model| {
            let mut cache = Cache::new(model.config(), 160);
            let mut logits = model.forward(&mut cache, &tokens[..100], 0, Logits::All);
            for (at, rows) in [(100, 1), (101, 2), (103, 5), (108, 16), (124, 36)] {
                logits.extend(model.forward(&mut cache, &tokens[at..at + rows], at, Logits::All));
            }
            logits
        };
        let alone = passes(&model);
        for threads in [2, 3] {
            model.set_team(Team::new(threads));
            assert!(passes(&model) == alone, "{name}: {threads} threads differ");
        }
    }
}

#[test]
fn rolling_back_is_writing_over() {
    let tiny = Tiny::default();
    let model = load(&tiny.gguf(), 64);
    let tokens = tokens(30, tiny.vocab);
    let mut cache = Cache::new(model.config(), 64);
    let first = model.forward(&mut cache, &tokens, 0, Logits::All);
    // Other tokens from position 11 on, then the same again.
    model.forward(&mut cache, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 11, Logits::None);
    let again = model.forward(&mut cache, &tokens[11..], 11, Logits::All);
    assert!(first[11 * tiny.vocab..] == again);
}

#[test]
fn sequences_in_a_batch_do_not_see_one_another() {
    for (name, tiny) in models() {
        let model = load(&tiny.gguf(), 64);
        let vocab = model.config().head_vocab;
        let taps = Taps::new((0..tiny.layers).collect(), model.config()).unwrap();
        let texts: Vec<Vec<u32>> = (0..5)
            .map(|i| tokens(40, tiny.vocab).into_iter().cycle().skip(i).take(12 + i).collect())
            .collect();
        let mut caches: Vec<Cache> = texts.iter().map(|_| Cache::new(model.config(), 64)).collect();
        // Each sequence stands elsewhere when they meet.
        for (text, cache) in texts.iter().zip(&mut caches) {
            model.forward(cache, &text[..text.len() - 6], 0, Logits::None);
        }
        for back in (1..=6).rev() {
            let next: Vec<u32> = texts.iter().map(|t| t[t.len() - back]).collect();
            let positions: Vec<usize> = texts.iter().map(|t| t.len() - back).collect();
            let mut borrowed: Vec<&mut Cache> = caches.iter_mut().collect();
            let batch = model.forward_batch(&mut borrowed, &next, &positions, &taps);
            for (i, text) in texts.iter().enumerate() {
                let mut cache = Cache::new(model.config(), 64);
                let read = &text[..=positions[i]];
                let alone = model.forward_tapped(&mut cache, read, 0, Logits::Last, &taps);
                assert!(batch.logits[i * vocab..][..vocab] == alone.logits, "{name}: sequence {i}");
                let states = &batch.hidden[i * taps.width()..][..taps.width()];
                assert!(states == alone.hidden, "{name}: sequence {i}");
            }
        }
    }
}

#[test]
fn hidden_rows_give_the_logits_and_rows_may_begin_anywhere() {
    for (name, tiny) in models() {
        let bytes = tiny.gguf();
        let model = load(&bytes, 64);
        let weights = load_reference(&bytes);
        let tokens = tokens(37, tiny.vocab);
        let plain = model.forward(&mut Cache::new(model.config(), 64), &tokens, 0, Logits::All);
        let output = model.forward_hidden(&mut Cache::new(model.config(), 64), &tokens, 0, Logits::All);
        assert!(output.logits == plain, "{name}");
        let config = model.config();
        let embedding = weights.tensor(None, Role::TokenEmbedding);
        let head = if config.tied { embedding } else { weights.tensor(None, Role::Output) };
        let rows =
            output.hidden.chunks_exact(config.width).zip(output.logits.chunks_exact(config.head_vocab));
        assert_eq!(rows.len(), 37);
        for (hidden, logits) in rows {
            let norm = weights.tensor(None, Role::OutputNorm);
            let again = reference::matvec(head, &reference::rms_norm(hidden, norm, config.rms_eps));
            let error = again.iter().zip(logits).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 2e-4 * logits.iter().fold(1.0, |m: f32, x| m.max(x.abs())), "{name}: {error}");
        }
        // The embeddings given as rows are the tokens.
        let x: Vec<f32> = tokens
            .iter()
            .flat_map(|t| embedding[*t as usize * config.width..][..config.width].to_vec())
            .collect();
        let rows = model.forward_rows(&mut Cache::new(model.config(), 64), &x, 0, Logits::All);
        assert!(rows == output, "{name}");
    }
}
