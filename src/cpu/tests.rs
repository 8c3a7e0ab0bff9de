//! Every operation against its float64 reference, against other instruction sets, and against itself row by row.

use super::ops::attention::{Sight, attend, scratch_len};
use super::ops::matvec::{matvec, matvecs, multiply};
use super::ops::{gate, norm, rope};
use super::{Cache, Level, Matrix, PAGE, Team, activations::Activations, reference};
use crate::gguf::format::{FORMATS, Spec};
use crate::model::{
    Activation, Attention, CacheType, Config, Layer, Plan, Rope, RopeStyle, family::FAMILIES,
};

fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
}

/// Instruction sets of this machine.
fn levels() -> Vec<Level> {
    let levels = Level::all();
    if levels == [Level::Scalar] {
        eprintln!("no SIMD on this machine: only plain Rust is tested");
    }
    levels
}

fn run(level: Level, matrix: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut quantized = Activations::default();
    if matrix.is_quantized() {
        quantized.quantize(level, x, matrix.columns());
    }
    let mut out = vec![0.0; x.len() / matrix.columns() * matrix.rows()];
    matvec(level, matrix, x, &quantized, &mut out);
    out
}

/// A matrix of the format with its dequantized weights, row-major.
fn matrix(spec: &Spec, rows: usize, columns: usize) -> (Matrix, Vec<f32>) {
    let values = random(rows as u64 * 31 + columns as u64, rows * columns);
    let bytes = spec.format.quantize(&values);
    let mut weights = vec![0.0; rows * columns];
    spec.format.dequantize(&bytes, &mut weights);
    (Matrix::from_bytes(spec.format, rows, columns, &bytes), weights)
}

/// Columns to test: one block and a few, and for floats odd numbers too.
fn widths(spec: &Spec) -> Vec<usize> {
    match spec.block_len {
        1 => vec![1, 5, 64, 67],
        n => vec![n, 3 * n],
    }
}

#[test]
fn products_match_the_reference_in_every_format() {
    for spec in &FORMATS {
        for columns in widths(spec) {
            for rows in [1, 7, 8, 19] {
                let (matrix, weights) = matrix(spec, rows, columns);
                let x = random(7, 3 * columns);
                let y = multiply(&matrix, &x);
                for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact(rows)) {
                    let expected = reference::matvec(&weights, x);
                    let size = (columns as f32).sqrt();
                    for (y, expected) in y.iter().zip(expected) {
                        let error = (y - expected).abs() / size;
                        assert!(error < 4e-5, "{} {rows}x{columns}: {y} for {expected}", spec.name);
                    }
                }
            }
        }
    }
}

#[test]
fn rows_are_unpacked_as_they_were_packed() {
    for spec in &FORMATS {
        let columns = widths(spec)[1];
        let (matrix, weights) = matrix(spec, 19, columns);
        let mut row = vec![0.0; columns];
        for (r, expected) in weights.chunks_exact(columns).enumerate() {
            matrix.row(r, &mut row);
            for (x, e) in row.iter().zip(expected) {
                assert!((x - e).abs() <= 1e-6 * e.abs().max(0.1), "{} row {r}: {x} for {e}", spec.name);
            }
        }
    }
}

