//! The sampler's kernels around a made-up model (`table.wgsl`): rounds that cost next to nothing, with everything that
//! was decided from read back. What tests and the browser's self-test of the sampler run on.

use std::rc::Rc;

use minijinja::context;

use crate::gpu::device::Pending;
use crate::gpu::ops::{self, Positions};
use crate::gpu::plan::{Plan, Step};
use crate::gpu::sampler::{Commit, Laws, Mode, Tail, residual_words, slices};
use crate::gpu::session::MAX_ROWS;
use crate::gpu::words::{self, Kind, State};
use crate::gpu::{Device, Error};
use crate::round::{self, Proposal, Rules};
use crate::sampling::random::Philox;

/// Positions before a sequence begins anew.
const CAPACITY: usize = 512;
/// Range of the logits.
const SPREAD: f32 = 6.0;

/// One model's share of a rig.
struct Side {
    logits: wgpu::Buffer,
    best: wgpu::Buffer,
    laws: Laws,
}

impl Side {
    fn new(device: &Device, vocab: usize) -> Result<Self, Error> {
        Ok(Self {
            logits: device.storage("logits", (vocab * MAX_ROWS) as u64)?,
            best: device.storage("best", (slices(vocab) * 2 * MAX_ROWS) as u64)?,
            laws: Laws::new(device, vocab)?,
        })
    }
}

/// What a round was decided from, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The context, without the proposal.
    pub context: Vec<u32>,
    /// The proposed tokens.
    pub proposal: Vec<u32>,
    /// The target's rows, one more than there are proposed tokens, each of `vocab` whole probabilities.
    pub target: Vec<u32>,
    /// The draft's rows; none of a proposal that came from the host.
    pub draft: Vec<u32>,
    /// The round's number in the random counters.
    pub epoch: u32,
    /// Proposed tokens among the committed.
    pub accepted: usize,
    /// What was committed.
    pub tokens: Vec<u32>,
    /// `sum min(p, q)` of each tested row.
    pub overlaps: Vec<u32>,
    /// How much they are more than without lenience.
    pub excess: Vec<u32>,
}

/// A sequence of a made-up model.
pub struct Rig {
    device: Rc<Device>,
    vocab: usize,
    gamma: usize,
    seed: u64,
    target: Side,
    draft: Side,
    pub(in crate::gpu) tokens: wgpu::Buffer,
    pub(in crate::gpu) state: wgpu::Buffer,
    result: wgpu::Buffer,
    readback: wgpu::Buffer,
    /// The lookup, also of single tokens.
    looking: Plan,
    /// One step of the draft.
    pub(in crate::gpu) drafting: Plan,
    /// Verification of `gamma` proposals.
    pub(in crate::gpu) verifying: Plan,
    context: Vec<u32>,
    epoch: u32,
}

