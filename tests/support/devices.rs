//! Engines on both devices, from the bytes of files.

use paceline::decode::AnyEngine;
use paceline::decode::engines::{Device, LoadOptions, Loaded, load};

/// Every device that a model must say the same on.
pub const DEVICES: [Device; 2] = [Device::Cpu, Device::WebGpu];

/// What a target's file and a draft's give on `device`.
///
/// # Panics
/// When they cannot be loaded: a GPU test that finds no adapter fails.
pub fn loaded(device: Device, target: &[u8], draft: Option<&[u8]>) -> Loaded {
    let options = LoadOptions { device, ..LoadOptions::default() };
    pollster::block_on(load(target, draft, &options)).expect("a model and a device: run `cargo xtask setup`")
}

/// The engine alone.
pub fn engine(device: Device, target: &[u8], draft: Option<&[u8]>) -> AnyEngine {
    loaded(device, target, draft).engine
}
