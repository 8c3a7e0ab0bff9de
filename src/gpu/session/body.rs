//! Embedding and layers of a pass, as the model's plan says.

use super::runner::{Pass, Runner};
use super::shared::{Hidden, Shared};
use crate::gpu::cache::CacheLayout;
use crate::gpu::choice;
use crate::gpu::model::{Layer, Projection};
use crate::gpu::ops::{self, Epilogue, Kept, Matvec, Positions, Sums, padded};
use crate::gpu::plan::{Plan, Step};
use crate::gpu::{Device, Error};
use crate::model::{Attention, Mixer, Mlp};

impl Runner {
    /// Embedding and layers. On a wide machine a layer is 5 dispatches: heads of q, k and v; attention over chunks; what their sums
    /// come to and the output projection; the MLP's two. Elsewhere chunks are merged where they are read, and the heads are turned
    /// by themselves: 6. The latter also where heads are normed; and each norm of what a layer adds is one more.
    pub(super) fn body(
        &self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        positions: Positions<'_>,
    ) -> Result<Plan, Error> {
        let body = Body { device, runner: self, rows: pass.rows(), positions };
        let mut steps = body.embed(shared)?;
        for (index, (layer, cache)) in self.model.layers.iter().zip(&self.caches).enumerate() {
            let Mixer::Attention(attention) = &layer.plan.mixer;
            steps.extend(body.attention(layer, attention, cache)?);
            let kept = shared.hidden.as_ref().and_then(|hidden| self.kept(pass, index, hidden));
            steps.extend(body.mlp(layer, kept)?);
        }
        Ok(Plan { steps })
    }

    /// What a pass keeps behind a layer of the states that a draft reads, and of which rows: the target's where it is tapped, of all
    /// rows; all taps behind the draft's last layer, of its newest row, where it may go on.
    fn kept<'a>(&self, pass: Pass, layer: usize, hidden: &'a Hidden) -> Option<Kept<'a>> {
        let reads = self.model.fuse.is_some();
        let taps = hidden.taps.layers().len();
        let (rows, to) = match pass {
            Pass::Fill { .. } | Pass::Verify { .. } if !reads => {
                let tap = hidden.taps.position(layer)?;
                (pass.rows(), [tap, tap + 1])
            }
            Pass::DraftFirst { .. } | Pass::DraftNext if reads && layer + 1 == self.model.layers.len() => {
                (1, [0, taps])
            }
            _ => return None,
        };
        Some(Kept { hidden: &hidden.buffer, rows, taps, to })
    }
}

/// The layers of a pass over `rows` rows.
struct Body<'a> {
    device: &'a Device,
    runner: &'a Runner,
    rows: usize,
    positions: Positions<'a>,
}

/// What a projection reads.
#[derive(Clone, Copy)]
struct Input<'a> {
    x: &'a wgpu::Buffer,
    /// What x is to be merged of first.
    sums: Option<&'a Sums<'a>>,
    /// Of the norm of x.
    gain: Option<&'a wgpu::Buffer>,
}

impl<'a> Input<'a> {
    fn rows(x: &'a wgpu::Buffer) -> Self {
        Self { x, sums: None, gain: None }
    }

    fn normed(x: &'a wgpu::Buffer, gain: &'a wgpu::Buffer) -> Self {
        Self { gain: Some(gain), ..Self::rows(x) }
    }
}

