//! What the device can do at best, measured: the yardsticks that benches hold kernels against.

use minijinja::context;
use web_time::Instant;

use crate::gpu::plan::{Plan, Step};
use crate::gpu::{Device, Error};

/// Bytes of the measured copy.
const COPY_BYTES: u64 = 32 << 20;
/// Shape of peak.wgsl.
const CHAINS: usize = 8;
const STEPS: usize = 256;
const WORKGROUPS: usize = 256;

/// The yardsticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peaks {
    /// Bytes a second that a buffer-to-buffer copy reads and writes, in GB/s.
    pub copy: f64,
    /// Multiply-adds (two operations each) of f32, in GFLOP/s.
    pub multiply_add: f64,
}

/// Measures both, the best of five.
pub async fn peaks(device: &Device) -> Result<Peaks, Error> {
    let (from, to) = (device.storage("copy", COPY_BYTES / 4)?, device.storage("copy", COPY_BYTES / 4)?);
    let out = device.storage("peak", WORKGROUPS as u64 * 64)?;
    let context = context! { chains => CHAINS, steps => STEPS };
    let plan =
        Plan { steps: vec![Step::new(device, "rigs/peak.wgsl", &context, &[(0, &out)], [WORKGROUPS, 1])?] };
    let (mut copy, mut compute) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        let mut encoder = device.encoder();
        encoder.copy_buffer_to_buffer(&from, 0, &to, 0, COPY_BYTES);
        copy = copy.min(seconds(device, encoder).await?);
        let mut encoder = device.encoder();
        plan.encode(device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        compute = compute.min(seconds(device, encoder).await?);
    }
    let flops = (WORKGROUPS * 64 * CHAINS * STEPS * 4 * 2) as f64;
    Ok(Peaks { copy: 2.0 * COPY_BYTES as f64 / copy / 1e9, multiply_add: flops / compute / 1e9 })
}

async fn seconds(device: &Device, encoder: wgpu::CommandEncoder) -> Result<f64, Error> {
    let began = Instant::now();
    device.submit(encoder);
    device.idle().await?;
    Ok(began.elapsed().as_secs_f64())
}
