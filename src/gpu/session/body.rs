//! Embedding and layers of a pass, as the model's plan says.

use std::ops::Range;

use super::runner::{Hidden, Pass, Runner, Shared};
use crate::gpu::model::{Layer, Projection};
use crate::gpu::ops::{self, Epilogue, Matvec, Positions, padded};
use crate::gpu::plan::{Plan, Step};
use crate::gpu::{Device, Error};
use crate::model::{Attention, Mixer, Mlp};

impl Runner {
    /// Embedding and layers: 6 dispatches a layer, and one for each norm of what it adds.
    pub(super) fn body(
        &self,
        device: &Device,
        shared: &Shared,
        pass: Pass,
        positions: Positions<'_>,
    ) -> Result<Plan, Error> {
        let model = &*self.model;
        let rows = pass.rows();
        let body = Body { device, runner: self, rows, positions };
        let embed = |x, scale| {
            let (table, tokens) = (&*model.embedding, &shared.tokens);
            ops::Embed { table, scale, rows, positions, tokens, x }.steps(device)
        };
        let mut steps = Vec::new();
        match (&model.fuse, &self.fusing, &shared.hidden) {
            (Some(fuse), Some([embedded, fused]), Some(hidden)) => {
                steps.extend(embed(embedded, 1.0)?);
                let fusing = ops::Fuse {
                    rows,
                    positions,
                    embedded,
                    embedding_gain: &fuse.embedding_gain,
                    embedding_width: fuse.embedding_width,
                    hidden: &hidden.buffer,
                    hidden_gain: &fuse.hidden_gain,
                    taps: &fuse.taps,
                    y: fused,
                    epsilon: model.config.rms_eps,
                };
                steps.push(fusing.step(device)?);
                let width = padded(model.config.width);
                steps.extend(body.matvec(
                    &fuse.projection,
                    fused,
                    None,
                    (&self.x, width),
                    Epilogue::Store,
                )?);
            }
            _ => steps.extend(embed(&self.x, model.config.plan.embedding_scale)?),
        }
        for (index, (layer, caches)) in model.layers.iter().zip(&self.caches).enumerate() {
            let Mixer::Attention(attention) = &layer.plan.mixer;
            steps.extend(body.attention(layer, attention, caches)?);
            steps.extend(body.mlp(layer)?);
            if let Some(hidden) = &shared.hidden
                && let Some((taps, rows)) = self.kept(pass, index, hidden)
            {
                steps.push(body.keep(hidden, taps, rows)?);
            }
        }
        Ok(Plan { steps })
    }

    /// Which taps of the states that a draft reads a pass keeps behind a layer, and of which rows: those of the target where it
    /// is tapped, of all rows; all of them behind the draft's last layer, of its newest row, where it may go on.
    fn kept(&self, pass: Pass, layer: usize, hidden: &Hidden) -> Option<(Range<usize>, Range<usize>)> {
        let (reads, rows) = (self.model.fuse.is_some(), pass.rows());
        match pass {
            Pass::Fill { .. } | Pass::Verify { .. } if !reads => {
                let tap = hidden.taps.position(layer)?;
                Some((tap..tap + 1, 0..rows))
            }
            Pass::DraftFirst { .. } | Pass::DraftNext if reads && layer + 1 == self.model.layers.len() => {
                Some((0..hidden.taps.layers().len(), 0..1))
            }
            _ => None,
        }
    }
}

/// The layers of a pass over `rows` rows.
struct Body<'a> {
    device: &'a Device,
    runner: &'a Runner,
    rows: usize,
    positions: Positions<'a>,
}

impl Body<'_> {
    fn matvec(
        &self,
        projection: &Projection,
        x: &wgpu::Buffer,
        gain: Option<&wgpu::Buffer>,
        (y, y_stride): (&wgpu::Buffer, usize),
        epilogue: Epilogue,
    ) -> Result<Vec<Step>, Error> {
        let (matrix, bias) = (&*projection.matrix, projection.bias.as_ref());
        let &Self { rows, positions, .. } = self;
        let norm = gain.map(|gain| (gain, self.runner.model.config.rms_eps));
        Matvec { matrix, rows, x, x_row: 0, norm, y, y_stride, bias, epilogue, positions }.steps(self.device)
    }

    fn attention(
        &self,
        layer: &Layer,
        attention: &Attention,
        [keys, values]: &[wgpu::Buffer; 2],
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, qkv, q, attention: context, .. } = runner;
        let to = (qkv, attention.qkv_width());
        let mut steps = self.matvec(&layer.qkv, x, Some(&layer.attention_gain), to, Epilogue::Store)?;
        let rope = ops::Rope {
            attention,
            rope: &model.config.plan.ropes[attention.rope],
            epsilon: model.config.rms_eps,
            rows,
            positions,
            qkv,
            q,
            keys,
            values,
            rotation: &model.rotations[attention.rope],
            gains: layer.head_gains.as_ref(),
        };
        steps.push(rope.step(device)?);
        steps
            .push(ops::Attention { attention, rows, positions, q, out: context, keys, values }.step(device)?);
        steps.extend(self.add(&layer.attention_output, context, layer.attention_post_gain.as_ref())?);
        Ok(steps)
    }

    /// Keeps what stands in the residual stream of some rows as some taps of their states.
    fn keep(&self, hidden: &Hidden, to: Range<usize>, rows: Range<usize>) -> Result<Step, Error> {
        let Hidden { buffer, taps } = hidden;
        let (width, taps) = (taps.layer_width(), taps.layers().len());
        let (first_row, rows) = (rows.start, rows.len());
        let (positions, x) = (self.positions, &self.runner.x);
        ops::Keep { width, rows, first_row, taps, to, positions, x, hidden: buffer }.step(self.device)
    }

    fn mlp(&self, layer: &Layer) -> Result<Vec<Step>, Error> {
        let Runner { x, mlp, .. } = self.runner;
        let Mlp::Gated { ff, activation } = layer.plan.mlp;
        let to = (mlp, padded(ff));
        let mut steps =
            self.matvec(&layer.gate_up, x, Some(&layer.mlp_gain), to, Epilogue::Gate(activation))?;
        steps.extend(self.add(&layer.down, mlp, layer.mlp_post_gain.as_ref())?);
        Ok(steps)
    }

    /// Adds what `projection` makes of `input` to the residual stream, normed where there is a `gain`.
    fn add(
        &self,
        projection: &Projection,
        input: &wgpu::Buffer,
        gain: Option<&wgpu::Buffer>,
    ) -> Result<Vec<Step>, Error> {
        let &Self { device, runner, rows, positions } = self;
        let Runner { model, x, branch, .. } = runner;
        let (width, epsilon) = (model.config.width, model.config.rms_eps);
        let stride = padded(width);
        let (Some(gain), Some(branch)) = (gain, branch) else {
            return self.matvec(projection, input, None, (x, stride), Epilogue::Residual);
        };
        let mut steps = self.matvec(projection, input, None, (branch, stride), Epilogue::Store)?;
        steps.push(ops::Norm { width, rows, positions, branch, gain, epsilon, x }.step(device)?);
        Ok(steps)
    }
}
