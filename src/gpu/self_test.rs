//! The start-up self-test: which matvec variant is fastest on this adapter, and whether it computes what it should,
//! bitwise the same in every batch. A driver that fails gets an error, not a tolerance.

use bytemuck::Zeroable as _;
use web_time::Instant;

use super::layout::Layout;
use super::matrix::Matrix;
use super::ops::{Epilogue, Matvec, Positions, padded};
use super::plan::Plan;
use super::{Choice, Device, Error, MAX_ROWS, Tuning, Variant, words};
use crate::gguf::Format;

/// The matrix that variants are timed on: an MLP projection of a small model.
const COLUMNS: usize = 576;
const ROWS: usize = 1536;
/// Dispatches of one timing.
const REPEATS: usize = 8;

/// The variant that `tuning` remembers for this adapter, or the fastest one, after it has passed the self-test.
pub async fn choose_kernels(device: &Device, tuning: &mut Tuning) -> Result<Choice, Error> {
    let adapter = device.adapter();
    let variant = match tuning.get(&adapter) {
        Some(variant) => variant,
        None => fastest(device).await?,
    };
    Bench::new(device, variant)?.self_test().await?;
    device.measure_latency().await?;
    tuning.set(adapter, variant);
    Ok(Choice::of(variant).on(!device.is_software()))
}

async fn fastest(device: &Device) -> Result<Variant, Error> {
    let mut best = (f64::INFINITY, Variant::ALL[0]);
    for variant in Variant::ALL {
        let bench = Bench::new(device, variant)?;
        // Decoding one token and verifying a few both count.
        let ms = bench.time(1).await? + bench.time(4).await?;
        if ms < best.0 {
            best = (ms, variant);
        }
    }
    Ok(best.1)
}

struct Bench<'a> {
    device: &'a Device,
    variant: Variant,
    matrix: Matrix,
    x: wgpu::Buffer,
    y: wgpu::Buffer,
    /// Of a sequence that is at its beginning and goes on.
    state: wgpu::Buffer,
    weights: Vec<f32>,
    inputs: Vec<f32>,
}

impl<'a> Bench<'a> {
    fn new(device: &'a Device, variant: Variant) -> Result<Self, Error> {
        let format = Format::Q4_0;
        // Any fixed, varied numbers do.
        let number = |i: usize| ((i % 1009 * 7919 % 1009) as f32 - 504.0) / 504.0;
        let bytes = format.quantize(&(0..ROWS * COLUMNS).map(number).collect::<Vec<_>>());
        let mut weights = vec![0.0; ROWS * COLUMNS];
        format.dequantize(&bytes, &mut weights);
        let matrix =
            Matrix::new(device, "self-test", Layout::of(format), variant.order(), [COLUMNS, ROWS], false)?;
        matrix.write_rows(device, 0, format, &bytes);
        let inputs: Vec<f32> = (0..MAX_ROWS * padded(COLUMNS)).map(|i| number(i * 31 + 5)).collect();
        let x = device.storage_with("self-test", bytemuck::cast_slice(&inputs))?;
        let y = device.storage("self-test", (MAX_ROWS * ROWS) as u64)?;
        let state = device.storage("self-test", words::count::<words::State>() as u64)?;
        Ok(Self { device, variant, matrix, x, y, state, weights, inputs })
    }

    fn plan(&self, rows: usize, x_row: usize, repeats: usize) -> Result<Plan, Error> {
        let pass = self.device.uniform(words::of(&words::Pass::zeroed()));
        let matvec = Matvec {
            matrix: &self.matrix,
            rows,
            x: &self.x,
            x_row,
            norm: None,
            y: &self.y,
            y_stride: ROWS,
            bias: None,
            epilogue: Epilogue::Store,
            choice: Choice::of(self.variant),
            positions: Positions { state: &self.state, pass: &pass },
        };
        let mut plan = Plan::default();
        for _ in 0..repeats {
            plan.steps.extend(matvec.steps(self.device)?);
        }
        Ok(plan)
    }

    async fn run(&self, plan: &Plan, words: usize) -> Result<Vec<u32>, Error> {
        let device = self.device;
        let mut encoder = device.encoder();
        plan.encode(device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        device.submit(encoder);
        device.download(&self.y, words).await
    }

    /// Milliseconds of one dispatch on `rows` rows, the best of three.
    async fn time(&self, rows: usize) -> Result<f64, Error> {
        let plan = self.plan(rows, 0, REPEATS)?;
        self.run(&plan, 4).await?;
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            self.run(&plan, 4).await?;
            best = best.min(began.elapsed().as_secs_f64() * 1000.0 / REPEATS as f64);
        }
        Ok(best)
    }

    /// Rows alone and in batches, bit for bit, and one row against the host.
    async fn self_test(&self) -> Result<(), Error> {
        let fail = |what: String| {
            Err(Error::SelfTest(format!("{} on {}: {what}", self.variant, self.device.adapter())))
        };
        let mut alone = Vec::new();
        for row in 0..5 {
            alone.push(self.run(&self.plan(1, row, 1)?, ROWS).await?);
        }
        for (n, found) in alone[0].iter().enumerate() {
            let row = &self.weights[n * COLUMNS..(n + 1) * COLUMNS];
            let expected: f64 =
                row.iter().zip(&self.inputs).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            let found = f32::from_bits(*found);
            if (f64::from(found) - expected).abs() > 1e-2 || !found.is_finite() {
                return fail(format!("output {n} is {found}, not {expected}"));
            }
        }
        for (rows, first) in [(2, 0), (2, 3), (4, 1), (3, 2)] {
            let together = self.run(&self.plan(rows, first, 1)?, rows * ROWS).await?;
            for (row, found) in together.chunks(ROWS).enumerate() {
                if found != alone[first + row] {
                    return fail(format!("row {row} of {rows} is not what it is alone"));
                }
            }
        }
        Ok(())
    }
}
