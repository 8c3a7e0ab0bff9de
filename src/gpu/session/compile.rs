//! What a generation can need, made before the first.

use super::runner::Pass;
use super::{CATCH_UP_ROWS, MAX_ROWS, PREFILL_ROWS, Session};
use crate::gpu::Error;
use crate::gpu::sampler::{Laws, Mode};
use crate::round::Engine as _;

impl Session {
    /// Compiles every kernel that a generation can need, of every length of proposals and every way to sample and to verify,
    /// and makes the plans of greedy rounds: without this that is done when it is first needed, which stalls.
    /// `progress(done, total)` counts kernels and returns `false` to stop.
    ///
    /// # Errors
    /// What the device does not compile.
    ///
    /// # Panics
    /// When rounds are in flight.
    pub async fn compile(&mut self, mut progress: impl FnMut(usize, usize) -> bool) -> Result<(), Error> {
        assert_eq!(self.in_flight(), 0, "a generation is under way");
        let passes = self.passes();
        for &(draft, pass) in &passes {
            let runner = if draft { self.draft.as_mut() } else { Some(&mut self.target) };
            if let Some(runner) = runner {
                runner.describe(&self.device, &self.shared, pass, Mode::default())?;
            }
        }
        // Bound by nothing: no round is of a mode before its laws are made.
        let laws = Laws::new(&self.device, 1)?;
        for mode in Mode::all() {
            self.target.describe_sampler(&self.device, &self.shared, (mode, false), &laws)?;
            if let Some(draft) = &self.draft {
                draft.describe_sampler(&self.device, &self.shared, (mode, true), &laws)?;
            }
        }
        self.device.codes.compile(&self.device, &mut progress).await?;
        self.lookup.make(&self.device);
        for (draft, pass) in passes {
            let runner = if draft { self.draft.as_ref() } else { Some(&self.target) };
            let plans = runner.into_iter().flat_map(|runner| runner.plans(pass, Mode::default()));
            plans.for_each(|plan| plan.make(&self.device));
        }
        self.device.check()
    }

    /// All passes that can come, of the target and (`true`) of the draft.
    fn passes(&self) -> Vec<(bool, Pass)> {
        let rows = 1..=MAX_ROWS;
        let mut passes = vec![(false, Pass::Fill { rows: PREFILL_ROWS })];
        passes.extend(rows.clone().map(|rows| (false, Pass::Verify { rows })));
        if self.draft.is_some() {
            passes.extend([(true, Pass::Fill { rows: PREFILL_ROWS }), (true, Pass::DraftNext)]);
            passes.extend(rows.map(|rows| (true, Pass::Fill { rows })));
            passes.extend(CATCH_UP_ROWS.map(|rows| (true, Pass::DraftFirst { rows })));
        }
        passes
    }
}
