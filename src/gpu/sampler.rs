//! From logits to tokens on the device: argmax, or laws in whole numbers, draws, verification and commit.

use minijinja::context;

use super::ops::Positions;
use super::plan::Step;
use super::words::{self, MAX_ROWS};
use super::{Device, Error};
use crate::round::{self, Rules};
use crate::sampling::{MAX_BIAS, MAX_PENALTY_WINDOW};
use crate::verify;

/// Logits of a slice: what one workgroup reduces.
const SLICE: usize = 4096;
/// Most tokens of history that a dispatch of `adjust.wgsl` looks at.
const MAX_WINDOW: usize = MAX_PENALTY_WINDOW as usize;

/// Slices of a row of `vocab` logits.
pub(super) fn slices(vocab: usize) -> usize {
    vocab.div_ceil(SLICE)
}

/// Which kernels a generation needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Mode {
    /// Biases or penalties change the logits.
    pub adjusts: bool,
    /// The draft looks at its own confidence.
    pub confident: bool,
    /// The option of `lenient.wgsl`, where more is accepted than the target's law allows.
    pub lenience: Option<&'static str>,
    /// Log-probabilities are wanted.
    pub logprobs: bool,
    /// `None` is greedy.
    pub law: Option<Law>,
}

/// How a law is made and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Law {
    pub truncates: bool,
    /// The file of the verifier's rule.
    pub verifier: &'static str,
}

impl Mode {
    /// Whether a draft's token is its greatest logit, whatever that is.
    pub(super) fn picks(self) -> bool {
        self.law.is_none() && !self.adjusts && !self.confident
    }

    /// What `rules` ask for.
    ///
    /// # Errors
    /// [`round::Error::VerifierKernel`].
    pub(super) fn new(rules: &Rules) -> Result<Self, round::Error> {
        let truncates = rules.sampling.truncates();
        let law = rules.spec().map(|spec| {
            let verifier = spec.kernel.ok_or(round::Error::VerifierKernel { name: spec.name })?;
            Ok::<_, round::Error>(Law { truncates, verifier })
        });
        Ok(Self {
            adjusts: rules.sampling.adjusts(),
            confident: rules.confidence > 0.0,
            lenience: rules.lenience.map(|lenience| lenience.kind.kernel()),
            logprobs: rules.logprobs,
            law: law.transpose()?,
        })
    }

    /// Modes that together have every kernel of every mode.
    pub(super) fn all() -> Vec<Self> {
        let lenient: Vec<&str> = verify::KINDS.iter().map(|kind| kind.kernel()).collect();
        let token_wise = verify::token_wise().kernel;
        let with = |lenience, law| Self { adjusts: true, confident: true, lenience, logprobs: true, law };
        let greedy = [Self::default(), with(None, None), with(lenient.first().copied(), None)];
        let laws = verify::VERIFIERS.iter().filter_map(|spec| spec.kernel).flat_map(|verifier| {
            let kinds = lenient.iter().copied().filter(move |_| Some(verifier) == token_wise).map(Some);
            let law = |truncates| Some(Law { truncates, verifier });
            let plain = [with(None, law(false)), with(None, law(true))];
            plain.into_iter().chain(kinds.map(move |kind| with(kind, law(true))))
        });
        greedy.into_iter().chain(laws).collect()
    }
}

/// Rows of whole probabilities and what they are made with.
pub(super) struct Laws {
    masses: wgpu::Buffer,
    sums: wgpu::Buffer,
    cuts: wgpu::Buffer,
    floors: wgpu::Buffer,
    /// `[MAX_ROWS, vocab]`
    pub rows: wgpu::Buffer,
}

impl Laws {
    pub(super) fn new(device: &Device, vocab: usize) -> Result<Self, Error> {
        let slices = slices(vocab) * MAX_ROWS;
        let buffer = |what, words: usize| device.storage(what, words as u64);
        Ok(Self {
            masses: buffer("masses", 2 * slices)?,
            sums: buffer("sums", 4 * slices)?,
            cuts: buffer("cuts", 2 * MAX_ROWS)?,
            floors: buffer("floors", slices)?,
            rows: buffer("a law's rows", vocab * MAX_ROWS)?,
        })
    }

    pub(super) fn buffers(&self) -> [&wgpu::Buffer; 5] {
        let Self { masses, sums, cuts, floors, rows } = self;
        [masses, sums, cuts, floors, rows]
    }
}

/// As the buffers of a session (`session/runner.rs`).
impl Drop for Laws {
    fn drop(&mut self) {
        self.buffers().into_iter().for_each(wgpu::Buffer::destroy);
    }
}

