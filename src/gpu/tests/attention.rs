//! attention and attention_merge, in every form.

use bytemuck::Zeroable as _;
use half::f16;

use super::{device, padded_rows, random, run, storage};
use crate::gpu::Device;
use crate::gpu::cache::{CHUNK, CacheLayout};
use crate::gpu::choice::Form;
use crate::gpu::ops::{Attention, Positions, padded, partial_words};
use crate::gpu::words::{self, Kind, State};
use crate::model::{self, CacheType};

/// Positions that are written: some chunks, the last one not whole.
const LENGTH: usize = 3 * CHUNK + 17;

/// Forms that share nothing but the order of their sums.
const FORMS: [Form; 4] = [
    Form { workgroup: 16, queries: 6, splits: None },
    Form { workgroup: 64, queries: 8, splits: Some(3) },
    Form { workgroup: 16, queries: 1, splits: Some(1) },
    Form { workgroup: 64, queries: 4, splits: None },
];

/// Two of them for case `i`, others for the next: software adapters compile each for seconds.
fn forms(i: usize) -> [Form; 2] {
    [FORMS[i % FORMS.len()], FORMS[(i + 1) % FORMS.len()]]
}

fn cases() -> Vec<(model::Attention, CacheType)> {
    let a = model::Attention::new;
    let (single, half) = (CacheType::F32, CacheType::F16);
    vec![
        (a(9, 3, 64), single),
        (a(9, 3, 64), half),
        (model::Attention { window: Some(70), softcap: Some(3.0), ..a(4, 2, 80) }, single),
        (model::Attention { window: Some(5), ..a(2, 2, 96) }, half),
        (a(7, 1, 20), single),
        (model::Attention { softcap: Some(2.0), ..a(2, 1, 128) }, half),
        (model::Attention { window: Some(CHUNK), ..a(4, 1, 256) }, single),
        (a(12, 1, 8), half),
    ]
}