impl Rig {
    /// A rig for rounds of `gamma` proposals over `vocab` tokens.
    /// `likeness` is how much of the draft's logits are the target's: 0 is nothing, 1 is everything.
    pub fn new(
        device: &Rc<Device>,
        vocab: usize,
        gamma: usize,
        likeness: f32,
        rules: &Rules,
    ) -> Result<Self, Error> {
        let (target, draft) = (Side::new(device, vocab)?, Side::new(device, vocab)?);
        let tokens = device.storage("tokens", (CAPACITY + 2 * MAX_ROWS) as u64)?;
        let state = device.storage("state", words::count::<State>() as u64)?;
        let sampling = device.storage_with("sampling", words::of(&words::Sampling::new(rules)))?;
        let result = device.storage("result", words::count::<words::Result>() as u64)?;
        let residuals = device.storage("residuals", residual_words(vocab) as u64)?;
        let mode = Mode::new(rules)?;
        let plan = |side: &Side, rows: usize, drafts: bool| -> Result<Plan, Error> {
            let kind = if drafts { Kind::Draft } else { Kind::Verify };
            let pass = words::Pass { kind: kind as u32, capacity: CAPACITY as u32 };
            let pass = device.uniform(words::of(&pass));
            let positions = Positions { state: &state, pass: &pass };
            let tail = Tail {
                device,
                vocab,
                rows,
                positions,
                logits: &side.logits,
                best: &side.best,
                tokens: &tokens,
                sampling: &sampling,
                laws: Some(&side.laws),
                drafts,
            };
            let shape = device.uniform(&[vocab as u32, SPREAD.to_bits(), likeness.to_bits()]);
            let buffers = [(0, &shape), (1, &side.logits), (2, &tokens), (7, &state), (8, &pass)];
            let table =
                Step::new(device, "rigs/table.wgsl", &context! {}, &buffers, [vocab.div_ceil(64), rows])?;
            let mut plan = Plan { steps: vec![table] };
            let draft_rows = Some((&draft.laws.rows, vocab));
            let commit = Commit { draft_rows, residuals: &residuals, result: &result };
            plan.steps.extend(tail.steps(mode, &commit)?);
            Ok(plan)
        };
        let (drafting, verifying) = (plan(&draft, 1, true)?, plan(&target, gamma + 1, false)?);
        let words = (2 * gamma + 1) * vocab + words::count::<words::Result>() + gamma;
        Ok(Self {
            readback: device.readback(words as u64),
            looking: Plan { steps: vec![ops::lookup(device, &tokens, &state, 1)?] },
            device: Rc::clone(device),
            vocab,
            gamma,
            seed: rules.sampling.seed,
            drafting,
            verifying,
            target,
            draft,
            tokens,
            state,
            result,
            context: vec![0, 1],
            epoch: 0,
        })
    }

    /// The state of this sequence.
    fn state_now(&self, [lookup, model]: [usize; 2]) -> State {
        let last = self.context.len() as u32 - 1;
        State {
            length: last,
            cursor: last,
            drafted: model as u32,
            point_mass: 0,
            lookup: lookup as u32,
            model: model as u32,
            limit: CAPACITY as u32,
            epoch: self.epoch,
            seed: [self.seed as u32, (self.seed >> 32) as u32],
            halted: [0; 2],
            read: last,
            own: 1,
        }
    }

    /// A round, and everything about it.
    pub async fn round(&mut self, proposal: &Proposal) -> Result<Decided, Error> {
        if self.context.len() + MAX_ROWS >= CAPACITY {
            self.context.truncate(2);
        }
        let (device, length) = (Rc::clone(&self.device), self.context.len());
        let most = proposal.len().min(self.gamma);
        let (found, [lookup, steps]) = match proposal {
            Proposal::Tokens(tree) => (&tree.tokens()[..most], [0; 2]),
            Proposal::Device { lookup, model } => (&[][..], [*lookup, *model].map(|n| n.min(self.gamma))),
            Proposal::Branches(_) => return Err(round::Error::ProposalTree.into()),
        };
        device.write(&self.tokens, 0, &self.context);
        if !found.is_empty() {
            device.write(&self.tokens, length as u64, found);
        }
        let mut state = self.state_now([lookup, steps]);
        if !found.is_empty() {
            (state.drafted, state.point_mass) = (most as u32, 1);
        }
        device.write(&self.state, 0, words::of(&state));
        let mut encoder = device.encoder();
        let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        if lookup > 0 {
            self.looking.encode(&device, &mut compute);
        }
        (0..steps).for_each(|_| self.drafting.encode(&device, &mut compute));
        drop(compute);
        let mut at = 0;
        let mut copy = |encoder: &mut wgpu::CommandEncoder,
                        from: &wgpu::Buffer,
                        first: usize,
                        words: usize| {
            if words > 0 {
                encoder.copy_buffer_to_buffer(from, first as u64 * 4, &self.readback, at, words as u64 * 4);
            }
            at += words as u64 * 4;
        };
        // The commit overwrites the proposal, so that is copied before.
        copy(&mut encoder, &self.tokens, length, most);
        let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.verifying.encode(&device, &mut compute);
        drop(compute);
        copy(&mut encoder, &self.result, 0, words::count::<words::Result>());
        copy(&mut encoder, &self.target.laws.rows, 0, (most + 1) * self.vocab);
        copy(&mut encoder, &self.draft.laws.rows, 0, steps * self.vocab);
        let index = device.submit(encoder);
        let mut pending: Pending = device.map(&self.readback, at as usize / 4, index);
        let words = pending.words(&device).await?;

        let (proposal, rest) = words.split_at(most);
        let (result, rest) = rest.split_at(words::count::<words::Result>());
        let (target, draft) = rest.split_at((most + 1) * self.vocab);
        let result: words::Result = words::read(result);
        let drafted = result.drafted as usize;
        let draws = if result.point_mass == 1 { 0 } else { drafted };
        let (accepted, committed) = (result.accepted as usize, (result.committed as usize).min(MAX_ROWS));
        let tokens = result.tokens[..committed].to_vec();
        let tested = drafted.min(accepted + 1);
        let decided = Decided {
            context: self.context.clone(),
            proposal: proposal[..drafted].to_vec(),
            target: target[..(drafted + 1) * self.vocab].to_vec(),
            draft: draft[..draws * self.vocab].to_vec(),
            epoch: self.epoch,
            accepted,
            overlaps: result.overlaps[..tested].to_vec(),
            excess: result.excess[..tested].to_vec(),
            tokens: tokens.clone(),
        };
        self.context.extend(tokens);
        self.epoch += 1;
        Ok(decided)
    }