#[test]
fn windows_may_cut_anywhere() {
    for spec in &FORMATS {
        let columns = widths(spec)[1];
        let bytes = spec.format.quantize(&random(3, 19 * columns));
        let whole = Matrix::from_bytes(spec.format, 19, columns, &bytes);
        let mut cut = Matrix::new(spec.format, 19, columns);
        for rows in [0..3, 3..4, 4..17, 17..19] {
            let row_bytes = spec.format.row_bytes(columns);
            cut.pack(rows.start, &bytes[rows.start * row_bytes..rows.end * row_bytes]);
        }
        let x = random(5, columns);
        assert_eq!(multiply(&whole, &x), multiply(&cut, &x), "{}", spec.name);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let teams = [2, 3, 5].map(Team::new);
    for spec in &FORMATS {
        let columns = widths(spec)[1].next_multiple_of(spec.block_len * 2);
        // Large enough to be cut into parts even as one row, and rows that fill no panel.
        let sizes = [(300_000 / columns) | 1, (90_000 / columns) | 1];
        let matrices = sizes.map(|rows| matrix(spec, rows, columns).0);
        for rows in [1, 2, 5, 9, 33] {
            let x = random(17, rows * columns);
            let expected = matrices.each_ref().map(|matrix| run(Level::best(), matrix, &x));
            let mut quantized = Activations::default();
            if matrices[0].is_quantized() {
                quantized.quantize(Level::best(), &x, columns);
            }
            for team in &teams {
                let mut out = sizes.map(|n| vec![f32::NAN; rows * n]);
                let [a, b] = &mut out;
                let products = [(&matrices[0], &mut a[..]), (&matrices[1], &mut b[..])];
                matvecs(team, Level::best(), products, &x, &quantized);
                assert!(out == expected, "{}: {rows} rows, {team:?}", spec.name);
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for spec in &FORMATS {
        for columns in widths(spec) {
            let (matrix, _) = matrix(spec, 19, columns);
            let x = random(11, 7 * columns);
            for level in levels() {
                assert_eq!(
                    run(Level::Scalar, &matrix, &x),
                    run(level, &matrix, &x),
                    "{} {level:?}",
                    spec.name
                );
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    for spec in &FORMATS {
        let columns = widths(spec)[1];
        let (matrix, _) = matrix(spec, 19, columns);
        for level in levels() {
            let x = random(13, 16 * columns);
            let alone: Vec<f32> = x.chunks_exact(columns).flat_map(|x| run(level, &matrix, x)).collect();
            for rows in 1..=16 {
                let together = run(level, &matrix, &x[..rows * columns]);
                assert_eq!(together, alone[..rows * 19], "{} {level:?} {rows} rows", spec.name);
            }
        }
    }
}

#[test]
fn constant_zero_points_need_no_mins() {
    let bits = |name: &str| {
        let spec = FORMATS.iter().find(|s| s.name.eq_ignore_ascii_case(name)).expect(name);
        let (matrix, _) = matrix(spec, 8, 256);
        matrix.bytes() as f64 * 8.0 / (8.0 * 256.0)
    };
    assert_eq!(bits("q4_0"), 4.5);
    assert_eq!(bits("q4_1"), 5.0);
    assert_eq!(bits("q5_0"), 8.5);
    assert_eq!(bits("q8_0"), 8.5);
    assert_eq!(bits("f16"), 16.0);
}

#[test]
fn rms_norm_matches_the_reference() {
    for width in [1, 7, 64, 579] {
        let (x, weight) = (random(1, 3 * width), random(2, width));
        for level in levels() {
            let mut out = vec![0.0; x.len()];
            norm::rms_norm(level, &x, &weight, 1e-5, &mut out);
            let mut in_place = x.clone();
            norm::rms_norm_in_place(level, &mut in_place, &weight, 1e-5);
            assert_eq!(out, in_place);
            let mut scalar = vec![0.0; x.len()];
            norm::rms_norm(Level::Scalar, &x, &weight, 1e-5, &mut scalar);
            assert_eq!(out, scalar);
            let expected = x.chunks_exact(width).flat_map(|x| reference::rms_norm(x, &weight, 1e-5));
            for (y, expected) in out.iter().zip(expected) {
                assert!((y - expected).abs() < 1e-6 * expected.abs().max(1.0), "{width}: {y} for {expected}");
            }
        }
    }
}

#[test]
fn rope_matches_the_reference() {
    for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
        for (head_dim, dim) in [(64, 64), (10, 6), (2, 2)] {
            let table = Rope::new(style, dim, 1e4).table(100, None);
            let mut x = random(4, 3 * head_dim);
            let mut expected = x.clone();
            let table = &table[99 * dim / 2..];
            rope::rotate(style, table, &mut x, head_dim);
            reference::rope(style, table, &mut expected, head_dim);
            for (x, e) in x.iter().zip(&expected) {
                assert!((x - e).abs() < 1e-6, "{style:?} {head_dim} {dim}: {x} for {e}");
            }
        }
    }
}

#[test]
fn gates_match_the_reference() {
    let (raw, up) = (random(5, 67), random(6, 67));
    let raw: Vec<f32> = raw.iter().map(|g| g * 40.0).collect();
    for activation in [Activation::Silu, Activation::Gelu] {
        let expected = reference::gated(activation, &raw, &up);
        let mut scalar = raw.clone();
        gate::gate(Level::Scalar, activation, &mut scalar, &up);
        for level in levels() {
            let mut out = raw.clone();
            gate::gate(level, activation, &mut out, &up);
            assert_eq!(out, scalar);
            for (y, e) in out.iter().zip(&expected) {
                assert!((y - e).abs() < 1e-6 * e.abs().max(1e-3), "{activation:?}: {y} for {e}");
            }
        }
    }
}

#[test]
fn attention_matches_the_reference() {
    CacheType::ALL.into_iter().for_each(attention_matches);
}

fn attention_matches(kv_cache: CacheType) {
    /// More than two pages.
    const CONTEXT: usize = 2 * PAGE + 9;
    let usual = |heads, kv_heads, dim| Attention::new(heads, kv_heads, dim);
    for attention in [
        usual(3, 1, 64),
        usual(6, 2, 10),
        usual(5, 5, 8),
        usual(14, 2, 16),
        Attention { window: Some(1), ..usual(3, 1, 16) },
        Attention { window: Some(9), scale: 0.3, ..usual(4, 2, 10) },
        Attention { window: Some(36), softcap: Some(2.0), ..usual(2, 2, 8) },
        Attention { softcap: Some(0.5), scale: 1.5, ..usual(3, 3, 20) },
    ] {
        let Attention { heads, kv_heads, head_dim: dim, .. } = attention;
        let config = config_of(attention, 2);
        let kv_width = kv_heads * dim;
        let mut cache = Cache::new(&config, CONTEXT).of_type(kv_cache);
        cache.reserve(CONTEXT).expect("memory");
        let (mut k, mut v, q) =
            (random(1, CONTEXT * kv_width), random(2, CONTEXT * kv_width), random(3, heads * dim));
        if kv_cache == CacheType::F16 {
            k.iter_mut().chain(&mut v).for_each(|x| *x = half::f16::from_f32(*x).to_f32());
        }
        for (position, (k, v)) in k.chunks_exact(kv_width).zip(v.chunks_exact(kv_width)).enumerate() {
            cache.write(1, position, k, v);
        }
        for len in [1, 7, 8, 9, 37, 64, 65, CONTEXT] {
            let expected = reference::attention(&q, &k[..len * kv_width], &v[..len * kv_width], &attention);
            let mut results = levels().into_iter().map(|level| {
                let mut out = vec![0.0; heads * dim];
                let shared = heads / kv_heads;
                let mut scratch = vec![f32::NAN; scratch_len(&attention, shared, len)];
                for (kv, (q, out)) in
                    q.chunks_exact(shared * dim).zip(out.chunks_exact_mut(shared * dim)).enumerate()
                {
                    let sight = Sight { position: len - 1, path: &[] };
                    attend(level, &attention, cache.head(1, kv), sight, q, &mut scratch, out);
                }
                out
            });
            let scalar = results.next().expect("one level");
            for (y, e) in scalar.iter().zip(&expected) {
                assert!((y - e).abs() < 2e-6, "{attention:?}, {len} positions: {y} for {e}");
            }
            results.for_each(|other| assert_eq!(other, scalar));
        }
    }
}

/// A model of so many layers with that attention.
fn config_of(attention: Attention, layers: usize) -> Config {
    let dim = attention.head_dim;
    Config {
        family: FAMILIES[0],
        width: attention.heads * dim,
        vocab: 8,
        head_vocab: 8,
        context: 64,
        rms_eps: 1e-5,
        tied: true,
        plan: Plan::uniform(layers, Layer::new(attention, 8), Rope::new(RopeStyle::Halves, dim, 1e4)),
    }
}

/// Positions that are kept elsewhere, among others, are seen in their order, bit for bit.
#[test]
fn attention_gathers_a_path() {
    /// Slots of a path behind `fork` positions, each as far behind its position as there are siblings in front.
    const PATHS: [&[usize]; 4] = [&[1], &[0, 2, 3, 9], &[3, 4, 5, 6, 7, 8, 14], &[0, 1, 2, 3, 13]];
    let usual = |heads, kv_heads, dim| Attention::new(heads, kv_heads, dim);
    for (attention, kv_cache) in [
        (usual(3, 1, 64), CacheType::F32),
        (usual(6, 2, 10), CacheType::F16),
        (Attention { window: Some(3), ..usual(4, 1, 16) }, CacheType::F32),
        (Attention { window: Some(1), ..usual(2, 2, 8) }, CacheType::F16),
        (Attention { window: Some(36), softcap: Some(2.0), ..usual(2, 2, 8) }, CacheType::F32),
    ] {
        let Attention { heads, kv_heads, head_dim: dim, .. } = attention;
        let config = config_of(attention, 1);
        let (kv_width, shared) = (kv_heads * dim, heads / kv_heads);
        for fork in [1, 7, 8, 50, 60, 64, 130] {
            for path in PATHS {
                let slots: Vec<usize> = path.iter().map(|node| fork + node).collect();
                let (position, last) = (fork + path.len() - 1, slots[slots.len() - 1]);
                let [mut plain, mut tree] = [(); 2].map(|()| {
                    let mut cache = Cache::new(&config, last + 1).of_type(kv_cache);
                    cache.reserve(last + 1).expect("memory");
                    cache
                });
                let numbers = |seed| random(seed, kv_width);
                // Others are in the slots between.
                (fork..=last).for_each(|slot| tree.write(0, slot, &numbers(7000), &numbers(8000)));
                for at in 0..=position {
                    let (key, value) = (numbers(at as u64), numbers(5000 + at as u64));
                    plain.write(0, at, &key, &value);
                    tree.write(0, if at < fork { at } else { slots[at - fork] }, &key, &value);
                }
                let q = random(3, heads * dim);
                let out = |level, cache: &Cache, path: &[usize]| {
                    let mut out = vec![0.0; heads * dim];
                    let mut scratch = vec![f32::NAN; scratch_len(&attention, shared, last + 1)];
                    let parts = q.chunks_exact(shared * dim).zip(out.chunks_exact_mut(shared * dim));
                    for (kv, (q, out)) in parts.enumerate() {
                        let sight = Sight { position, path };
                        attend(level, &attention, cache.head(0, kv), sight, q, &mut scratch, out);
                    }
                    out
                };
                for level in levels() {
                    let expected = out(level, &plain, &[]);
                    assert_eq!(out(level, &tree, &slots), expected, "{attention:?}, {fork}, {path:?}");
                    if attention.window != Some(1) && path.len() > 1 {
                        assert_ne!(out(level, &tree, &[]), expected, "whatever lies in the positions' slots");
                    }
                }
                tree.accept(fork, path);
                assert_eq!(
                    out(Level::best(), &tree, &[]),
                    out(Level::best(), &plain, &[]),
                    "{fork}, {path:?}: moved"
                );
            }
        }
    }
}
