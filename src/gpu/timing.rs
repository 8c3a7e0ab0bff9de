//! Which kernels are fastest for a matrix: all candidates are timed on zeros of its shape, many dispatches a pass, by turns.

use bytemuck::Zeroable as _;
use web_time::Instant;

use super::choice::{Kernels, Shape};
use super::matrix::Matrix;
use super::ops::{Epilogue, Matvec, Positions, padded};
use super::plan::Plan;
use super::{Device, Error, MAX_ROWS, Reduction, Variant, words};

/// About so long is a pass, in milliseconds, where timestamps tell its length: Chrome's come in steps of 0.1.
const PASS_MS: f64 = 1.0;
/// And where the host's clock does, which also sees how a result travels.
const UNSTAMPED_PASS_MS: f64 = 4.0;
/// Most dispatches of a pass.
const MOST: f64 = 256.0;
/// Passes of each candidate; their median counts.
const TURNS: usize = 3;
/// A matrix is timed on no more weights than fit so many bytes.
const MAX_BYTES: usize = 64 << 20;
/// Products of outputs and rows that an invocation adds up at most: beyond, they no longer fit its registers.
const MAX_ACCUMULATORS: usize = 32;
/// Rows that matter most: a token, and a short proposal verified.
const USUAL: [usize; 2] = [1, 4];

/// What may run on the device.
fn candidates(device: &Device) -> Vec<Variant> {
    // Barriers cost a software adapter more than they can win.
    let fits = |variant: &Variant| !device.is_software() || variant.reduction() == Reduction::Chain;
    Variant::ALL.into_iter().filter(fits).collect()
}

/// The fastest kernels for `shape`.
pub(super) async fn fastest(device: &Device, shape: Shape) -> Result<Kernels, Error> {
    let mut bench = Bench::new(device, shape)?;
    let mut candidates = candidates(device);
    // A pair of outputs each says which two orders are worth a closer look.
    let pairs: Vec<Variant> = candidates.iter().copied().filter(|variant| variant.rows() == 2).collect();
    if pairs.len() > 2 {
        let times = bench.times(&cases(&pairs, &USUAL)).await?;
        let mut times: Vec<(f64, Reduction)> = times
            .chunks(USUAL.len())
            .zip(&pairs)
            .map(|(times, variant)| (times.iter().sum(), variant.reduction()))
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        candidates
            .retain(|variant| times[..2].iter().any(|(_, reduction)| variant.reduction() == *reduction));
    }
    // A software adapter computes four rows as it computes two or eight, and would take long to show it.
    let tiles = if device.is_software() { USUAL.to_vec() } else { Kernels::TILES.to_vec() };
    let cases = cases(&candidates, &tiles);
    let times = bench.times(&cases).await?;
    Ok(choose(&cases, &times).unwrap_or(Kernels::of(Variant::ALL[0])))
}

/// Each variant with each tile that it has accumulators for.
fn cases(variants: &[Variant], tiles: &[usize]) -> Vec<(Variant, usize)> {
    let of = |variant: &Variant| {
        let (variant, fits) = (*variant, |tile: &usize| variant.rows() * tile <= MAX_ACCUMULATORS);
        tiles.iter().copied().filter(fits).map(move |tile| (variant, tile)).collect::<Vec<_>>()
    };
    variants.iter().flat_map(of).collect()
}

/// The fastest of each tile, among those of the order that is fastest for the usual ones. A tile that was not timed gets what
/// the next greater one that was got.
fn choose(cases: &[(Variant, usize)], times: &[f64]) -> Option<Kernels> {
    let best = |reduction: Reduction, tile: usize| {
        let at = |(variant, at): &(Variant, usize)| variant.reduction() == reduction && *at >= tile;
        let tile = cases.iter().filter(|case| at(case)).map(|(_, tile)| *tile).min();
        let tile = tile.or(cases.iter().map(|(_, tile)| *tile).max())?;
        let of = cases
            .iter()
            .zip(times)
            .filter(|((variant, at), _)| variant.reduction() == reduction && *at == tile);
        of.min_by(|a, b| a.1.total_cmp(b.1)).map(|((variant, _), ms)| (*ms, *variant))
    };
    let usual = |reduction| -> f64 {
        USUAL.into_iter().filter_map(|tile| best(reduction, tile)).map(|(ms, _)| ms).sum()
    };
    let reductions = cases.iter().map(|(variant, _)| variant.reduction());
    let reduction = reductions.min_by(|a, b| usual(*a).total_cmp(&usual(*b)))?;
    let variants = Kernels::TILES.map(|tile| best(reduction, tile).map(|(_, variant)| variant));
    let [Some(a), Some(b), Some(c), Some(d)] = variants else { return None };
    Kernels::new([a, b, c, d])
}