/// Words of the sums of `residual.wgsl` for a vocabulary.
pub(super) fn residual_words(vocab: usize) -> usize {
    4 * slices(vocab) * MAX_ROWS
}

/// What a verified proposal is verified against, and where the result goes.
pub(super) struct Commit<'a> {
    /// The draft's laws and their width; `None` without a draft model.
    pub draft_rows: Option<(&'a wgpu::Buffer, usize)>,
    /// Sums of `residual.wgsl`.
    pub residuals: &'a wgpu::Buffer,
    /// [`words::Result`]
    pub result: &'a wgpu::Buffer,
}

/// What follows the head in a pass.
pub(super) struct Tail<'a> {
    pub device: &'a Device,
    pub vocab: usize,
    /// Rows with logits, the first of the pass.
    pub rows: usize,
    pub positions: Positions<'a>,
    pub logits: &'a wgpu::Buffer,
    pub best: &'a wgpu::Buffer,
    pub tokens: &'a wgpu::Buffer,
    pub sampling: &'a wgpu::Buffer,
    pub laws: Option<&'a Laws>,
    /// Whether the tokens are a draft's.
    pub drafts: bool,
}

impl Tail<'_> {
    fn step(
        &self,
        kernel: &'static str,
        options: minijinja::Value,
        buffers: &[(u32, &wgpu::Buffer)],
        workgroups: [usize; 2],
    ) -> Result<Step, Error> {
        let lengths = context! { slice => SLICE, max_window => MAX_WINDOW, ..words::lengths() };
        let context = context! { ..options, ..lengths };
        Step::new(self.device, kernel, &context, buffers, workgroups)
    }

    fn laws(&self) -> Result<&Laws, Error> {
        self.laws.ok_or_else(|| Error::Device("a law without its buffers".into()))
    }

    fn shape(&self) -> wgpu::Buffer {
        self.device.uniform(&[self.vocab as u32, slices(self.vocab) as u32])
    }

    /// Everything from the logits to the draft's token, or to the commit.
    pub(super) fn steps(&self, mode: Mode, commit: &Commit<'_>) -> Result<Vec<Step>, Error> {
        let mut steps = self.law(mode)?;
        match (self.drafts, mode.law) {
            (true, None) => steps.push(self.select(mode)?),
            (true, Some(_)) => steps.push(self.draw()?),
            (false, None) => steps.push(self.accept(mode, commit.result)?),
            (false, Some(law)) => steps.extend(self.verify(mode, law, commit)?),
        }
        if mode.logprobs && !self.drafts {
            steps.push(self.logprob(commit.result)?);
        }
        Ok(steps)
    }

    /// Adjusts the logits, then finds the greatest of each row, or its law.
    fn law(&self, mode: Mode) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        if mode.adjusts {
            steps.push(self.adjust()?);
        }
        let Some(law) = mode.law else {
            let masses = if self.drafts { mode.confident } else { mode.logprobs };
            if masses {
                steps.push(self.softmax()?);
            }
            steps.push(self.argmax()?);
            return Ok(steps);
        };
        steps.extend([self.softmax()?, self.integers()?]);
        if law.truncates {
            steps.push(self.truncate()?);
        }
        steps.push(self.renormalise(law.truncates)?);
        Ok(steps)
    }

    fn adjust(&self) -> Result<Step, Error> {
        let shape = self.device.uniform(&[self.vocab as u32]);
        let buffers = [
            (0, &shape),
            (1, self.logits),
            (2, self.tokens),
            (3, self.sampling),
            (7, self.positions.state),
            (8, self.positions.pass),
        ];
        let groups = (MAX_WINDOW + MAX_BIAS).div_ceil(64);
        self.step("adjust.wgsl", context! {}, &buffers, [groups, self.rows])
    }

    fn argmax(&self) -> Result<Step, Error> {
        let shape = self.shape();
        let Positions { state, pass } = self.positions;
        let buffers = [(0, &shape), (1, self.logits), (2, self.best), (7, state), (8, pass)];
        let step = self.step("argmax.wgsl", context! {}, &buffers, [slices(self.vocab), self.rows])?;
        Ok(step.costing("argmax", (self.vocab * self.rows * 4) as u64, 0))
    }

    /// `shape`, `buffers`, state and pass.
    fn row_step(
        &self,
        kernel: &'static str,
        options: minijinja::Value,
        buffers: &[(u32, &wgpu::Buffer)],
        workgroups: usize,
    ) -> Result<Step, Error> {
        let shape = self.shape();
        let mut all = vec![(0, &shape), (7, self.positions.state), (8, self.positions.pass)];
        all.extend(buffers);
        self.step(kernel, options, &all, [workgroups, self.rows])
    }

    fn softmax(&self) -> Result<Step, Error> {
        let buffers = [(1, self.logits), (2, &self.laws()?.masses), (3, self.sampling)];
        self.row_step("softmax.wgsl", context! {}, &buffers, slices(self.vocab))
    }

    fn integers(&self) -> Result<Step, Error> {
        let laws = self.laws()?;
        let buffers =
            [(1, self.logits), (2, &laws.masses), (3, self.sampling), (4, &laws.rows), (5, &laws.sums)];
        self.row_step("integers.wgsl", context! {}, &buffers, slices(self.vocab))
    }

    fn truncate(&self) -> Result<Step, Error> {
        let laws = self.laws()?;
        let buffers = [(2, &laws.sums), (3, self.sampling), (4, &laws.rows), (5, &laws.cuts)];
        self.row_step("truncate.wgsl", context! {}, &buffers, 1)
    }

    fn renormalise(&self, truncates: bool) -> Result<Step, Error> {
        let laws = self.laws()?;
        let cut = if truncates { (6, &laws.cuts) } else { (1, &laws.sums) };
        let buffers = [cut, (4, &laws.rows), (5, &laws.floors)];
        self.row_step("renormalise.wgsl", context! { truncates }, &buffers, slices(self.vocab))
    }

    /// Appends the draft's greedy token.
    fn select(&self, mode: Mode) -> Result<Step, Error> {
        let shape = self.shape();
        let mut buffers = vec![(0, &shape), (1, self.best), (2, self.tokens), (7, self.positions.state)];
        if mode.confident {
            buffers.extend([(3, self.sampling), (4, &self.laws()?.masses)]);
        }
        self.step("select.wgsl", context! { confident => mode.confident }, &buffers, [1, 1])
    }

    /// Draws the draft's token.
    fn draw(&self) -> Result<Step, Error> {
        let (shape, laws) = (self.shape(), self.laws()?);
        let buffers = [
            (0, &shape),
            (1, &laws.sums),
            (2, self.tokens),
            (3, self.sampling),
            (4, &laws.rows),
            (5, &laws.floors),
            (7, self.positions.state),
        ];
        self.step("draw.wgsl", context! {}, &buffers, [1, 1])
    }

    /// Verifies greedily and commits.
    fn accept(&self, mode: Mode, result: &wgpu::Buffer) -> Result<Step, Error> {
        let shape = self.shape();
        let lenient = mode.lenience.is_some();
        let mut buffers = vec![
            (0, &shape),
            (1, self.best),
            (2, self.tokens),
            (3, self.sampling),
            (4, result),
            (7, self.positions.state),
        ];
        if lenient {
            buffers.push((5, self.logits));
        }
        self.step("accept.wgsl", context! { lenient }, &buffers, [1, 1])
    }

    /// Says how likely the committed tokens were.
    fn logprob(&self, result: &wgpu::Buffer) -> Result<Step, Error> {
        let shape = self.shape();
        let masses = &self.laws()?.masses;
        let buffers = [(0, &shape), (1, self.logits), (2, masses), (3, self.sampling), (4, result)];
        self.step("logprob.wgsl", context! {}, &buffers, [1, 1])
    }

    /// Verifies by speculative sampling and commits.
    fn verify(&self, mode: Mode, law: Law, commit: &Commit<'_>) -> Result<Vec<Step>, Error> {
        let &Commit { draft_rows, residuals, result } = commit;
        let laws = self.laws()?;
        let settle = [(1, &laws.sums), (4, &laws.rows), (5, &laws.floors)];
        let row_shape = self.shape();
        let mut settling = vec![(0, &row_shape), (7, self.positions.state), (8, self.positions.pass)];
        settling.extend(settle);
        let settle = self.step("settle.wgsl", context! {}, &settling, [1, 1])?;

        let (rows, width) = draft_rows.unwrap_or((&laws.rows, self.vocab));
        let shape = self.device.uniform(&[self.vocab as u32, slices(self.vocab) as u32, width as u32]);
        let common = [
            (0, &shape),
            (1, &laws.rows),
            (2, self.tokens),
            (3, rows),
            (5, residuals),
            (7, self.positions.state),
        ];
        let options =
            |decides: bool| context! { verifier => law.verifier, lenience => mode.lenience, decides };
        let groups = [slices(self.vocab), self.rows];
        let mut summing = common.to_vec();
        if mode.lenience.is_some() {
            summing.push((6, self.sampling));
        }
        let residual = self.step("residual.wgsl", options(false), &summing, groups)?;
        let mut deciding = common.to_vec();
        deciding.extend([(4, result), (6, self.sampling)]);
        Ok(vec![settle, residual, self.step("verify.wgsl", options(true), &deciding, [1, 1])?])
    }
}
