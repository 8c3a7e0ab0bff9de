//! Collecting into a folder of shards, from wherever it stands.

use std::collections::HashSet;
use std::path::Path;

use web_time::Instant;

use super::collector::Collector;
use super::shards::{self, Shard};
use super::source::Source;
use crate::learn::run::error::Error;
use crate::learn::run::files;
use crate::model::Taps;

/// Samples of a shard.
const SHARD: usize = 32;

/// How far a collection is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Collected {
    /// Samples that are there, those of earlier starts included.
    pub samples: usize,
    /// Rows of those that are new.
    pub rows: usize,
    /// Seconds that they took.
    pub seconds: f64,
}

impl Collected {
    /// Rows a second.
    pub fn speed(&self) -> f64 {
        self.rows as f64 / self.seconds.max(1e-9)
    }
}

/// Runs the first `samples` scripts of `source` whose samples are not in `folder` yet, and writes a shard of every 32.
/// `tokenizer` is the target's fingerprint. `progress` hears of every sample.
///
/// # Errors
/// [`Error::Io`]; what can be wrong with the shards that are there, such as states of other layers than the collector's.
pub fn collect(
    collector: &Collector<'_>,
    source: &Source,
    samples: usize,
    folder: &Path,
    tokenizer: u64,
    mut progress: impl FnMut(Collected),
) -> Result<Collected, Error> {
    files::folder(folder)?;
    let mut done = HashSet::new();
    for path in files::list(folder, "safetensors")? {
        let shard = shards::read(&path, tokenizer)?;
        check(collector, &path, &shard)?;
        done.extend(shard.samples.into_iter().map(|(script, _)| script));
    }
    let scripts = (0..samples).filter(|script| !done.contains(script));
    let scripts = scripts.map_while(|script| Some((script, source.script(script)?)));
    let began = Instant::now();
    let mut collected = Collected { samples: done.len(), ..Collected::default() };
    let layers = collector.taps.as_ref().map(|taps| taps.layers().to_vec());
    let mut shard = Shard { layers, samples: Vec::new() };
    let keep = |shard: &mut Shard| -> Result<(), Error> {
        // No other shard has this script, so none has this name, unless somebody renamed one.
        let Some((first, _)) = shard.samples.first() else { return Ok(()) };
        let path = folder.join(format!("{first:08}.safetensors"));
        if path.exists() {
            return Err(Error::Shard { path, why: format!("it is there already, without sample {first}") });
        }
        shards::write(&path, tokenizer, shard)?;
        shard.samples.clear();
        Ok(())
    };
    collector.run(scripts, |finished| {
        collected.samples += 1;
        collected.rows += finished.sample.rows.len();
        collected.seconds = began.elapsed().as_secs_f64();
        progress(collected);
        shard.samples.push((finished.script, finished.sample));
        if shard.samples.len() < SHARD { Ok(()) } else { keep(&mut shard) }
    })?;
    keep(&mut shard)?;
    Ok(collected)
}

/// Whether the samples of `shard` carry the states that the collector's will.
fn check(collector: &Collector<'_>, path: &Path, shard: &Shard) -> Result<(), Error> {
    let ours = collector.taps.as_ref().map(Taps::layers);
    let last = [collector.target.config().plan.layers.len() - 1];
    // Without a line for them they are the last layer's.
    let theirs = shard.has_states().then(|| shard.layers.as_deref().unwrap_or(&last));
    let why = match (theirs, ours) {
        _ if shard.samples.is_empty() || theirs == ours => return Ok(()),
        (Some(theirs), Some(ours)) => format!("its states are of the layers {theirs:?}, not {ours:?}"),
        (None, _) => "it has no hidden states, and further samples would have them".into(),
        (Some(_), None) => "it has hidden states, and further samples would have none".into(),
    };
    Err(Error::Shard { path: path.to_path_buf(), why })
}
