//! A draft's greedy token.

use minijinja::context;

use crate::gpu::plan::Step;
use crate::gpu::{Device, Error};

/// Invocations, and vec4 of logits that each reads before it looks at them.
const WORKGROUP: usize = 256;
const AT_ONCE: usize = 4;

/// Appends the id of the greatest of `ids` logits, which are of the target's `vocab` ids, or of those that `target_id` names.
pub(in crate::gpu) fn pick(
    device: &Device,
    [ids, vocab]: [usize; 2],
    logits: &wgpu::Buffer,
    target_id: Option<&wgpu::Buffer>,
    tokens: &wgpu::Buffer,
    state: &wgpu::Buffer,
) -> Result<Step, Error> {
    let shape = device.uniform(&[ids as u32, vocab as u32]);
    let context = context! { workgroup => WORKGROUP, at_once => AT_ONCE, some => target_id.is_some() };
    let mut buffers = vec![(0, &shape), (1, logits), (2, tokens), (7, state)];
    buffers.extend(target_id.map(|ids| (3, ids)));
    let step = Step::new(device, "pick.wgsl", &context, &buffers, [1])?;
    Ok(step.costing("pick", (ids * 4) as u64, 0))
}
