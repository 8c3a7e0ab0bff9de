//! Samples on disk: a folder of safetensors files, each whole or not there.
//!
//! Tensors of a shard, where `S` is samples, `T` tokens of all of them, `R` rows, `H` hidden states (`T - S`, or none):
//! `script` U32 `[S]`, `temperature` F32 `[S]`, `lengths` U32 `[S]`, `tokens` U32 `[T]`, `rows` U32 `[S]` (rows of each
//! sample), `positions` U32 `[R]`, `ids` U32 `[R, top]`, `p` F16 `[R, top]`, `tail` F32 `[R]`, `hidden` F16 `[H, width]`.
//! Metadata: `tokenizer`, the target's tokenizer fingerprint; `taps`, where there are states, the target's layers (from 0,
//! ascending, such as `2,14,29`) that they are of. Without it they are of the last.

use std::collections::HashMap;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::learn::core::{Rows, Sample};
use crate::learn::run::error::Error;
use crate::learn::run::files;

/// What a shard holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shard {
    /// The target's layers whose states the samples carry; `None`: they carry none, or those of the last.
    pub layers: Option<Vec<usize>>,
    /// Each sample with the number of its script.
    pub samples: Vec<(usize, Sample)>,
}

impl Shard {
    /// Whether its samples carry hidden states.
    pub fn has_states(&self) -> bool {
        self.samples.iter().any(|(_, sample)| !sample.hidden.is_empty())
    }
}

const TOKENIZER: &str = "tokenizer";
const TAPS: &str = "taps";

/// Writes a shard. `tokenizer` is the target's fingerprint.
///
/// # Errors
/// [`Error::Io`], and [`Error::Shard`] where the samples' shapes differ.
pub fn write(path: &Path, tokenizer: u64, shard: &Shard) -> Result<(), Error> {
    let Shard { layers, samples } = shard;
    let count = |n: usize| n as u32;
    let all = || samples.iter().map(|(_, sample)| sample);
    let numbers =
        |values: &mut dyn Iterator<Item = u32>| -> Vec<u8> { values.flat_map(u32::to_le_bytes).collect() };
    let floats =
        |values: &mut dyn Iterator<Item = f32>| -> Vec<u8> { values.flat_map(f32::to_le_bytes).collect() };
    let halves =
        |values: &mut dyn Iterator<Item = f16>| -> Vec<u8> { values.flat_map(f16::to_le_bytes).collect() };

    let rows: usize = all().map(|s| s.rows.len()).sum();
    let top = all().map(|s| s.rows.top()).max().unwrap_or(0);
    let states: usize = all().filter(|s| !s.hidden.is_empty()).map(|s| s.tokens.len() - 1).sum();
    let width = all().map(|s| s.hidden.len()).sum::<usize>().checked_div(states).unwrap_or(0);
    let tensors = [
        ("script", Dtype::U32, vec![samples.len()], numbers(&mut samples.iter().map(|(i, _)| count(*i)))),
        ("temperature", Dtype::F32, vec![samples.len()], floats(&mut all().map(|s| s.temperature))),
        ("lengths", Dtype::U32, vec![samples.len()], numbers(&mut all().map(|s| count(s.tokens.len())))),
        (
            "tokens",
            Dtype::U32,
            vec![all().map(|s| s.tokens.len()).sum()],
            numbers(&mut all().flat_map(|s| s.tokens.iter().copied())),
        ),
        ("rows", Dtype::U32, vec![samples.len()], numbers(&mut all().map(|s| count(s.rows.len())))),
        (
            "positions",
            Dtype::U32,
            vec![rows],
            numbers(&mut all().flat_map(|s| s.rows.positions.iter().copied())),
        ),
        ("ids", Dtype::U32, vec![rows, top], numbers(&mut all().flat_map(|s| s.rows.ids.iter().copied()))),
        ("p", Dtype::F16, vec![rows, top], halves(&mut all().flat_map(|s| s.rows.p.iter().copied()))),
        ("tail", Dtype::F32, vec![rows], floats(&mut all().flat_map(|s| s.rows.tail.iter().copied()))),
        (
            "hidden",
            Dtype::F16,
            vec![states, width],
            halves(&mut all().flat_map(|s| s.hidden.iter().copied())),
        ),
    ];
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        view.map(|view| (*name, view)).map_err(|e| bad(path, e))
    });
    let views = views.collect::<Result<Vec<_>, Error>>()?;
    let mut metadata = HashMap::from([(TOKENIZER.to_string(), format!("{tokenizer:016x}"))]);
    if let Some(layers) = layers {
        let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
        metadata.insert(TAPS.to_string(), layers.join(","));
    }
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| bad(path, e))?;
    files::write(path, &bytes)
}

