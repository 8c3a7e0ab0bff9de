//! Engines on both devices, from the bytes of files.

use std::sync::LazyLock;

use paceline::gpu::{self, DeviceOptions, Variant};
use paceline::load::{AnyEngine, Device, LoadOptions, Loaded, Tuning, load, load_shards};
use paceline::model::CacheType;

/// Every device that a model must say the same on.
pub const DEVICES: [Device; 2] = [Device::Cpu, Device::WebGpu];

/// The kernels that a software adapter compiles fastest: it takes longer for that than for what tests compute.
static TUNING: LazyLock<Tuning> = LazyLock::new(|| {
    let device = gpu::Device::open(DeviceOptions::default());
    let adapter = pollster::block_on(device).expect("a WebGPU device: run `cargo xtask setup`").adapter();
    let mut tuning = Tuning::default();
    tuning.kernels = gpu::Tuning::of(&adapter, Variant::Lane { rows: 2 });
    tuning
});

/// What a target's file and a draft's give on `device`.
///
/// # Panics
/// When they cannot be loaded: a GPU test that finds no adapter fails.
pub fn loaded(device: Device, target: &[u8], draft: Option<&[u8]>) -> Loaded {
    with(&options(device), target, draft)
}

fn with(options: &LoadOptions, target: &[u8], draft: Option<&[u8]>) -> Loaded {
    pollster::block_on(load(target, draft, options)).expect("a model and a device: run `cargo xtask setup`")
}

/// As [`loaded`], from all files of a target.
///
/// # Panics
/// As [`loaded`].
pub fn loaded_shards(device: Device, target: &[Vec<u8>]) -> Loaded {
    let (target, options) = (target.iter().map(Vec::as_slice).collect(), options(device));
    let loaded = pollster::block_on(load_shards(target, None::<Vec<&[u8]>>, &options));
    loaded.expect("a model and a device: run `cargo xtask setup`")
}

/// How tests load.
pub fn options(device: Device) -> LoadOptions {
    LoadOptions { device, tuning: TUNING.clone(), ..LoadOptions::default() }
}

/// As [`engine`], with caches of `kv_cache`.
///
/// # Panics
/// As [`loaded`].
pub fn engine_of(device: Device, target: &[u8], draft: Option<&[u8]>, kv_cache: CacheType) -> AnyEngine {
    with(&LoadOptions { kv_cache, ..options(device) }, target, draft).engine
}

/// The engine alone.
pub fn engine(device: Device, target: &[u8], draft: Option<&[u8]>) -> AnyEngine {
    loaded(device, target, draft).engine
}
