//! From the ids of a draft to those of its target.

use minijinja::context;

use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// `logits[m, v] = said[m, draft_id[v]]` for `rows` rows.
pub(in crate::gpu) fn spread(
    device: &Device,
    rows: usize,
    [draft_ids, vocab]: [usize; 2],
    said: &wgpu::Buffer,
    logits: &wgpu::Buffer,
    draft_id: &wgpu::Buffer,
) -> Result<Step, Error> {
    let shape = device.uniform(&[vocab as u32, draft_ids as u32]);
    let buffers = [(0, &shape), (1, said), (2, logits), (3, draft_id)];
    let step = Step::new(device, "spread.wgsl", &context! {}, &buffers, [vocab.div_ceil(64), rows])?;
    Ok(step.costing("spread", (rows * vocab * 8) as u64, 0))
}
