//! Kernels that do what two did: beside those two, which have oracles of their own, and beside themselves in other batches.

use bytemuck::Zeroable as _;

use super::matvec::{Case, EPSILON, Fixture};
use super::{device, padded_rows, random, run, storage};
use crate::gguf::format::FORMATS;
use crate::gguf::{Format, Stream};
use crate::gpu::cache::{CHUNK, CacheLayout};
use crate::gpu::choice::{Form, Shape};
use crate::gpu::layout::Layout;
use crate::gpu::matrix::Matrix;
use crate::gpu::ops::{self, Bias, Epilogue, Heads, Kept, Matvec, Positions, padded};
use crate::gpu::words::{self, Kind, State};
use crate::gpu::{Device, Kernels, Variant};
use crate::model::tiny::Tiny;
use crate::model::{self, Attention, CacheType, Rope, RopeStyle, Taps};

const CAPACITY: usize = 3 * CHUNK;
const FORM: Form = Form { workgroup: 64, queries: 8, splits: Some(2) };

/// Buffers of a pass over a text whose first row is at `first`.
struct Pass {
    state: wgpu::Buffer,
    pass: wgpu::Buffer,
}

impl Pass {
    fn new(device: &Device, first: usize) -> Self {
        let pass = words::Pass { kind: Kind::Fill as u32, capacity: CAPACITY as u32 };
        let state = State { length: first as u32, ..State::zeroed() };
        Self { state: storage(device, words::of(&state)), pass: device.uniform(words::of(&pass)) }
    }

    fn positions(&self) -> Positions<'_> {
        Positions { state: &self.state, pass: &self.pass }
    }
}

fn download(device: &Device, buffer: &wgpu::Buffer) -> Vec<u32> {
    pollster::block_on(device.download(buffer, (buffer.size() / 4) as usize)).unwrap()
}

/// What two ways to compute the same may differ by.
fn close(found: &[u32], expected: &[u32], what: &str) {
    let numbers = |words: &[u32]| words.iter().map(|w| f32::from_bits(*w)).collect::<Vec<_>>();
    let (found, expected) = (numbers(found), numbers(expected));
    let size = expected.iter().fold(1.0f32, |a, b| a.max(b.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() < 1e-5 * size, "{what}: {found} at {i}, not {expected}");
    }
}

/// Every format with a variant of either kind.
fn formats() -> impl Iterator<Item = (usize, Format, usize, Variant)> {
    FORMATS.iter().enumerate().map(|(i, spec)| {
        let columns = if spec.block_len == 1 { 37 + i } else { spec.block_len * (1 + 96 / spec.block_len) };
        (i, spec.format, columns, Variant::ALL[(i * 4 + 3) % Variant::ALL.len()])
    })
}

/// q and the cache behind a matvec that makes heads of rows `rows` of x, with rope by itself or not.
fn heads(
    device: &Device,
    fixture: &Fixture,
    (attention, rope, kind): (&Attention, &Rope, CacheType),
    rows: std::ops::Range<usize>,
    together: bool,
) -> [Vec<u32>; 2] {
    let pass = Pass::new(device, CHUNK - 3 + rows.start);
    let layout = CacheLayout::new(attention, kind);
    let table: Vec<f32> = rope.table(CAPACITY, None).into_iter().flatten().collect();
    let rotation = storage(device, bytemuck::cast_slice(&table));
    let cache = storage(device, &vec![0; layout.words(CAPACITY)]);
    let heads = Heads { attention, rope, rotation: &rotation, cache: &cache, layout };
    let q = storage(device, &vec![0; rows.len() * attention.q_width()]);
    let qkv = storage(device, &vec![0; rows.len() * attention.qkv_width()]);
    let x = storage(device, &padded_rows(&fixture.x[rows.clone()]));
    let gain = fixture.gain_and_bias(device);
    let matvec = Matvec {
        matrix: &fixture.matrix,
        rows: rows.len(),
        x: &x,
        sums: None,
        x_row: 0,
        norm: Some((&gain, EPSILON)),
        y: if together { &q } else { &qkv },
        y_stride: attention.qkv_width(),
        bias: fixture.case.bias.then_some(&Bias::BehindGain),
        epilogue: if together { Epilogue::Heads(heads) } else { Epilogue::Store },
        positions: pass.positions(),
    };
    let mut steps = matvec.steps(device).unwrap();
    if !together {
        let (rows, positions) = (rows.len(), pass.positions());
        let rope = ops::Rope { heads, epsilon: EPSILON, rows, positions, qkv: &qkv, q: &q, gains: None };
        steps.push(rope.step(device).unwrap());
    }
    run(device, steps, &q, 4);
    [download(device, &q), download(device, &cache)]
}

