//! Every format against the Python package `gguf`, and against itself.

use super::*;

/// Made by `formats.py` beside it.
const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/formats.bin");

/// Reads one `(bytes, weights)` record.
fn record<'a>(rest: &mut &'a [u8]) -> (&'a [u8], Vec<f32>) {
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at(n);
        *rest = tail;
        head
    };
    let mut size = || u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
    let (bytes, weights) = (size(), size());
    let bytes = take(bytes);
    let weights = take(weights * 4).chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    (bytes, weights.collect())
}

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| rng.f32() * 2.0 - 1.0).collect()
}

#[test]
fn matches_the_python_package() {
    let mut rest = FIXTURE;
    for spec in &FORMATS {
        let (blocks, expected) = record(&mut rest);
        let mut found = vec![0.0; expected.len()];
        spec.format.dequantize(blocks, &mut found);
        assert_eq!(found, expected, "{} read", spec.name);

        let (expected, weights) = record(&mut rest);
        assert_eq!(spec.format.quantize(&weights), expected, "{} written", spec.name);
    }
    assert!(rest.is_empty());
}

#[test]
fn the_table_is_in_order() {
    for (i, spec) in FORMATS.iter().enumerate() {
        assert_eq!(spec.format as usize, i);
        assert_eq!(Format::from_id(spec.id), Some(spec.format));
        assert_eq!(spec.name, format!("{:?}", spec.format));
    }
    assert_eq!(Format::from_id(4), None);
}

/// Greatest error of a value in -1..1. A group spans at most 2, so a code is at most `2 / top code` wide, plus what
/// rounding the group's parameters costs.
fn bound(format: Format) -> f32 {
    match format {
        Format::F32 => 0.0,
        Format::F16 => 0.0005,
        Format::BF16 => 0.004,
        Format::Q4_0 => 0.13,
        Format::Q4_1 => 0.07,
        Format::Q5_0 => 0.065,
        Format::Q5_1 => 0.034,
        Format::Q8_0 => 0.0045,
        Format::Q2_K => 0.45,
        Format::Q3_K => 0.3,
        Format::Q4_K => 0.09,
        Format::Q5_K => 0.055,
        Format::Q6_K => 0.04,
    }
}

#[test]
fn quantizing_loses_little() {
    for spec in &FORMATS {
        let values = random(256 * 64, 7);
        for scale in [1.0, 0.05, 50.0] {
            let values: Vec<f32> = values.iter().map(|v| v * scale).collect();
            let bytes = spec.format.quantize(&values);
            assert_eq!(bytes.len(), spec.format.row_bytes(values.len()));
            let mut back = vec![0.0; values.len()];
            spec.format.dequantize(&bytes, &mut back);
            let error = values.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale;
            assert!(error <= bound(spec.format), "{}: {error} at scale {scale}", spec.name);
        }
    }
}

#[test]
fn groups_are_affine_and_codes_fit() {
    for spec in &FORMATS {
        let Codec::Groups { group, bits, half_params, unpack, .. } = spec.codec else { continue };
        assert!(spec.block_len <= MAX_BLOCK_LEN && spec.block_len / group <= MAX_BLOCK_GROUPS);
        let mut rng = fastrand::Rng::with_seed(3);
        for values in random(256 * 16, 5).chunks(spec.block_len) {
            let mut block = Vec::new();
            (spec.quantize)(values, &mut block);
            let mut codes = vec![0; spec.block_len];
            let mut params = vec![[0.0; 2]; spec.block_len / group];
            unpack(&block, &mut codes, &mut params);
            if half_params {
                let exact = |v: f32| half::f16::from_f32(v).to_f32() == v;
                assert!(params.as_flattened().iter().all(|v| exact(*v)), "{}", spec.name);
            }
            let mut noise = vec![0; spec.block_bytes];
            noise.fill_with(|| rng.u8(..));
            unpack(&noise, &mut codes, &mut params);
            assert!(bits == 8 || codes.iter().all(|c| (0..16).contains(c)), "{}", spec.name);
        }
    }
}

#[test]
fn extreme_values_do_not_panic() {
    for spec in &FORMATS {
        for value in [0.0, f32::MIN_POSITIVE, 1e-40, 1e30, f32::MAX, f32::INFINITY, f32::NAN] {
            let mut values = random(spec.block_len.max(2) / 2 * 2, 9);
            values[0] = value;
            spec.format.quantize(&values[..spec.block_len]);
            spec.format.quantize(&vec![value; spec.block_len]);
            spec.format.quantize(&vec![-value; spec.block_len]);
        }
        let zeros = vec![0.0; spec.block_len];
        let mut back = vec![1.0; spec.block_len];
        spec.format.dequantize(&spec.format.quantize(&zeros), &mut back);
        assert_eq!(back, zeros, "{}", spec.name);
    }
}