    /// `count` texts of `length` tokens behind the prompt `[0, 1]`, each with a seed of its own. Everything stays on the
    /// device until the end. `lookup`: whether what is found in the text is proposed before the draft is asked. `frozen` takes
    /// the round's number out of the random counters: a sampler that is wrong.
    pub async fn texts(
        &mut self,
        count: usize,
        length: usize,
        lookup: bool,
        frozen: bool,
    ) -> Result<Vec<Vec<u32>>, Error> {
        /// Rounds of one command buffer.
        const BATCH: usize = 128;
        let device = Rc::clone(&self.device);
        let texts = device.storage("texts", (1 + count * length) as u64)?;
        let shape = device.uniform(&[length as u32, self.gamma as u32, u32::from(frozen), count as u32]);
        let buffers = [(0, &shape), (2, &self.tokens), (3, &texts), (7, &self.state)];
        let record =
            Plan { steps: vec![Step::new(&device, "rigs/record.wgsl", &context! {}, &buffers, [1, 1])?] };
        self.context.truncate(2);
        device.write(&self.tokens, 0, &self.context);
        let limit = (self.context.len() + length) as u32;
        let asked = if lookup { self.gamma } else { 0 };
        let state = State { limit, ..self.state_now([asked, self.gamma]) };
        device.write(&self.state, 0, words::of(&state));
        while device.download(&texts, 1).await?[0] < count as u32 {
            let mut encoder = device.encoder();
            let mut compute = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for _ in 0..BATCH {
                if lookup {
                    self.looking.encode(&device, &mut compute);
                }
                (0..self.gamma).for_each(|_| self.drafting.encode(&device, &mut compute));
                self.verifying.encode(&device, &mut compute);
                record.encode(&device, &mut compute);
            }
            drop(compute);
            device.submit(encoder);
        }
        let words = device.download(&texts, 1 + count * length).await?;
        Ok(words[1..].chunks(length).map(<[u32]>::to_vec).collect())
    }

    /// The target's logits behind `context`, at least one token, as `table.wgsl` has them.
    pub fn target_logits(vocab: usize, context: &[u32]) -> Vec<f32> {
        let last = context.len() - 1;
        let key = Philox::new(17);
        let noise = |id| {
            let word = key.block([context[last], context[last.max(1) - 1], id, 0])[0];
            ((word >> 8) as f32 / (1 << 24) as f32 - 0.5) * SPREAD
        };
        (0..vocab as u32).map(noise).collect()
    }
}
