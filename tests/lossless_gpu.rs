//! Greedy speculative decoding on the GPU engine: bit for bit what plain decoding says on the same device.

mod support;

use std::rc::Rc;

use paceline::decode::GpuEngine;
use paceline::gguf::Stream;
use paceline::gpu::{Device, DeviceOptions, Model, Variant};
use paceline::model;
use support::lossless::{CAPACITY, CASES, Pair, assert_lossless, pairs};

fn load(device: &Rc<Device>, file: &[u8], variant: Variant) -> Rc<Model> {
    pollster::block_on(async {
        let mut stream = Stream::open(file).await.expect("a header");
        let model = model::Model::describe(stream.header()).expect("a model");
        Rc::new(Model::load(device, &mut stream, &model, variant, CAPACITY).await.expect("weights"))
    })
}

#[test]
fn drafters_do_not_change_a_token() {
    let device = pollster::block_on(Device::open(DeviceOptions::default())).expect("a WebGPU device");
    let variant = Variant::ALL[0];
    assert_lossless(&pairs()[0], &CASES[..2], |Pair { target, draft, .. }| {
        let draft = load(&device, draft, variant);
        GpuEngine::new(load(&device, target, variant), Some(draft)).expect("an engine")
    });
}
