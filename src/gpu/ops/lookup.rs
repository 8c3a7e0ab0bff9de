//! The lookup in the text.

use minijinja::context;

use crate::drafters::MAX_MATCH;
use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// Proposes what followed the longest earlier match of the end of `tokens`, of `min_match` at least, as `state` asks.
pub(in crate::gpu) fn lookup(
    device: &Device,
    tokens: &wgpu::Buffer,
    state: &wgpu::Buffer,
    min_match: usize,
) -> Result<Step, Error> {
    let context = context! { min_match, max_match => MAX_MATCH };
    Step::new(device, "lookup.wgsl", &context, &[(2, tokens), (7, state)], [1])
}
