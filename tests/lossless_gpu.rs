//! Greedy speculative decoding on the GPU engine: bit for bit what plain decoding says on the same device.

mod support;

use std::rc::Rc;

use paceline::decode::GpuEngine;
use paceline::gguf::Stream;
use paceline::gpu::{Device, DeviceOptions, Model, Variant};
use paceline::model;
use support::lossless::{CAPACITY, CASES, Pair, assert_lossless, differences, pairs};

fn load(device: &Rc<Device>, file: &[u8], variant: Variant) -> Rc<Model> {
    pollster::block_on(async {
        let mut stream = Stream::open(file).await.expect("a header");
        let model = model::Model::describe(stream.header()).expect("a model");
        Rc::new(Model::load(device, &mut stream, &model, variant, CAPACITY).await.expect("weights"))
    })
}

fn open(options: DeviceOptions) -> Rc<Device> {
    pollster::block_on(Device::open(options)).expect("a WebGPU device: run `cargo xtask setup`")
}

fn engine(device: &Rc<Device>, pair: &Pair, variant: Variant) -> GpuEngine {
    let draft = load(device, &pair.draft, variant);
    GpuEngine::new(load(device, &pair.target, variant), Some(draft)).expect("an engine")
}

#[test]
fn drafters_do_not_change_a_token() {
    let device = open(DeviceOptions::default());
    for (i, pair) in pairs().iter().enumerate() {
        // Every drafter for the first pair; for the others, and other kernels, the two that users get.
        let cases = if i == 0 { &CASES[..] } else { &CASES[..2] };
        assert_lossless(pair, cases, |pair| engine(&device, pair, Variant::ALL[i]));
    }
}

#[test]
fn a_kernel_that_rounds_in_batches_is_found_out() {
    let device = open(DeviceOptions { break_batch_invariance: true, ..DeviceOptions::default() });
    let (differences, _) =
        differences(&pairs()[0], &CASES[..2], |pair| engine(&device, pair, Variant::ALL[0]));
    for name in ["ngram", "model"] {
        assert!(differences.iter().any(|d| d.contains(name)), "{name}: {differences:#?}");
    }
}
