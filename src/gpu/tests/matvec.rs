//! matvec_lane and matvec_group.

use bytemuck::Zeroable as _;

use super::{device, padded_rows, random, run, storage};
use crate::gguf::Format;
use crate::gguf::format::FORMATS;
use crate::gpu::choice::Shape;
use crate::gpu::layout::Layout;
use crate::gpu::matrix::Matrix;
use crate::gpu::ops::{Bias, Epilogue, Matvec, Positions};
use crate::gpu::{Device, Kernels, Variant, words};
use crate::model::Activation;

pub(super) const EPSILON: f32 = 1e-5;

/// A case: shapes that are not multiples of anything but the format's block.
#[derive(Debug)]
pub(super) struct Case {
    pub format: Format,
    pub variant: Variant,
    pub columns: usize,
    pub rows: usize,
    pub norm: bool,
    pub bias: bool,
    pub epilogue: &'static str,
}

/// Weights on the device with everything the oracle needs.
pub(super) struct Fixture {
    pub case: Case,
    pub matrix: Matrix,
    pub weights: Vec<f32>,
    pub gain: Vec<f32>,
    pub bias: Vec<f32>,
    pub x: Vec<Vec<f32>>,
    pub y: Vec<f32>,
}

impl Fixture {
    pub fn new(device: &Device, case: Case, m: usize, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let Case { format, columns, rows, .. } = case;
        let bytes: Vec<u8> = (0..rows).flat_map(|_| format.quantize(&random(&mut rng, columns))).collect();
        let mut weights = vec![0.0; rows * columns];
        format.dequantize(&bytes, &mut weights);
        let shape = Shape { layout: Layout::of(format), columns, rows };
        let matrix = Matrix::new(device, "test", shape, Kernels::of(case.variant), true).unwrap();
        // Two windows, as a stream would bring them.
        let cut = rows / 3;
        let at = cut * format.row_bytes(columns);
        matrix.write_rows(device, 0, format, &bytes[..at]);
        matrix.write_rows(device, cut, format, &bytes[at..]);
        Self {
            matrix,
            weights,
            gain: random(&mut rng, columns),
            bias: random(&mut rng, rows),
            x: (0..m).map(|_| random(&mut rng, columns)).collect(),
            y: random(&mut rng, m * rows),
            case,
        }
    }

    fn outputs(&self) -> usize {
        if self.case.epilogue == "silu" { self.case.rows / 2 } else { self.case.rows }
    }

    /// Runs rows `rows` of x in one pass.
    fn gpu(&self, device: &Device, rows: std::ops::Range<usize>) -> Vec<f32> {
        let n = self.outputs();
        let x = storage(device, &padded_rows(&self.x));
        let y: Vec<u32> = self.y[rows.start * n..rows.end * n].iter().map(|v| v.to_bits()).collect();
        let y = storage(device, &y);
        let gain = self.gain_and_bias(device);
        let own = Bias::Own(storage(device, bytemuck::cast_slice(&self.bias)));
        let bias = if self.case.norm && self.case.epilogue == "silu" { &Bias::BehindGain } else { &own };
        let state = storage(device, words::of(&words::State::zeroed()));
        let pass = device.uniform(words::of(&words::Pass::zeroed()));
        let matvec = Matvec {
            matrix: &self.matrix,
            rows: rows.len(),
            x: &x,
            sums: None,
            x_row: rows.start,
            norm: self.case.norm.then_some((&gain, EPSILON)),
            y: &y,
            y_stride: n,
            bias: self.case.bias.then_some(bias),
            epilogue: match self.case.epilogue {
                "residual" => Epilogue::Residual(None),
                "silu" => Epilogue::Gate(Activation::Silu),
                _ => Epilogue::Store,
            },
            positions: Positions { state: &state, pass: &pass },
        };
        run(device, matvec.steps(device).unwrap(), &y, rows.len() * n)
    }

    /// The gain, padded, and the biases behind it.
    pub fn gain_and_bias(&self, device: &Device) -> wgpu::Buffer {
        let mut words = padded_rows(std::slice::from_ref(&self.gain));
        words.extend(self.bias.iter().map(|v| v.to_bits()));
        storage(device, &words)
    }

    /// The same in f64.
    fn oracle(&self, m: usize) -> Vec<f64> {
        let x = &self.x[m];
        let square: f64 = x.iter().map(|v| f64::from(*v).powi(2)).sum();
        let scale = 1.0 / (square / x.len() as f64 + f64::from(EPSILON)).sqrt();
        let input = |k: usize| {
            let v = f64::from(x[k]);
            if self.case.norm { v * scale * f64::from(self.gain[k]) } else { v }
        };
        let input: Vec<f64> = (0..x.len()).map(input).collect();
        let sums: Vec<f64> = self
            .weights
            .chunks(x.len())
            .zip(&self.bias)
            .map(|(row, bias)| {
                let sum: f64 = row.iter().zip(&input).map(|(w, x)| f64::from(*w) * x).sum();
                if self.case.bias { sum + f64::from(*bias) } else { sum }
            })
            .collect();
        let n = self.outputs();
        (0..n)
            .map(|i| match self.case.epilogue {
                "residual" => sums[i] + f64::from(self.y[m * n + i]),
                "silu" => sums[i] / (1.0 + (-sums[i]).exp()) * sums[n + i],
                _ => sums[i],
            })
            .collect()
    }
}

/// The variants that add up in each of the orders.
fn by_reduction() -> Vec<Vec<Variant>> {
    let same = |a: &Variant, b: &Variant| a.reduction() == b.reduction();
    Variant::ALL.chunk_by(same).map(<[Variant]>::to_vec).collect()
}