/// Reads a shard that was made for the tokenizer with the fingerprint `tokenizer`.
///
/// # Errors
/// [`Error::Io`]; [`Error::Tokenizer`] where it was made for another; [`Error::Shard`] where it contradicts itself.
pub fn read(path: &Path, tokenizer: u64) -> Result<Shard, Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(path, e))?;
    let of = |key: &str| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    if of(TOKENIZER) != Some(&format!("{tokenizer:016x}")) {
        return Err(Error::Tokenizer { what: path.display().to_string() });
    }
    let layers = |line: &String| line.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>();
    let layers = of(TAPS).map(layers).transpose().map_err(|e| bad(path, format!("its {TAPS}: {e}")))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(path, e))?;
    let tensor = |name: &str, dtype: Dtype| {
        let view = file.tensor(name).map_err(|e| bad(path, e))?;
        if view.dtype() == dtype { Ok(view) } else { Err(bad(path, format!("{name} is {:?}", view.dtype()))) }
    };
    let numbers = |name| Ok::<_, Error>(words(tensor(name, Dtype::U32)?.data(), u32::from_le_bytes));
    let floats = |name| Ok::<_, Error>(words(tensor(name, Dtype::F32)?.data(), f32::from_le_bytes));
    let halves = |name| Ok::<_, Error>(words(tensor(name, Dtype::F16)?.data(), f16::from_le_bytes));
    let width = tensor("hidden", Dtype::F16)?.shape().last().copied().unwrap_or(0);
    let top = tensor("ids", Dtype::U32)?.shape().last().copied().unwrap_or(0);

    let scripts = numbers("script")?;
    let mut temperatures = floats("temperature")?.into_iter();
    let (mut lengths, mut rows) = (numbers("lengths")?.into_iter(), numbers("rows")?.into_iter());
    let mut tokens = Parts(numbers("tokens")?.into_iter());
    let mut positions = Parts(numbers("positions")?.into_iter());
    let (mut ids, mut p) = (Parts(numbers("ids")?.into_iter()), Parts(halves("p")?.into_iter()));
    let (mut tail, mut hidden) = (Parts(floats("tail")?.into_iter()), Parts(halves("hidden")?.into_iter()));
    let mut sample = || -> Option<Sample> {
        let (length, rows) = (lengths.next()? as usize, rows.next()? as usize);
        let sample = Sample {
            tokens: tokens.take(length)?,
            rows: Rows {
                positions: positions.take(rows)?,
                ids: ids.take(rows * top)?,
                p: p.take(rows * top)?,
                tail: tail.take(rows)?,
            },
            hidden: hidden.take(length.saturating_sub(1) * width)?,
            temperature: temperatures.next()?,
        };
        sample.rows.positions.iter().all(|at| (*at as usize) + 1 < length).then_some(sample)
    };
    let samples = scripts.iter().map(|script| Some((*script as usize, sample()?)));
    let samples = samples.collect::<Option<Vec<_>>>();
    let samples = samples.ok_or_else(|| bad(path, "its tensors do not fit together"))?;
    Ok(Shard { layers, samples })
}

/// Values that are taken some at a time.
struct Parts<T>(std::vec::IntoIter<T>);

impl<T> Parts<T> {
    fn take(&mut self, count: usize) -> Option<Vec<T>> {
        let part: Vec<T> = self.0.by_ref().take(count).collect();
        (part.len() == count).then_some(part)
    }
}

fn words<const N: usize, T>(bytes: &[u8], value: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|word| value(*word)).collect()
}

fn bad(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Shard { path: path.into(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize, rows: &[u32], width: usize) -> Sample {
        let mut all = Rows::default();
        for at in rows {
            let logits: Vec<f32> = (0..80).map(|i| ((i * 7 + at) % 80) as f32 / 20.0).collect();
            all.push(*at, &logits);
        }
        let hidden = (0..(length - 1) * width).map(|i| f16::from_f32(i as f32)).collect();
        Sample { tokens: (0..length as u32).collect(), rows: all, hidden, temperature: 0.7 }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        for (width, layers) in [(0, None), (3, None), (3, Some(vec![4])), (6, Some(vec![2, 14]))] {
            let samples = vec![
                (7, sample(5, &[1, 2, 3], width)),
                (2, sample(9, &[4], width)),
                (3, sample(2, &[], width)),
            ];
            let shard = Shard { layers, samples };
            write(&path, 42, &shard).unwrap();
            assert_eq!(read(&path, 42).unwrap(), shard);
        }
        assert_eq!(files::list(folder.path(), "safetensors").unwrap(), std::slice::from_ref(&path));
        assert_eq!(read(&path, 43).unwrap_err().code(), "learn-tokenizer");
    }

    #[test]
    fn damaged_shards_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let one = |at| Shard { layers: None, samples: vec![(0, sample(5, &[at], 2))] };
        write(&path, 42, &one(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 4, 100, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(read(&path, 42).unwrap_err().code(), "learn-shard", "{cut} bytes");
        }
        // A row beyond the sample's end.
        write(&path, 42, &one(4)).unwrap();
        assert_eq!(read(&path, 42).unwrap_err().code(), "learn-shard");
        assert_eq!(read(&folder.path().join("none"), 42).unwrap_err().code(), "learn-io");
    }
}
