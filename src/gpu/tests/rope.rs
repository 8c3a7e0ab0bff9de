//! rope: q, and what it leaves in the cache.

use bytemuck::Zeroable as _;
use half::f16;

use super::{device, random, run, storage};
use crate::gpu::Device;
use crate::gpu::cache::{CHUNK, CacheLayout};
use crate::gpu::ops::{Heads, Positions, Rope};
use crate::gpu::words::{self, Kind, State};
use crate::model::{self, Attention, CacheType, RopeStyle};

const EPSILON: f32 = 1e-5;
/// The first row stands in front of a chunk's border.
const FIRST: usize = CHUNK - 2;
const ROWS: usize = 5;
const CAPACITY: usize = 2 * CHUNK;

struct Case {
    attention: Attention,
    rope: model::Rope,
}

fn cases() -> Vec<Case> {
    let case = |heads, kv_heads, head_dim, style, dim, qk_norm| Case {
        attention: Attention { qk_norm, ..Attention::new(heads, kv_heads, head_dim) },
        rope: model::Rope::new(style, dim, 10000.0),
    };
    vec![
        case(9, 3, 64, RopeStyle::Interleaved, 64, false),
        case(4, 2, 32, RopeStyle::Halves, 32, true),
        case(3, 3, 20, RopeStyle::Halves, 12, false),
        case(3, 1, 12, RopeStyle::Interleaved, 6, true),
    ]
}

/// Words of q, and of a cache.
fn gpu(device: &Device, case: &Case, kind: CacheType, qkv: &[f32], gains: &[f32]) -> [Vec<u32>; 2] {
    let Case { attention: a, rope } = case;
    let layout = CacheLayout::new(a, kind);
    let table: Vec<f32> = rope.table(CAPACITY, None).into_iter().flatten().collect();
    let buffer = |values: &[f32]| storage(device, bytemuck::cast_slice(values));
    let (qkv, rotation, gains) = (buffer(qkv), buffer(&table), buffer(gains));
    let q = buffer(&vec![0.0; ROWS * a.q_width()]);
    let cache = storage(device, &vec![0; layout.words(CAPACITY)]);
    let state = State { length: FIRST as u32, ..State::zeroed() };
    let state = storage(device, words::of(&state));
    let pass = words::Pass { kind: Kind::Fill as u32, capacity: CAPACITY as u32 };
    let pass = device.uniform(words::of(&pass));
    let heads = Heads { attention: a, rope, rotation: &rotation, cache: &cache, layout };
    let rope = Rope {
        heads,
        epsilon: EPSILON,
        rows: ROWS,
        positions: Positions { state: &state, pass: &pass },
        qkv: &qkv,
        q: &q,
        gains: a.qk_norm.then_some(&gains),
    };
    run(device, vec![rope.step(device).unwrap()], &q, 4);
    [(&q, ROWS * a.q_width()), (&cache, layout.words(CAPACITY))]
        .map(|(buffer, words)| pollster::block_on(device.download(buffer, words)).unwrap())
}

/// A head of a row as it is left behind, pair by pair.
fn oracle(case: &Case, head: &[f32], position: usize, gains: &[f32]) -> Vec<f64> {
    let Case { attention: a, rope } = case;
    let mut values: Vec<f64> = head.iter().map(|v| f64::from(*v)).collect();
    if a.qk_norm {
        let square: f64 = values.iter().map(|v| v * v).sum();
        let scale = 1.0 / (square / a.head_dim as f64 + f64::from(EPSILON)).sqrt();
        values.iter_mut().zip(gains).for_each(|(v, gain)| *v *= scale * f64::from(*gain));
    }
    let pair = |pair: usize| {
        if pair >= rope.dim / 2 {
            return [values[2 * pair], values[2 * pair + 1]];
        }
        let (a, b) = match rope.style {
            RopeStyle::Interleaved => (values[2 * pair], values[2 * pair + 1]),
            RopeStyle::Halves => (values[pair], values[pair + rope.dim / 2]),
        };
        let angle = position as f64 * rope.base.powf(-2.0 * pair as f64 / rope.dim as f64);
        [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()]
    };
    (0..a.head_dim / 2).flat_map(pair).collect()
}

#[test]
fn q_and_the_cache_are_what_the_oracle_says_in_either_width() {
    let device = device();
    for (i, case) in cases().iter().enumerate() {
        let a = &case.attention;
        let mut rng = fastrand::Rng::with_seed(i as u64);
        let qkv = random(&mut rng, ROWS * a.qkv_width());
        let gains = random(&mut rng, 2 * a.head_dim);
        let [q, single] = gpu(&device, case, CacheType::F32, &qkv, &gains);
        let [q_half, halves] = gpu(&device, case, CacheType::F16, &qkv, &gains);
        assert!(q == q_half);
        let (wide, narrow) = (CacheLayout::new(a, CacheType::F32), CacheLayout::new(a, CacheType::F16));
        let same = |found: u32, expected: f64, what: &str| {
            let found = f64::from(f32::from_bits(found));
            assert!((found - expected).abs() < 1e-5, "case {i}, {what}: {found}, not {expected}");
        };
        let mut written = 0;
        for row in 0..ROWS {
            let position = FIRST + row;
            let (chunk, at) = (position / CHUNK, position % CHUNK);
            let heads = qkv[row * a.qkv_width()..][..a.qkv_width()].chunks(a.head_dim);
            for (slot, head) in heads.enumerate() {
                let gains = &gains[if slot < a.heads { 0 } else { a.head_dim }..];
                let turned = oracle(case, head, position, gains);
                for e in 0..a.head_dim {
                    if slot < a.heads {
                        same(q[row * a.q_width() + slot * a.head_dim + e], turned[e], "q");
                        continue;
                    }
                    // keys [kv_head, quad, position], then values [kv_head, position, quad].
                    let is_key = slot < a.heads + a.kv_heads;
                    let quads = a.head_dim / 4;
                    let quad = if is_key { e / 4 * CHUNK + at } else { at * quads + e / 4 };
                    let place = |layout: CacheLayout, e: usize| {
                        let quad = (slot - a.heads) * quads * CHUNK + quad;
                        chunk * layout.chunk_words() + quad * layout.quad_words() + e % layout.quad_words()
                    };
                    let found = single[place(wide, e)];
                    same(found, if is_key { turned[e] } else { f64::from(head[e]) }, "the cache");
                    let half = (halves[place(narrow, e % 4 / 2)] >> (16 * (e % 2))) as u16;
                    let off = f16::from_bits(half).to_f32() - f32::from_bits(found);
                    assert!(off.abs() < 1.0 / 1024.0, "case {i}: half off by {off}");
                    written += 1;
                }
            }
        }
        // Nothing else is.
        assert_eq!(single.iter().filter(|word| **word != 0).count(), written);
        assert_eq!(halves.iter().filter(|word| **word != 0).count(), written / 2);
    }
}