/// Every format in both layouts: one after the other, and by lanes, their orders and variants in turn.
fn cases() -> impl Iterator<Item = Case> {
    let [chain, lanes @ ..] = &by_reduction()[..] else { panic!("two layouts") };
    let (chain, lanes) = (chain.clone(), lanes.to_vec());
    let formats = FORMATS.iter().enumerate().flat_map(move |(f, spec)| {
        let order = &lanes[f % lanes.len()];
        [(spec, chain[f % chain.len()]), (spec, order[f / lanes.len() % order.len()])]
    });
    formats.enumerate().map(|(i, (spec, variant))| {
        let (norm, bias, epilogue) = [
            (true, false, "store"),
            (false, false, "residual"),
            (true, false, "silu"),
            (true, true, "store"),
            (false, false, "store"),
            (false, true, "residual"),
            (true, true, "silu"),
        ][i % 7];
        let columns = if spec.block_len == 1 { 37 + i } else { spec.block_len * (1 + 96 / spec.block_len) };
        let rows = if epilogue == "silu" { 2 * (19 + i) } else { 67 + i };
        Case { format: spec.format, variant, columns, rows, norm, bias, epilogue }
    })
}

#[test]
fn every_format_and_variant_agrees_with_the_oracle() {
    let device = device();
    for (i, case) in cases().enumerate() {
        let m = 1 + i % 16;
        let name = format!("{case:?} M {m}");
        let fixture = Fixture::new(&device, case, m, i as u64);
        let found = fixture.gpu(&device, 0..m);
        for row in 0..m {
            let expected = fixture.oracle(row);
            let size = expected.iter().fold(1.0f64, |a, b| a.max(b.abs()));
            for (n, expected) in expected.iter().enumerate() {
                let found = f64::from(found[row * fixture.outputs() + n]);
                assert!(
                    (found - expected).abs() < 2e-5 * size,
                    "{name}: y[{row}, {n}] = {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn rows_are_bitwise_the_same_in_every_batch() {
    let device = device();
    // Every row count for a variant of each kernel, with the format that matters most; some for all others.
    let mut cases: Vec<(Case, Vec<usize>)> = cases().map(|c| (c, vec![3, 10])).collect();
    for (i, variant) in Variant::ALL.into_iter().enumerate() {
        let (format, columns, rows, epilogue) = (Format::Q4_1, 224, 71, "store");
        let case = Case { format, variant, columns, rows, norm: true, bias: false, epilogue };
        let all = matches!(variant, Variant::Lane { rows: 2 } | Variant::Group { lanes: 8, rows: 2 });
        cases.push((case, if all { (1..=16).collect() } else { vec![2 + i % 7, 16] }));
    }
    for (i, (case, batches)) in cases.into_iter().enumerate() {
        let name = format!("{case:?}");
        let fixture = Fixture::new(&device, case, 16, i as u64);
        let n = fixture.outputs();
        let alone: Vec<Vec<u32>> = (0..16).map(|m| bits(&fixture.gpu(&device, m..m + 1))).collect();
        for batch in batches {
            for first in [0, 16 - batch] {
                let together = bits(&fixture.gpu(&device, first..first + batch));
                for (row, found) in together.chunks(n).enumerate() {
                    assert_eq!(found, alone[first + row], "{name}: row {row} of {batch} from {first}");
                }
            }
        }
    }
}

#[test]
fn variants_of_one_order_give_the_same_bits() {
    let device = device();
    let formats = [Format::Q4_1, Format::Q6_K, Format::F16];
    for (i, format) in formats.into_iter().enumerate() {
        let mut orders = Vec::new();
        for variants in by_reduction() {
            let found: Vec<Vec<u32>> = variants
                .into_iter()
                .map(|variant| {
                    let (columns, rows, norm, bias) = (512, 53, i != 1, i == 1);
                    let case = Case { format, variant, columns, rows, norm, bias, epilogue: "store" };
                    bits(&Fixture::new(&device, case, 3, 5).gpu(&device, 0..3))
                })
                .collect();
            assert!(found.iter().all(|other| *other == found[0]), "{format:?}, order {}", orders.len());
            orders.push(found[0].clone());
        }
        // Were all orders one, nothing would have been tested.
        assert!(orders.iter().skip(1).any(|other| *other != orders[0]));
    }
}

#[test]
fn a_pass_that_reads_its_rows_otherwise_is_found() {
    let options = crate::gpu::DeviceOptions { break_batch_invariance: true, ..Default::default() };
    let broken = pollster::block_on(Device::open(options)).unwrap();
    for variants in by_reduction() {
        let (format, columns, rows) = (Format::Q4_1, 224, 71);
        let variant = variants[0];
        let case = Case { format, variant, columns, rows, norm: true, bias: false, epilogue: "store" };
        let fixture = Fixture::new(&broken, case, 2, 1);
        let alone = bits(&fixture.gpu(&broken, 0..1));
        assert_ne!(bits(&fixture.gpu(&broken, 0..2))[..rows], alone, "{variant}");
    }
}

#[test]
fn a_split_matrix_gives_the_same_bits() {
    let whole = device();
    let options = crate::gpu::DeviceOptions { max_buffer_bytes: Some(16 << 10), ..Default::default() };
    let small = pollster::block_on(Device::open(options)).unwrap();
    let case = || Case {
        format: Format::Q8_0,
        variant: Variant::ALL[0],
        columns: 64,
        rows: 1001,
        norm: false,
        bias: true,
        epilogue: "store",
    };
    let expected = Fixture::new(&whole, case(), 2, 1).gpu(&whole, 0..2);
    let split = Fixture::new(&small, case(), 2, 1);
    assert!(split.matrix.parts.len() > 2, "{} parts", split.matrix.parts.len());
    assert_eq!(bits(&split.gpu(&small, 0..2)), bits(&expected));
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}
