//! Engines on both devices, from the bytes of files.

use std::cell::RefCell;

use paceline::load::{AnyEngine, Device, LoadOptions, Loaded, Tuning, load, load_shards};
use paceline::model::CacheType;

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
    let options = options(device);
    kept(pollster::block_on(load(target, draft, &options)))
}

/// As [`loaded`], from all files of a target.
///
/// # Panics
/// As [`loaded`].
pub fn loaded_shards(device: Device, target: &[Vec<u8>]) -> Loaded {
    let (target, options) = (target.iter().map(Vec::as_slice).collect(), options(device));
    kept(pollster::block_on(load_shards(target, None::<Vec<&[u8]>>, &options)))
}

fn options(device: Device) -> LoadOptions {
    LoadOptions { device, tuning: TUNING.with_borrow(Clone::clone), ..LoadOptions::default() }
}

fn kept(loaded: Result<Loaded, paceline::Error>) -> Loaded {
    let loaded = loaded.expect("a model and a device: run `cargo xtask setup`");
    TUNING.set(loaded.tuning.clone());
    loaded
}

/// As [`engine`], with caches of `kv_cache`.
///
/// # Panics
/// As [`loaded`].
pub fn engine_of(device: Device, target: &[u8], draft: Option<&[u8]>, kv_cache: CacheType) -> AnyEngine {
    let options = LoadOptions { kv_cache, ..options(device) };
    kept(pollster::block_on(load(target, draft, &options))).engine
}

/// The engine alone.
pub fn engine(device: Device, target: &[u8], draft: Option<&[u8]>) -> AnyEngine {
    loaded(device, target, draft).engine
}
