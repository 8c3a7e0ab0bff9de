//! The start-up self-test: whether the chosen kernels compute what they should, bitwise the same in every batch. A driver that
//! fails gets an error, not a tolerance.

use bytemuck::Zeroable as _;
use web_time::Instant;

use super::choice::{Kernels, Shape};
use super::matrix::Matrix;
use super::ops::{Epilogue, Matvec, Positions, padded};
use super::plan::Plan;
use super::{Choice, Device, Error, MAX_ROWS, Shapes, Tuning, timing, words};
use crate::gguf::Format;

/// The format of a matrix of [`Shape::USUAL`].
const FORMAT: Format = Format::Q4_0;
/// Milliseconds of timing after which the matrices that are left get what the one most like them got.
const BUDGET_MS: f64 = 1500.0;

/// The kernels for matrices of `shapes`: those that `tuning` remembers for this adapter, else the fastest, when they have passed
/// the self-test. A software adapter gets one choice for all matrices.
pub async fn choose_kernels(device: &Device, tuning: &mut Tuning, shapes: &Shapes) -> Result<Choice, Error> {
    device.measure_latency().await?;
    let adapter = device.adapter();
    let shapes = shapes.by_weight();
    let one_for_all = device.is_software() || shapes.is_empty();
    let began = Instant::now();
    let mut choice = Choice::default();
    for (i, &shape) in if one_for_all { &[Shape::USUAL] } else { &shapes[..] }.iter().enumerate() {
        let kernels = match tuning.get(&adapter, shape) {
            Some(kernels) => kernels,
            None if i > 0 && began.elapsed().as_secs_f64() * 1000.0 > BUDGET_MS => choice.kernels(shape),
            None => timing::fastest(device, shape).await?,
        };
        tuning.set(&adapter, shape, kernels);
        choice = choice.with(shape, kernels);
    }
    if one_for_all {
        let kernels = choice.kernels(Shape::USUAL);
        choice = shapes.into_iter().fold(choice, |choice, shape| choice.with(shape, kernels));
    }
    for kernels in choice.distinct() {
        Bench::new(device, kernels)?.self_test().await?;
    }
    Ok(choice)
}

struct Bench<'a> {
    device: &'a Device,
    matrix: Matrix,
    x: wgpu::Buffer,
    y: wgpu::Buffer,
    /// Of a sequence that is at its beginning and goes on.
    state: wgpu::Buffer,
    weights: Vec<f32>,
    inputs: Vec<f32>,
}

impl<'a> Bench<'a> {
    fn new(device: &'a Device, kernels: Kernels) -> Result<Self, Error> {
        let Shape { columns, rows, .. } = Shape::USUAL;
        // Any fixed, varied numbers do.
        let number = |i: usize| ((i % 1009 * 7919 % 1009) as f32 - 504.0) / 504.0;
        let bytes = FORMAT.quantize(&(0..rows * columns).map(number).collect::<Vec<_>>());
        let mut weights = vec![0.0; rows * columns];
        FORMAT.dequantize(&bytes, &mut weights);
        let matrix = Matrix::new(device, "self-test", Shape::USUAL, kernels, false)?;
        matrix.write_rows(device, 0, FORMAT, &bytes);
        let inputs: Vec<f32> = (0..MAX_ROWS * padded(columns)).map(|i| number(i * 31 + 5)).collect();
        let x = device.storage_with("self-test", bytemuck::cast_slice(&inputs))?;
        let y = device.storage("self-test", (MAX_ROWS * rows) as u64)?;
        let state = device.storage("self-test", words::count::<words::State>() as u64)?;
        Ok(Self { device, matrix, x, y, state, weights, inputs })
    }

    fn plan(&self, rows: usize, x_row: usize) -> Result<Plan, Error> {
        let pass = self.device.uniform(words::of(&words::Pass::zeroed()));
        let matvec = Matvec {
            matrix: &self.matrix,
            rows,
            x: &self.x,
            sums: None,
            x_row,
            norm: None,
            y: &self.y,
            y_stride: Shape::USUAL.rows,
            bias: None,
            // As the model's own, so that it is compiled once.
            epilogue: Epilogue::Residual(None),
            positions: Positions { state: &self.state, pass: &pass },
        };
        Ok(Plan { steps: matvec.steps(self.device)? })
    }

    async fn run(&self, plan: &Plan, words: usize) -> Result<Vec<u32>, Error> {
        let device = self.device;
        let mut encoder = device.encoder();
        encoder.clear_buffer(&self.y, 0, None);
        plan.encode(device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        device.submit(encoder);
        device.download(&self.y, words).await
    }

    /// Rows alone and in batches, bit for bit, and one row against the host.
    async fn self_test(&self) -> Result<(), Error> {
        let fail = |what: String| {
            Err(Error::SelfTest(format!("{} on {}: {what}", self.matrix.kernels, self.device.adapter())))
        };
        let mut alone = Vec::new();
        for row in 0..5 {
            alone.push(self.run(&self.plan(1, row)?, Shape::USUAL.rows).await?);
        }
        for (n, found) in alone[0].iter().enumerate() {
            let row = &self.weights[n * Shape::USUAL.columns..(n + 1) * Shape::USUAL.columns];
            let expected: f64 =
                row.iter().zip(&self.inputs).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            let found = f32::from_bits(*found);
            if (f64::from(found) - expected).abs() > 1e-2 || !found.is_finite() {
                return fail(format!("output {n} is {found}, not {expected}"));
            }
        }
        for (rows, first) in [(2, 0), (2, 3), (4, 1), (5, 0)] {
            let together = self.run(&self.plan(rows, first)?, rows * Shape::USUAL.rows).await?;
            for (row, found) in together.chunks(Shape::USUAL.rows).enumerate() {
                if found != alone[first + row] {
                    return fail(format!("row {row} of {rows} is not what it is alone"));
                }
            }
        }
        Ok(())
    }
}
