//! Where a run's samples come from: folders of shards, read again as they grow, and the draft itself.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::gguf::Format;
use crate::learn::core::{Learner, Pools, Sample};
use crate::learn::run::collect::shards::{self, Shard};
use crate::learn::run::collect::{Collector, Source};
use crate::learn::run::error::Error;
use crate::learn::run::target::Target;
use crate::learn::run::{drafts, files};
use crate::model::Taps;

/// Every so many scripts, one is kept back.
const HELD_OUT_EVERY: usize = 16;
/// Most samples that are kept back: judging them takes time.
const HELD_OUT_MOST: usize = 48;

/// Folders of shards.
#[derive(Debug, Default)]
pub struct Supply {
    folders: Vec<PathBuf>,
    tokenizer: u64,
    known: HashSet<PathBuf>,
    held_out: Vec<Sample>,
    /// The states that samples must carry, if any.
    taps: Option<Taps>,
    /// The target's last layer.
    last: usize,
}

impl Supply {
    /// Samples of `folders`, made for the tokenizer of `target`; with its states that `taps` say, where they are given.
    pub fn new(folders: Vec<PathBuf>, target: &Target, taps: Option<Taps>) -> Self {
        let (tokenizer, last) = (target.tokenizer.fingerprint(), target.model.config().plan.layers.len() - 1);
        Self { folders, tokenizer, taps, last, ..Self::default() }
    }

    /// Samples that are never learnt from.
    pub fn held_out(&self) -> &[Sample] {
        &self.held_out
    }

    /// Reads the shards that are new. Fixed texts go to `pools.fixed` where `fixed`, otherwise all to `pools.target`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Shard`], [`Error::Tokenizer`]; [`crate::learn::core::Error::Shape`] where samples lack what the draft reads.
    pub fn read(&mut self, pools: &mut Pools, fixed: bool) -> Result<(), Error> {
        for folder in self.folders.clone() {
            for path in files::list(&folder, "safetensors")? {
                if self.known.insert(path.clone()) {
                    self.take(&path, if fixed { &mut pools.fixed } else { &mut pools.target })?;
                }
            }
        }
        Ok(())
    }

    /// Whether the samples of `shard` carry the states that `taps` say.
    fn check(&self, path: &Path, shard: &Shard, taps: &Taps) -> Result<(), Error> {
        let (path, width) = (path.display(), taps.width());
        let fits = |sample: &Sample| sample.hidden.len() == sample.tokens.len().saturating_sub(1) * width;
        if !shard.samples.iter().all(|(_, sample)| fits(sample)) {
            return Err(Error::shape(format!("{path} has no hidden states of width {width}: collect them")));
        }
        let last = [self.last];
        let theirs = shard.layers.as_deref().unwrap_or(&last);
        if theirs != taps.layers() {
            let wanted = taps.layers();
            let why = format!("{path} has states of the layers {theirs:?}, not {wanted:?}: collect them");
            return Err(Error::shape(why));
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, pool: &mut Vec<Sample>) -> Result<(), Error> {
        let shard = shards::read(path, self.tokenizer)?;
        if let Some(taps) = &self.taps {
            self.check(path, &shard, taps)?;
        }
        for (script, sample) in shard.samples {
            if sample.rows.is_empty() {
                continue;
            }
            if script.is_multiple_of(HELD_OUT_EVERY) {
                if self.held_out.len() < HELD_OUT_MOST {
                    self.held_out.push(sample);
                }
            } else {
                pool.push(sample);
            }
        }
        Ok(())
    }
}

/// Lets drafts in the making speak, and their target judge what they say.
pub struct Speech<'a> {
    /// The target.
    pub target: &'a Target,
    /// How it runs: without a draft as yet.
    pub collector: Collector<'a>,
    /// What is asked.
    pub source: Source,
    /// Samples of each generation.
    pub samples: usize,
    /// Longest text.
    pub capacity: usize,
}

impl Speech<'_> {
    /// What the draft says as far as it has learnt: other questions after every step.
    ///
    /// # Errors
    /// Those of the engine that the draft is loaded into.
    pub fn of(&self, learner: &Learner) -> Result<Vec<Sample>, Error> {
        let bytes = learner.export(Format::F32, "student", &self.target.metadata)?;
        let (draft, _) = pollster::block_on(drafts::load(&bytes[..], self.target, self.capacity))?;
        let collector = Collector { draft: Some(&draft), ..self.collector.clone() };
        let first = learner.steps().wrapping_mul(self.samples);
        let scripts = (first..first + self.samples).map_while(|i| Some((i, self.source.script(i)?)));
        let mut samples = Vec::new();
        collector.run(scripts, |finished| {
            samples.push((finished.script, finished.sample));
            Ok::<(), Error>(())
        })?;
        // In the scripts' order, so that runs do not depend on which finished first.
        samples.sort_by_key(|(script, _)| *script);
        Ok(samples.into_iter().map(|(_, sample)| sample).collect())
    }
}