#[test]
fn heads_are_what_rope_makes_of_them() {
    let device = device();
    for (i, format, columns, variant) in formats() {
        let (a, kind) = (Attention::new, CacheType::ALL[i % 2]);
        let (attention, style, dim) = [
            (a(3, 1, 20), RopeStyle::Halves, 12),
            (a(4, 2, 16), RopeStyle::Interleaved, 16),
            (a(2, 2, 12), RopeStyle::Interleaved, 6),
            (a(5, 1, 8), RopeStyle::Halves, 8),
        ][i % 4];
        let rope = Rope::new(style, dim, 10000.0);
        let rows = attention.qkv_width();
        let case = Case { format, variant, columns, rows, norm: true, bias: i % 3 == 0, epilogue: "store" };
        let name = format!("{case:?} {attention:?}");
        let fixture = Fixture::new(&device, case, 16, i as u64);
        let of = (&attention, &rope, kind);
        let m = 2 + i % 15;
        let [q, cache] = heads(&device, &fixture, of, 0..m, true);
        let [expected_q, expected_cache] = heads(&device, &fixture, of, 0..m, false);
        close(&q, &expected_q, &name);
        if kind == CacheType::F32 {
            close(&cache, &expected_cache, &name);
        } else {
            let halves = |words: &[u32]| -> Vec<u32> {
                let halves: &[half::f16] = bytemuck::cast_slice(words);
                halves.iter().map(|half| (half.to_f32() / 100.0).to_bits()).collect()
            };
            close(&halves(&cache), &halves(&expected_cache), &name);
        }
        for (row, found) in q.chunks(attention.q_width()).enumerate() {
            let [alone, _] = heads(&device, &fixture, of, row..row + 1, true);
            assert_eq!(found, alone, "{name}: row {row} of {m}");
        }
    }
}

/// The residual stream behind an output projection that merges attention's sums itself or not, for `rows` rows.
fn output(
    device: &Device,
    fixture: &Fixture,
    attention: &Attention,
    (first, rows): (usize, usize),
    together: bool,
) -> Vec<u32> {
    let pass = Pass::new(device, first);
    let mut rng = fastrand::Rng::with_seed(7);
    let layout = CacheLayout::new(attention, CacheType::F32);
    let random = |rng: &mut fastrand::Rng, n: usize| -> Vec<u32> {
        random(rng, n).iter().map(|v| v.to_bits()).collect()
    };
    let cache = storage(device, &random(&mut rng, layout.words(CAPACITY)));
    let queries = random(&mut rng, CAPACITY * attention.q_width());
    let q = storage(device, &queries[first * attention.q_width()..]);
    let stream = random(&mut rng, CAPACITY * fixture.case.rows);
    let y = storage(device, &stream[first * fixture.case.rows..][..rows * fixture.case.rows]);
    let out = storage(device, &vec![0; rows * padded(attention.q_width())]);
    let partials = storage(device, &vec![0; ops::partial_words(attention, rows, CAPACITY)]);
    let attend = ops::Attention {
        attention,
        rows,
        positions: pass.positions(),
        q: &q,
        out: &out,
        cache: &cache,
        layout,
        form: FORM,
        partials: &partials,
    };
    let bias = Bias::Own(storage(device, bytemuck::cast_slice(&fixture.bias)));
    let (split, sums) = attend.split(device).unwrap();
    let (mut steps, sums) = match together {
        true => (vec![split], sums),
        false => (attend.steps(device).unwrap(), None),
    };
    let matvec = Matvec {
        matrix: &fixture.matrix,
        rows,
        x: &out,
        sums: sums.as_ref(),
        x_row: 0,
        norm: None,
        y: &y,
        y_stride: fixture.case.rows,
        bias: fixture.case.bias.then_some(&bias),
        epilogue: Epilogue::Residual(None),
        positions: pass.positions(),
    };
    steps.extend(matvec.steps(device).unwrap());
    run(device, steps, &y, 4);
    download(device, &y)
}