/// Zeros of a shape.
struct Bench<'a> {
    device: &'a Device,
    matrix: Matrix,
    x: wgpu::Buffer,
    y: wgpu::Buffer,
    state: wgpu::Buffer,
    pass: wgpu::Buffer,
}

impl<'a> Bench<'a> {
    fn new(device: &'a Device, shape: Shape) -> Result<Self, Error> {
        let row = shape.layout.row_bytes(shape.columns);
        let rows = shape.rows.min(MAX_BYTES / row).max(2);
        let what = "a matrix to time";
        let matrix = Matrix::new(device, what, Shape { rows, ..shape }, Kernels::of(Variant::ALL[0]), true)?;
        Ok(Self {
            device,
            x: device.storage(what, (MAX_ROWS * padded(shape.columns)) as u64)?,
            y: device.storage(what, (MAX_ROWS * rows) as u64)?,
            state: device.storage(what, words::count::<words::State>() as u64)?,
            pass: device.uniform(words::of(&words::Pass::zeroed())),
            matrix,
        })
    }

    /// Zeros are zeros in every order of weights: one matrix serves all variants.
    fn plan(&mut self, variant: Variant, rows: usize) -> Result<Plan, Error> {
        self.matrix.kernels = Kernels::of(variant);
        let matvec = Matvec {
            matrix: &self.matrix,
            rows,
            x: &self.x,
            sums: None,
            x_row: 0,
            norm: None,
            y: &self.y,
            y_stride: self.matrix.rows,
            bias: None,
            // Zeros stay zeros.
            epilogue: Epilogue::Residual(None),
            positions: Positions { state: &self.state, pass: &self.pass },
        };
        Ok(Plan { steps: matvec.steps(self.device)? })
    }

    /// Milliseconds that each variant takes for so many rows.
    async fn times(&mut self, cases: &[(Variant, usize)]) -> Result<Vec<f64>, Error> {
        let plans = cases.iter().map(|(variant, rows)| self.plan(*variant, *rows));
        let plans = plans.collect::<Result<Vec<Plan>, Error>>()?;
        let stopwatch = Stopwatch::new(self.device, plans.len());
        // The first time may compile, the second says how often a pass can do it.
        stopwatch.time(&plans, &vec![1; plans.len()], &self.y).await?;
        let once = stopwatch.time(&plans, &vec![4; plans.len()], &self.y).await?;
        let pass_ms = if stopwatch.stamps() { PASS_MS } else { UNSTAMPED_PASS_MS };
        let repeats: Vec<usize> =
            once.iter().map(|ms| (pass_ms / ms.max(1e-4)).clamp(1.0, MOST) as usize).collect();
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push(stopwatch.time(&plans, &repeats, &self.y).await?);
        }
        Ok((0..plans.len()).map(|i| median(turns.iter().map(|turn| turn[i]).collect())).collect())
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        [&self.x, &self.y, &self.state].into_iter().for_each(wgpu::Buffer::destroy);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times plans: by timestamps, all in one submission, or by the host's clock, one after the other.
struct Stopwatch<'a> {
    device: &'a Device,
    stamps: Option<(wgpu::QuerySet, wgpu::Buffer)>,
}

