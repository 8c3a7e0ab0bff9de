//! Greedy speculative decoding on the GPU engine: bit for bit what plain decoding says on the same device.

use crate::support;

use std::rc::Rc;

use paceline::gguf::Stream;
use paceline::gpu::{Choice, Device, DeviceOptions, Model, Session, Variant};
use paceline::model;
use support::lossless::{
    CAPACITY, Pair, VOCAB, assert_lossless, by_turns, cases, differences, drafters, pairs, prompts,
};

fn open(options: DeviceOptions) -> Rc<Device> {
    pollster::block_on(Device::open(options)).expect("a WebGPU device: run `cargo xtask setup`")
}

fn engine(device: &Rc<Device>, pair: &Pair, variant: Variant) -> Session {
    pollster::block_on(async {
        let mut stream = Stream::open(&pair.target[..]).await.expect("a header");
        let model = model::Model::describe(stream.header()).expect("a model");
        let target =
            Model::load(device, &mut stream, &model, Choice::of(variant), CAPACITY).await.expect("weights");
        let mut stream = Stream::open(&pair.draft[..]).await.expect("a header");
        let draft = model::Draft::describe(stream.header(), &model.config).expect("a draft");
        let draft = Model::load_draft(&mut stream, &draft, &target).await.expect("weights");
        Session::new(Rc::new(target), Some(Rc::new(draft))).expect("an engine")
    })
}

#[test]
fn drafters_do_not_change_a_token() {
    let device = open(DeviceOptions::default());
    let all = prompts(VOCAB);
    let few: Vec<Vec<u32>> = all.iter().step_by(3).cloned().collect();
    // Each kernel, in shapes that compile fast.
    let variants = ["lane2", "group8x2", "lane4", "group16x2", "group32x1", "group64x1"];
    for (i, pair) in pairs().iter().enumerate() {
        // Every case and prompt for the first pair; for the draft that reads states, the model, alone and by turns with others;
        // for the rest, and other kernels, the drafters as users get them.
        let cases = match i {
            0 => cases(),
            3 => drafters().into_iter().filter(|case| case.name == "model").chain(by_turns()).collect(),
            _ => drafters(),
        };
        let prompts = if i == 0 { &all } else { &few };
        let variant = variants[i % variants.len()].parse().unwrap();
        assert_lossless(pair, &cases, prompts, |pair| engine(&device, pair, variant));
    }
}

#[test]
fn a_kernel_that_rounds_in_batches_is_found_out() {
    let device = open(DeviceOptions { break_batch_invariance: true, ..DeviceOptions::default() });
    let (differences, _) =
        differences(&pairs()[0], &drafters(), &prompts(VOCAB), |pair| engine(&device, pair, Variant::ALL[0]));
    for name in ["ngram", "model"] {
        assert!(differences.iter().any(|d| d.contains(name)), "{name}: {differences:#?}");
    }
}