#[test]
fn a_projection_merges_chunks_as_their_own_dispatch_does() {
    let device = device();
    let groups: Vec<Variant> =
        Variant::ALL.into_iter().filter(|variant| matches!(variant, Variant::Group { .. })).collect();
    for (i, spec) in FORMATS.iter().enumerate() {
        // Heads that make whole blocks of every format.
        let (heads, head_dim) =
            if spec.block_len > 32 { (4, 64) } else { [(3, 32), (9, 32), (2, 96)][i % 3] };
        let attention = Attention::new(heads, 1, head_dim);
        let (format, variant) = (spec.format, groups[i % groups.len()]);
        let (columns, rows) = (attention.q_width(), 67 + i);
        let case = Case { format, variant, columns, rows, norm: false, bias: i % 2 == 0, epilogue: "store" };
        let name = format!("{case:?}");
        let fixture = Fixture::new(&device, case, 1, i as u64);
        assert!(Matvec::merges(&fixture.matrix, 16), "{name}");
        let (first, m) = (2 * CHUNK - 5, 2 + i % 15);
        let found = output(&device, &fixture, &attention, (first, m), true);
        close(&found, &output(&device, &fixture, &attention, (first, m), false), &name);
        for (row, found) in found.chunks(rows).enumerate() {
            let alone = output(&device, &fixture, &attention, (first + row, 1), true);
            assert_eq!(found, alone, "{name}: row {row} of {m}");
        }
    }
}

/// A matrix too wide for a workgroup's memory is not asked to.
#[test]
fn what_has_no_room_merges_by_itself() {
    let device = device();
    let merges = |columns, variant| {
        let shape = Shape { layout: Layout::of(Format::F32), columns, rows: 8 };
        let matrix = Matrix::new(&device, "test", shape, Kernels::of(variant), true).unwrap();
        Matvec::merges(&matrix, 5)
    };
    let [lane, group] = [Variant::Lane { rows: 2 }, Variant::Group { lanes: 8, rows: 2 }];
    assert_eq!([merges(2048, group), merges(4096, group), merges(64, lane)], [true, false, false]);
}

#[test]
fn what_is_kept_is_the_stream() {
    let device = device();
    for (i, format, columns, variant) in formats() {
        let (rows, m) = (67 + i, 1 + i % 16);
        let case = Case { format, variant, columns, rows, norm: false, bias: false, epilogue: "residual" };
        let fixture = Fixture::new(&device, case, m, i as u64);
        let pass = Pass::new(&device, 3);
        let (taps, kept_rows, to) = (3, m.div_ceil(2), [i % 2, 2]);
        let stride = padded(rows);
        let hidden = storage(&device, &vec![0; (m + 4) * taps * stride]);
        let y =
            storage(&device, &padded_rows(&fixture.y.chunks(rows).map(<[f32]>::to_vec).collect::<Vec<_>>()));
        let x = storage(&device, &padded_rows(&fixture.x));
        let matvec = Matvec {
            matrix: &fixture.matrix,
            rows: m,
            x: &x,
            sums: None,
            x_row: 0,
            norm: None,
            y: &y,
            y_stride: stride,
            bias: None,
            epilogue: Epilogue::Residual(Some(Kept { hidden: &hidden, rows: kept_rows, taps, to })),
            positions: pass.positions(),
        };
        run(&device, matvec.steps(&device).unwrap(), &y, 4);
        let (stream, hidden) = (download(&device, &y), download(&device, &hidden));
        for (at, found) in hidden.chunks(stride).enumerate() {
            let (position, tap) = (at / taps, at % taps);
            let row = position.checked_sub(3).filter(|row| *row < kept_rows && (to[0]..to[1]).contains(&tap));
            match row {
                Some(row) => assert_eq!(found[..rows], stream[row * stride..][..rows], "{format:?} {at}"),
                None => assert!(found.iter().all(|word| *word == 0), "{format:?} {at}"),
            }
        }
    }
}