/// Queries of every position, and keys and values as the cache has them.
struct Fixture {
    attention: model::Attention,
    layout: CacheLayout,
    /// `[position, head, element]`
    queries: Vec<Vec<f32>>,
    /// `[position][kv_head][element]`
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl Fixture {
    fn new((attention, kind): (model::Attention, CacheType), seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut rows = |width: usize, size: f32| -> Vec<Vec<f32>> {
            let round =
                |v: f32| if kind == CacheType::F16 { f16::from_f32(v * size).to_f32() } else { v * size };
            (0..LENGTH).map(|_| random(&mut rng, width).into_iter().map(round).collect()).collect()
        };
        let (keys, values) = (rows(attention.kv_width(), 2.0), rows(attention.kv_width(), 1.0));
        let queries = (0..LENGTH).map(|_| random(&mut rng, attention.q_width())).collect();
        Self { attention, layout: CacheLayout::new(&attention, kind), queries, keys, values }
    }

    /// A cache of `capacity` positions, not finite from position `end` on.
    fn cache(&self, capacity: usize, end: usize) -> Vec<u32> {
        let &CacheLayout { kv_heads, head_dim, half } = &self.layout;
        let mut words = vec![u32::MAX; self.layout.words(capacity)];
        let (quads, quad_words) = (head_dim / 4, self.layout.quad_words());
        let per_word = 4 / quad_words;
        for position in 0..end {
            let (chunk, at) = (position / CHUNK * self.layout.chunk_words(), position % CHUNK);
            for head in 0..kv_heads {
                for word in 0..head_dim / per_word {
                    let pack = |rows: &[Vec<f32>]| {
                        let elements = &rows[position][head * head_dim + word * per_word..][..per_word];
                        let bits = |v: &f32| u32::from(f16::from_f32(*v).to_bits());
                        if half {
                            bits(&elements[0]) | bits(&elements[1]) << 16
                        } else {
                            elements[0].to_bits()
                        }
                    };
                    let (quad, within) = (word / quad_words, word % quad_words);
                    let key = (head * quads + quad) * CHUNK + at;
                    let value = ((kv_heads + head) * CHUNK + at) * quads + quad;
                    words[chunk + key * quad_words + within] = pack(&self.keys);
                    words[chunk + value * quad_words + within] = pack(&self.values);
                }
            }
        }
        words
    }

    /// Bits of `rows` rows from position `first` on.
    fn gpu(&self, device: &Device, first: usize, rows: usize, form: Form, capacity: usize) -> Vec<Vec<u32>> {
        let state = State { length: first as u32, ..State::zeroed() };
        let positions: Vec<usize> = (first..first + rows).collect();
        self.pass(device, &positions, rows, (Kind::Fill, state), form, capacity)
    }

    /// Bits of the rows at `positions`, the first of a pass of `rows` rows. Nothing is cached behind the last of them.
    fn pass(
        &self,
        device: &Device,
        positions: &[usize],
        rows: usize,
        (kind, state): (Kind, State),
        form: Form,
        capacity: usize,
    ) -> Vec<Vec<u32>> {
        let a = &self.attention;
        let width = padded(a.q_width());
        let mut q: Vec<u32> =
            positions.iter().flat_map(|at| &self.queries[*at]).map(|v| v.to_bits()).collect();
        q.resize(rows * a.q_width(), u32::MAX);
        let q = storage(device, &q);
        let end = positions.iter().max().unwrap() + 1;
        let out = storage(device, &padded_rows(&vec![vec![0.0; a.q_width()]; rows]));
        let cache = storage(device, &self.cache(capacity, end));
        let partials = storage(device, &vec![u32::MAX; partial_words(a, rows, capacity)]);
        let state = storage(device, words::of(&state));
        let pass = words::Pass { kind: kind as u32, capacity: capacity as u32 };
        let pass = device.uniform(words::of(&pass));
        let attention = Attention {
            attention: a,
            rows,
            positions: Positions { state: &state, pass: &pass },
            q: &q,
            out: &out,
            cache: &cache,
            layout: self.layout,
            form,
            partials: &partials,
        };
        let found = run(device, attention.steps(device).unwrap(), &out, positions.len() * width);
        found.chunks(width).map(|row| row[..a.q_width()].iter().map(|v| v.to_bits()).collect()).collect()
    }

    /// The row at `position` in f64.
    fn oracle(&self, position: usize) -> Vec<f64> {
        let a = &self.attention;
        let head = |h: usize| {
            let q = &self.queries[position][h * a.head_dim..][..a.head_dim];
            let kv = h / (a.heads / a.kv_heads) * a.head_dim;
            let seen = a.first_seen(position)..=position;
            let score = |p: usize| {
                let k = &self.keys[p][kv..][..a.head_dim];
                let dot: f64 = q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                let score = dot * f64::from(a.scale);
                a.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
            };
            let weights: Vec<f64> = seen.clone().map(|p| score(p).exp()).collect();
            let total: f64 = weights.iter().sum();
            let column = |e: usize| {
                let products = seen.clone().zip(&weights).map(|(p, w)| w * f64::from(self.values[p][kv + e]));
                products.sum::<f64>() / total
            };
            (0..a.head_dim).map(column).collect::<Vec<_>>()
        };
        (0..a.heads).flat_map(head).collect()
    }
}

#[test]
fn every_form_agrees_with_the_oracle_and_with_rows_alone() {
    let device = device();
    for (i, case) in cases().into_iter().enumerate() {
        let fixture = Fixture::new(case, i as u64);
        let alone = |position: usize| {
            let form = forms(i)[position % 2];
            fixture.gpu(&device, position, 1, form, LENGTH + position % 3 * CHUNK).remove(0)
        };
        let alone: Vec<_> = (0..LENGTH).map(alone).collect();
        for (position, found) in alone.iter().enumerate() {
            for (found, expected) in found.iter().zip(fixture.oracle(position)) {
                let found = f64::from(f32::from_bits(*found));
                assert!((found - expected).abs() < 2e-6, "{case:?} at {position}: {found}, not {expected}");
            }
        }
        // Row counts of every kind, on both sides of chunks' borders.
        let passes = (1..=16).map(|rows| (rows, (CHUNK * (1 + rows % 3)).saturating_sub(rows / 2)));
        for (n, (rows, first)) in passes.chain([(64, 0), (64, CHUNK), (64, CHUNK + 39)]).enumerate() {
            let form = forms(i)[n % 2];
            let found = fixture.gpu(&device, first, rows, form, LENGTH + 1000 * (n % 2));
            for (row, found) in found.iter().enumerate() {
                assert!(*found == alone[first + row], "{case:?} {form:?}: row {row} of {rows} from {first}");
            }
        }
    }
}

/// A draft that catches up: rows go back from the last token, and the last of them have nothing to do.
#[test]
fn rows_that_go_back_are_what_they_are_alone() {
    let device = device();
    for (i, case) in cases().into_iter().enumerate() {
        let fixture = Fixture::new(case, i as u64);
        for (n, form) in forms(i).into_iter().enumerate() {
            let (cursor, live) = (CHUNK + n, [1, 3, 5, 8][(i + 2 * n) % 4]);
            let read = (cursor + 1 - live) as u32;
            let state = State { cursor: cursor as u32, read, ..State::zeroed() };
            let positions: Vec<usize> = (0..live).map(|m| cursor - m).collect();
            let found = fixture.pass(&device, &positions, 8, (Kind::CatchUp, state), form, LENGTH);
            for (found, position) in found.iter().zip(positions) {
                let alone = fixture.gpu(&device, position, 1, forms(i)[0], LENGTH).remove(0);
                assert!(*found == alone, "{case:?} {form:?}: {position} of {live} back from {cursor}");
            }
        }
    }
}

/// What a row does not see changes nothing, whatever it is; what it sees and is not finite is not hidden.
#[test]
fn a_row_sees_no_later_position() {
    let device = device();
    for (i, case) in cases().into_iter().enumerate() {
        let mut fixture = Fixture::new(case, i as u64);
        let (first, rows) = (CHUNK - 4, 8);
        let forms = forms(i);
        let expected = fixture.gpu(&device, first, rows, forms[0], LENGTH);
        for (bad, lost) in [(f32::NAN, first + 6), (f32::INFINITY, first + 2)] {
            fixture.values[lost].fill(bad);
            fixture.keys[lost].fill(bad);
            for form in forms {
                let found = fixture.gpu(&device, first, rows, form, LENGTH);
                let before = lost - first;
                assert!(found[..before] == expected[..before], "{case:?} {form:?}: rows before {lost}");
                let finite = |bits: &u32| f32::from_bits(*bits).is_finite();
                for (row, found) in found[before..].iter().enumerate() {
                    assert!(!found.iter().any(finite), "{case:?} {form:?}: row {} hides {bad}", before + row);
                }
            }
        }
    }
}