impl<'a> Stopwatch<'a> {
    fn new(device: &'a Device, plans: usize) -> Self {
        let stamps = device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| {
            device.count(|c| c.objects += 2);
            let count = 2 * plans as u32;
            let queries = device.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("stopwatch"),
                ty: wgpu::QueryType::Timestamp,
                count,
            });
            let resolved = device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("stopwatch"),
                size: u64::from(count) * 8,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            (queries, resolved)
        });
        Self { device, stamps }
    }

    fn stamps(&self) -> bool {
        self.stamps.is_some()
    }

    /// Milliseconds of each plan, run so many times in a pass. `y` is what they write.
    async fn time(&self, plans: &[Plan], repeats: &[usize], y: &wgpu::Buffer) -> Result<Vec<f64>, Error> {
        let device = self.device;
        let passes = || plans.iter().zip(repeats);
        let run = |encoder: &mut wgpu::CommandEncoder, plan: &Plan, repeats: usize, timestamp_writes| {
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            (0..repeats).for_each(|_| plan.encode(device, &mut pass));
        };
        let Some((query_set, resolved)) = &self.stamps else {
            let mut times = Vec::new();
            for (plan, &repeats) in passes() {
                let began = Instant::now();
                let mut encoder = device.encoder();
                run(&mut encoder, plan, repeats, None);
                device.submit(encoder);
                device.download(y, 4).await?;
                let ms = began.elapsed().as_secs_f64() * 1000.0 - device.latency_ms();
                times.push(ms.max(0.0) / repeats as f64);
            }
            return Ok(times);
        };
        let mut encoder = device.encoder();
        for (i, (plan, &repeats)) in passes().enumerate() {
            let first = 2 * i as u32;
            let writes = wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            };
            run(&mut encoder, plan, repeats, Some(writes));
        }
        encoder.resolve_query_set(query_set, 0..2 * plans.len() as u32, resolved, 0);
        device.submit(encoder);
        let words = device.download(resolved, 4 * plans.len()).await?;
        let stamps: &[u64] = bytemuck::cast_slice(&words);
        let tick_ms = f64::from(device.queue.get_timestamp_period()) / 1e6;
        let ms = |(stamps, repeats): (&[u64], &usize)| {
            stamps[1].saturating_sub(stamps[0]) as f64 * tick_ms / *repeats as f64
        };
        Ok(stamps.chunks(2).zip(repeats).map(ms).collect())
    }
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        if let Some((queries, resolved)) = &self.stamps {
            queries.destroy();
            resolved.destroy();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(cases: &[(&str, usize, f64)]) -> Option<String> {
        let times: Vec<f64> = cases.iter().map(|(_, _, ms)| *ms).collect();
        let cases: Vec<_> = cases.iter().map(|(name, tile, _)| (name.parse().unwrap(), *tile)).collect();
        choose(&cases, &times).map(|kernels| kernels.to_string())
    }

    #[test]
    fn the_order_that_is_fastest_for_usual_rows_has_the_kernels() {
        let group =
            [("group16x2", 1, 1.0), ("group16x2", 4, 3.0), ("group16x4", 1, 2.0), ("group16x4", 4, 2.0)];
        let lane = [("lane2", 1, 1.4), ("lane2", 4, 1.7)];
        let slow_lane = [("lane2", 1, 0.9), ("lane2", 4, 2.2)];
        let all = |lane: [(&'static str, usize, f64); 2]| chosen(&[&group[..], &lane[..]].concat());
        assert_eq!(all(slow_lane).unwrap(), "group16x2 group16x4 group16x4 group16x4");
        let faster = [("lane2", 1, 0.9), ("lane2", 4, 2.0)];
        assert_eq!(all(faster).unwrap(), "lane2 lane2 lane2 lane2");
        assert_eq!(all(lane).unwrap(), "group16x2 group16x4 group16x4 group16x4");
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_tile_gets_its_own_fastest() {
        let cases = [
            ("group8x2", 1, 1.0),
            ("group8x4", 1, 1.1),
            ("group8x2", 2, 1.3),
            ("group8x4", 2, 1.2),
            ("group8x2", 4, 2.0),
            ("group8x8", 4, 1.9),
            ("group8x2", 8, 4.0),
            ("group8x4", 8, 3.0),
        ];
        assert_eq!(chosen(&cases).unwrap(), "group8x2 group8x4 group8x8 group8x4");
    }
}
