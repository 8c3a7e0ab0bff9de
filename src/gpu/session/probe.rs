//! What tests and benches look at within a sequence: logits, and how long each dispatch takes (the feature `rigs`).

use web_time::Instant;

use super::runner::Pass;
use super::{RESULT_WORDS, Session};
use crate::gpu::Error;
use crate::gpu::ops;
use crate::gpu::plan::Cost;
use crate::gpu::sampler::Mode;

/// How long a dispatch takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Which kernel.
    pub kernel: &'static str,
    /// What it must at least do.
    pub cost: Cost,
    /// Milliseconds, submit and read-back shared by all repeats.
    pub ms: f64,
}

impl Session {
    /// The target's logits of the first `rows` rows of the last round, as bits. No round needs them on the host: this
    /// is for tests, and for benches of what that would cost.
    pub async fn logits(&self, rows: usize) -> Result<Vec<u32>, Error> {
        let words = rows * self.target.model.config.head_vocab;
        self.device.download(&self.target.logits, words).await
    }

    /// The draft's logits over the target's ids, of the last step of the last round that ran it, as bits.
    pub async fn draft_logits(&self) -> Result<Vec<u32>, Error> {
        let Some(draft) = &self.draft else { return Ok(Vec::new()) };
        self.device.download(&draft.logits, draft.model.law_width()).await
    }

    /// Times every dispatch of a verifying pass of the target on `rows` rows, each alone and `repeats` times in a row.
    /// The context must be at least `rows` tokens long; the sequence is of no use afterwards.
    pub async fn profile(&mut self, rows: usize, repeats: usize) -> Result<Vec<Timing>, Error> {
        let pass = Pass::Verify { rows };
        let mode = Mode::default();
        self.target.prepare(&self.device, &self.shared, pass, mode)?;
        let readback = self.device.readback(RESULT_WORDS as u64);
        let mut timings = Vec::new();
        let mut attentions = 0;
        for step in self.target.plans(pass, mode).flat_map(|plan| &plan.steps) {
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                self.write_state(self.length - rows, rows - 1);
                let began = Instant::now();
                let mut encoder = self.device.encoder();
                let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for _ in 0..repeats {
                    step.encode(&self.device, &mut compute);
                }
                drop(compute);
                encoder.copy_buffer_to_buffer(&self.shared.result, 0, &readback, 0, RESULT_WORDS as u64 * 4);
                let index = self.device.submit(encoder);
                self.device.map(&readback, RESULT_WORDS, index).words(&self.device).await?;
                best = best.min(began.elapsed().as_secs_f64() * 1000.0 / repeats as f64);
            }
            let cost = match step.kernel {
                // The one kernel whose work grows with the context.
                "attention.wgsl" => {
                    let layer = &self.target.model.config.plan.layers[attentions];
                    attentions += 1;
                    ops::attention_cost(layer.attention(), rows, self.length)
                }
                _ => step.cost,
            };
            timings.push(Timing { kernel: step.kernel.trim_end_matches(".wgsl"), cost, ms: best });
        }
        Ok(timings)
    }
}
