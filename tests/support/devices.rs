//! Engines on both devices, from the bytes of files.

use std::cell::RefCell;

use paceline::decode::AnyEngine;
use paceline::decode::engines::{Device, LoadOptions, Loaded, load};
use paceline::gpu::Tuning;

/// Every device that a model must say the same on.
pub const DEVICES: [Device; 2] = [Device::Cpu, Device::WebGpu];

thread_local! {
    /// What is known about adapters: kernels are timed once.
    static TUNING: RefCell<Tuning> = RefCell::default();
}

/// What a target's file and a draft's give on `device`.
///
/// # Panics
/// When they cannot be loaded: a GPU test that finds no adapter fails.
pub fn loaded(device: Device, target: &[u8], draft: Option<&[u8]>) -> Loaded {
    let options = LoadOptions { device, tuning: TUNING.with_borrow(Clone::clone), ..LoadOptions::default() };
    let loading = load(target, draft, &options);
    let loaded = pollster::block_on(loading).expect("a model and a device: run `cargo xtask setup`");
    TUNING.set(loaded.tuning.clone());
    loaded
}

/// The engine alone.
pub fn engine(device: Device, target: &[u8], draft: Option<&[u8]>) -> AnyEngine {
    loaded(device, target, draft).engine
}
