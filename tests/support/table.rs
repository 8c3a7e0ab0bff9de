//! A table model: an engine whose next token is a function of the last two. It checks what its caller promises.

use std::cell::Cell;
use std::rc::Rc;

use paceline::Error;
use paceline::drafters::Lookup;
use paceline::model::family::FAMILIES;
use paceline::model::{Attention, Config, Layer, Plan, Rope, RopeStyle};
use paceline::round::{Counters, Engine, EngineInfo, MemoryUse, Outcome, Proposal, Rules};

use super::slow::wait;

pub const VOCAB: u32 = 13;

/// The target: deterministic, and repetitive enough for lookups.
pub fn next(context: &[u32]) -> u32 {
    let last = context[context.len() - 1];
    let before = context.len().checked_sub(2).map_or(0, |i| context[i]);
    (last * 5 + before * 3 + 1 + (last ^ before) / 3) % VOCAB
}

/// A draft that is right most of the time.
pub fn draft(context: &[u32]) -> u32 {
    let id = next(context);
    if context.len().is_multiple_of(5) { (id + 1) % VOCAB } else { id }
}

/// What plain decoding says after `prompt`.
pub fn expected(prompt: &[u32], tokens: usize) -> Vec<u32> {
    let mut context = prompt.to_vec();
    for _ in 0..tokens {
        context.push(next(&context));
    }
    context.split_off(prompt.len())
}

/// What the engine is told to do wrong, seen from outside while a generator owns it.
#[derive(Default)]
pub struct Faults {
    /// The round that fails, counted from now: 0 is the next.
    pub fail_in: Cell<Option<usize>>,
    /// Rounds wait once before they are computed, and once after they have committed.
    pub wait: Cell<bool>,
}

pub struct TableEngine {
    config: Config,
    capacity: usize,
    has_draft: bool,
    context: Vec<u32>,
    rules: Rules,
    limit: usize,
    submitted: Option<Proposal>,
    pub faults: Rc<Faults>,
    /// Lengths of the chunks appended.
    pub appended: Rc<std::cell::RefCell<Vec<usize>>>,
    rounds: u64,
}

impl TableEngine {
    pub fn new(capacity: usize) -> Self {
        let config = Config {
            family: FAMILIES[0],
            width: 2,
            vocab: VOCAB as usize,
            head_vocab: VOCAB as usize,
            context: capacity,
            rms_eps: 0.0,
            tied: true,
            plan: Plan::uniform(
                1,
                Layer::new(Attention::new(1, 1, 2), 2),
                Rope::new(RopeStyle::Interleaved, 2, 1.0),
            ),
        };
        Self {
            config,
            capacity,
            has_draft: true,
            context: Vec::new(),
            rules: Rules::default(),
            limit: capacity,
            submitted: None,
            faults: Rc::default(),
            appended: Rc::default(),
            rounds: 0,
        }
    }

    pub fn without_draft(mut self) -> Self {
        self.has_draft = false;
        self
    }

    pub fn context(&self) -> &[u32] {
        &self.context
    }
}

impl Engine for TableEngine {
    type Error = Error;
    type Draft = ();

    fn info(&self) -> EngineInfo {
        EngineInfo::default()
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn max_proposal(&self) -> usize {
        12
    }

    fn has_draft(&self) -> bool {
        self.has_draft
    }

    fn counters(&self) -> Counters {
        Counters { submits: self.rounds, dispatches: 3 * self.rounds, ..Counters::default() }
    }

    fn memory(&self) -> MemoryUse {
        MemoryUse::default()
    }

    fn len(&self) -> usize {
        self.context.len()
    }

    fn in_flight(&self) -> usize {
        usize::from(self.submitted.is_some())
    }

    async fn truncate(&mut self, len: usize) -> Result<(), Error> {
        self.submitted = None;
        self.context.truncate(len);
        Ok(())
    }

    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), Error> {
        assert!(self.submitted.is_none());
        self.rules = rules.clone();
        self.limit = limit;
        Ok(())
    }

    async fn replace_draft(&mut self, _draft: ()) -> Result<(), Error> {
        assert!(self.submitted.is_none());
        self.has_draft = true;
        Ok(())
    }

    fn ready(&self, _proposal: &Proposal) -> bool {
        self.submitted.is_none()
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        assert!(self.submitted.replace(proposal).is_none());
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        assert!(!tokens.is_empty() && self.context.len() + tokens.len() <= self.capacity);
        self.appended.borrow_mut().push(tokens.len());
        self.context.extend_from_slice(tokens);
        Ok(())
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        assert!(!self.context.is_empty());
        if self.faults.wait.get() {
            wait().await;
        }
        let proposal = self.submitted.take().expect("a round was submitted");
        let mut proposed = Vec::new();
        match proposal {
            Proposal::Tokens(tree) => {
                assert!(tree.is_chain());
                proposed.extend_from_slice(tree.tokens());
            }
            Proposal::Branches(_) => panic!("it verifies chains"),
            Proposal::Device { lookup, model } => {
                assert!(self.has_draft || model == 0);
                proposed = Lookup::default().find(&self.context, lookup);
                if proposed.is_empty() {
                    let mut context = self.context.clone();
                    for _ in 0..model {
                        context.push(draft(&context));
                    }
                    proposed.extend_from_slice(&context[self.context.len()..]);
                }
            }
        }
        assert!(proposed.len() <= self.max_proposal());
        assert!(self.context.len() + proposed.len() < self.capacity, "no room for the proposal and one more");
        let before = self.context.len();
        let accepted = proposed.iter().take_while(|&&id| {
            let right = next(&self.context) == id;
            if right {
                self.context.push(id);
            }
            right
        });
        let accepted = accepted.count();
        if let Some(n) = self.faults.fail_in.get() {
            self.faults.fail_in.set(n.checked_sub(1));
            if n == 0 {
                return Err(paceline::gpu::Error::Lost("by the test".into()).into());
            }
        }
        self.context.push(next(&self.context));
        let kept = self.rules.kept(before, self.limit, &self.context[before..]);
        self.context.truncate(before + kept);
        if self.faults.wait.get() {
            wait().await;
        }
        self.rounds += 1;
        let tokens = self.context[before..].to_vec();
        let accepted = accepted.min(tokens.len());
        Ok(Outcome { tokens, drafted: proposed.len(), accepted, ..Outcome::default() })
    }
}
