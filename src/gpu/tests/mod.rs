//! Every kernel against a plain f64 oracle, and bitwise against itself in other batches.

mod attention;
mod compile;
mod dispatches;
mod errors;
mod lookup;
mod matvec;
mod merged;
mod room;
mod rope;
mod sampling;
mod session;

use std::rc::Rc;

use super::layout::BLOCK;
use super::ops::padded;
use super::plan::{Plan, Step};
use super::{Device, DeviceOptions};

/// A device, or a failed test: GPU tests never skip.
fn device() -> Rc<Device> {
    pollster::block_on(Device::open(DeviceOptions::default()))
        .expect("these tests need a Vulkan adapter: run `cargo xtask setup` (it installs lavapipe)")
}

/// `n` numbers between -1 and 1.
fn random(rng: &mut fastrand::Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| rng.f32() * 2.0 - 1.0).collect()
}

/// Rows of `columns` f32, each padded to whole blocks.
fn padded_rows(rows: &[Vec<f32>]) -> Vec<u32> {
    let pad = |row: &Vec<f32>| {
        let mut words: Vec<u32> = row.iter().map(|v| v.to_bits()).collect();
        words.resize(padded(row.len()), 0);
        words
    };
    rows.iter().flat_map(pad).collect()
}

fn storage(device: &Device, words: &[u32]) -> wgpu::Buffer {
    device.storage_with("test", words).unwrap()
}

/// Runs `steps` and returns the first `n` f32 of `buffer`.
fn run(device: &Device, steps: Vec<Step>, buffer: &wgpu::Buffer, n: usize) -> Vec<f32> {
    let mut encoder = device.encoder();
    Plan { steps }.encode(device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
    device.submit(encoder);
    let words = pollster::block_on(device.download(buffer, n)).unwrap();
    device.check().unwrap();
    words.into_iter().map(f32::from_bits).collect()
}

#[test]
fn blocks_are_what_the_kernels_unroll() {
    // The layouts' macros unroll four octets a block.
    assert_eq!(BLOCK, 32);
}