impl Body<'_> {
    fn matvec(
        &self,
        projection: &Projection,
        Input { x, sums, gain }: Input<'_>,
        (y, y_stride): (&wgpu::Buffer, usize),
        epilogue: Epilogue<'_>,
    ) -> Result<Vec<Step>, Error> {
        let (matrix, bias) = (&*projection.matrix, projection.bias.as_ref());
        let &Self { rows, positions, .. } = self;
        let norm = gain.map(|gain| (gain, self.runner.model.config.rms_eps));
        let matvec = Matvec { matrix, rows, x, sums, x_row: 0, norm, y, y_stride, bias, epilogue, positions };
        matvec.steps(self.device)
    }

    /// The rows' embeddings, or what a draft makes of them and of the states before them.
    fn embed(&self, shared: &Shared) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, fusing, .. } = runner;
        let (table, tokens) = (&*model.embedding, &shared.tokens);
        let (Some(fuse), Some(fused), Some(hidden)) = (&model.fuse, fusing, &shared.hidden) else {
            let scale = model.config.plan.embedding_scale;
            return ops::Embed { table, scale, rows, positions, tokens, x }.steps(device);
        };
        let fusing = ops::Fuse {
            rows,
            positions,
            table,
            tokens,
            embedding_gain: &fuse.embedding_gain,
            embedding_width: fuse.embedding_width,
            hidden: &hidden.buffer,
            hidden_gain: &fuse.hidden_gain,
            taps: &fuse.taps,
            y: fused,
            epsilon: model.config.rms_eps,
        };
        let mut steps = fusing.steps(device)?;
        let to = (x, padded(model.config.width));
        steps.extend(self.matvec(&fuse.projection, Input::rows(fused), to, Epilogue::Store)?);
        Ok(steps)
    }

    fn attention(
        &self,
        layer: &Layer,
        attention: &Attention,
        cache: &wgpu::Buffer,
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, qkv, q, partials, attention: out, .. } = runner;
        let layout = CacheLayout::new(attention, runner.kv_cache);
        let rope = &model.config.plan.ropes[attention.rope];
        let heads = ops::Heads { attention, rope, rotation: &model.rotations[attention.rope], cache, layout };
        let input = Input::normed(x, &layer.attention_gain);
        let mut steps = Vec::new();
        if device.wide() && layer.head_gains.is_none() {
            steps.extend(self.matvec(&layer.qkv, input, (q, 0), Epilogue::Heads(heads))?);
        } else {
            let (to, epsilon) = ((qkv, attention.qkv_width()), model.config.rms_eps);
            let gains = layer.head_gains.as_ref();
            steps.extend(self.matvec(&layer.qkv, input, to, Epilogue::Store)?);
            steps.push(ops::Rope { heads, epsilon, rows, positions, qkv, q, gains }.step(device)?);
        }
        let form = choice::attention(device.wide(), rows);
        let attend = ops::Attention { attention, rows, positions, q, out, cache, layout, form, partials };
        let post = layer.attention_post_gain.as_ref();
        if !Matvec::merges(&layer.attention_output.matrix, rows) {
            steps.extend(attend.steps(device)?);
            steps.extend(self.add(&layer.attention_output, Input::rows(out), post, None)?);
            return Ok(steps);
        }
        let (step, sums) = attend.split(device)?;
        steps.push(step);
        let input = Input { sums: sums.as_ref(), ..Input::rows(out) };
        steps.extend(self.add(&layer.attention_output, input, post, None)?);
        Ok(steps)
    }

    fn mlp(&self, layer: &Layer, kept: Option<Kept<'_>>) -> Result<Vec<Step>, Error> {
        let Runner { x, mlp, .. } = self.runner;
        let Mlp::Gated { ff, activation } = layer.plan.mlp;
        let (input, to) = (Input::normed(x, &layer.mlp_gain), (mlp, padded(ff)));
        let mut steps = self.matvec(&layer.gate_up, input, to, Epilogue::Gate(activation))?;
        steps.extend(self.add(&layer.down, Input::rows(mlp), layer.mlp_post_gain.as_ref(), kept)?);
        Ok(steps)
    }

    /// Adds what `projection` makes of `input` to the residual stream, normed where there is a `gain`, and keeps what then stands
    /// there where that is wanted.
    fn add(
        &self,
        projection: &Projection,
        input: Input<'_>,
        gain: Option<&wgpu::Buffer>,
        kept: Option<Kept<'_>>,
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, branch, .. } = runner;
        let (width, epsilon) = (model.config.width, model.config.rms_eps);
        let stride = padded(width);
        let (Some(gain), Some(branch)) = (gain, branch) else {
            return self.matvec(projection, input, (x, stride), Epilogue::Residual(kept));
        };
        let mut steps = self.matvec(projection, input, (branch, stride), Epilogue::Store)?;
        steps.push(ops::Norm { width, rows, positions, branch, gain, epsilon, x }.step(device)?);
        if let Some(to) = kept {
            steps.push(ops::Keep { width, to, positions, x }.step(device)?);
        }
        Ok(steps)
    }
}