#[test]
fn fusing_reads_the_embedding_of_every_format() {
    let device = device();
    let tiny = Tiny {
        layers: 2,
        width: 52,
        heads: 3,
        kv_heads: 3,
        head_dim: 20,
        format: Format::F32,
        ..Tiny::default()
    };
    let bytes = tiny.gguf();
    let stream = pollster::block_on(Stream::open(bytes.as_slice())).unwrap();
    let config = model::Model::describe(stream.header()).unwrap().config;
    let (taps, tap) = (Taps::new(vec![0, 1], &config).unwrap(), config.width);
    for (i, format, width, variant) in formats() {
        let case =
            Case { format, variant, columns: width, rows: 23, norm: false, bias: false, epilogue: "store" };
        let fixture = Fixture::new(&device, case, 1, i as u64);
        let (m, first) = (1 + i % 16, i % 3);
        let mut rng = fastrand::Rng::with_seed(i as u64);
        let hidden: Vec<Vec<f32>> = (0..40).map(|_| random(&mut rng, tap)).collect();
        let gains = [random(&mut rng, width), random(&mut rng, taps.width())];
        let tokens: Vec<u32> = (0..20).map(|i| i * 7 % 23).collect();
        let pass = Pass::new(&device, first);
        let stride = padded(width + taps.width());
        let buffer = |values: &[f32]| storage(&device, bytemuck::cast_slice(values));
        let [embedding_gain, hidden_gain] = [&gains[0], &gains[1]].map(|gain| buffer(gain));
        let (states, ids) = (storage(&device, &padded_rows(&hidden)), storage(&device, &tokens));
        let y = storage(&device, &vec![0; m * stride]);
        let fuse = ops::Fuse {
            rows: m,
            positions: pass.positions(),
            table: &fixture.matrix,
            tokens: &ids,
            embedding_gain: &embedding_gain,
            embedding_width: width,
            hidden: &states,
            hidden_gain: &hidden_gain,
            taps: &taps,
            y: &y,
            epsilon: EPSILON,
        };
        let found = run(&device, fuse.steps(&device).unwrap(), &y, m * stride);
        for (row, found) in found.chunks(stride).enumerate() {
            let at = first + row;
            let embedded = &fixture.weights[tokens[at] as usize * width..][..width];
            let state = match at {
                0 => vec![0.0; 2 * tap],
                _ => [&hidden[2 * (at - 1)][..], &hidden[2 * (at - 1) + 1]].concat(),
            };
            let normed = |values: &[f32], gain: &[f32]| -> Vec<f64> {
                let square: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
                let scale = 1.0 / (square / values.len() as f64 + f64::from(EPSILON)).sqrt();
                values.iter().zip(gain).map(|(v, g)| f64::from(*v) * scale * f64::from(*g)).collect()
            };
            let expected = [normed(embedded, &gains[0]), normed(&state, &gains[1])].concat();
            for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
                let off = (f64::from(*found) - expected).abs();
                assert!(off < 1e-4, "{format:?}, row {row}: {found} at {n}, not {expected}");
            }
        }
    }
}

#[test]
fn a_draft_picks_its_greatest_logit() {
    let device = device();
    let mut rng = fastrand::Rng::with_seed(3);
    for (ids, some) in [(1, false), (7, true), (255, false), (1024, true), (4097, false), (9001, true)] {
        for case in 0..4 {
            let mut logits = random(&mut rng, ids);
            match case {
                // Equal ones: the first of them wins.
                1 => logits.iter_mut().for_each(|v| *v = (*v * 2.0).round()),
                2 => logits.iter_mut().step_by(2).for_each(|v| *v = f32::NEG_INFINITY),
                3 => logits.iter_mut().for_each(|v| *v = -3e38),
                _ => {}
            }
            let best = (0..ids).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
            let expected = if some { 3 * best as u32 + 1 } else { best as u32 };
            let target_id: Vec<u32> = (0..ids as u32).map(|i| 3 * i + 1).collect();
            let mut words: Vec<u32> = logits.iter().map(|v| v.to_bits()).collect();
            // Another row's.
            words.resize(ids + 8, 1e30f32.to_bits());
            let (logits, target_id) = (storage(&device, &words), storage(&device, &target_id));
            for halted in [0, 5] {
                let state = State { cursor: 2, halted: [0, halted], ..State::zeroed() };
                let (state, tokens) = (storage(&device, words::of(&state)), storage(&device, &[77; 8]));
                let target_id = some.then_some(&target_id);
                let step = ops::pick(&device, [ids, 40000], &logits, target_id, &tokens, &state).unwrap();
                run(&device, vec![step], &tokens, 4);
                let said = download(&device, &tokens)[3];
                assert_eq!(said, if halted == 0 { expected } else { 77 }, "{ids} ids, case {case}");
                let state: State = words::read(&download(&device, &state));
                assert_eq!(state.cursor, 2 + u32::from(halted == 0));
            }
        }
    }
}
