//! Models split over several files, as llama.cpp's `gguf-split` writes them.
//!
//! Every part is a GGUF file with a tensor table of its own. `split.count` says how many parts there are, `split.no`
//! which one this is (from 0), and `split.tensors.count` how many tensors all of them have together. The first part has
//! the model's metadata, and maybe tensors; the others have tensors, and maybe some of the `general.*` keys again.

use std::collections::HashSet;
use std::ops::Range;

use super::split::{MOST_NAMES, SplitError, stem};
use super::{Error, Header, Metadata};

/// Which part a file is, from 0.
pub(super) const NO_KEY: &str = "split.no";
/// How many parts there are; 0 (what `gguf-split --merge` writes) and 1 are the whole model in one file.
pub(super) const COUNT_KEY: &str = "split.count";
/// How many tensors all parts have together.
pub(super) const TENSORS_KEY: &str = "split.tensors.count";

/// A file of a model, as [`super::Stream`] reads them one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// What the source calls itself.
    pub name: Option<String>,
    /// Which of [`Header::tensors`] lie in this file.
    pub tensors: Range<usize>,
    /// Where tensor data begins, in bytes from the start of the file.
    pub data_offset: u64,
}

/// What a header says of the splitting.
struct Split {
    no: u64,
    count: u64,
    tensors: Option<u64>,
}

impl Split {
    /// `None` for a model in one file.
    fn of(metadata: &Metadata) -> Result<Option<Self>, Error> {
        let uint = |key| metadata.get(key).map(|_| metadata.require_uint(key)).transpose();
        match uint(COUNT_KEY)? {
            None | Some(0 | 1) => Ok(None),
            Some(count) => {
                Ok(Some(Self { no: metadata.require_uint(NO_KEY)?, count, tensors: uint(TENSORS_KEY)? }))
            }
        }
    }
}

/// A file whose header has been read: what the source calls itself, and what [`Parts::add`] is to keep for it.
struct Part<T> {
    name: Option<String>,
    label: String,
    header: Header,
    split: Option<Split>,
    kept: T,
}

/// The files of a model, until all of them are there.
pub(super) struct Parts<T>(Vec<Part<T>>);

impl<T> Parts<T> {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes a file's header, and `kept` along with it.
    pub fn add(&mut self, name: Option<String>, mut header: Header, kept: T) -> Result<(), Error> {
        let label = label(name.as_deref(), self.0.len());
        let split = Split::of(&header.metadata).map_err(|error| error.in_file(&label))?;
        // How a model was split is no property of the model: files made from it are not split that way.
        header.metadata.0.retain(|(key, _)| !key.starts_with("split."));
        if split.as_ref().is_some_and(|split| split.no != 0) {
            header.metadata.0.retain(|(key, _)| is_about_model(key));
        }
        self.0.push(Part { name, label, header, split, kept });
        Ok(())
    }

    /// The model's header and its files in order, if they are those of one model, each of them once.
    pub fn join(self) -> Result<(Header, Vec<(Shard, T)>), SplitError> {
        let mut parts = self.0;
        if parts.len() > 1 || parts.iter().any(|part| part.split.is_some()) {
            sort(&mut parts)?;
            agree(&parts)?;
            tensors(&parts)?;
        }
        let mut parts = parts.into_iter();
        let Some(Part { name, mut header, kept, .. }) = parts.next() else { return Err(SplitError::Nothing) };
        let tensors = 0..header.tensors.len();
        let mut shards = vec![(Shard { name, tensors, data_offset: header.data_offset }, kept)];
        for part in parts {
            let from = header.tensors.len();
            header.tensors.extend(part.header.tensors);
            let tensors = from..header.tensors.len();
            shards
                .push((Shard { name: part.name, tensors, data_offset: part.header.data_offset }, part.kept));
        }
        Ok((header, shards))
    }
}

/// What errors call the file that was given as the `i`-th.
pub(super) fn label(name: Option<&str>, i: usize) -> String {
    name.map_or_else(|| format!("file {}", i + 1), str::to_string)
}

/// Puts the parts in order and checks that each is there once.
fn sort<T>(parts: &mut [Part<T>]) -> Result<(), SplitError> {
    if let Some(whole) = parts.iter().find(|part| part.split.is_none()) {
        return Err(SplitError::Whole { file: whole.label.clone() });
    }
    let no = |part: &Part<T>| part.split.as_ref().map_or(0, |split| split.no);
    let count = |part: &Part<T>| part.split.as_ref().map_or(0, |split| split.count);
    let Some(first) = parts.first() else { return Err(SplitError::Nothing) };
    let all = count(first);
    for part in parts.iter() {
        if no(part) >= count(part) {
            let (file, no, count) = (part.label.clone(), no(part), count(part));
            return Err(SplitError::Range { file, no, count });
        }
        if count(part) != all {
            let why = format!("one of {all} files, the other of {}", count(part));
            return Err(foreign(first, part, why));
        }
    }
    parts.sort_by_key(no);
    if let Some(pair) = parts.windows(2).find(|pair| no(&pair[0]) == no(&pair[1])) {
        let (first, second) = (pair[0].label.clone(), pair[1].label.clone());
        return Err(SplitError::Twice { no: no(&pair[0]), count: all, first, second });
    }
    if (parts.len() as u64) < all {
        let given: Vec<u64> = parts.iter().map(no).collect();
        let missing = (0..all).filter(|no| given.binary_search(no).is_err()).take(MOST_NAMES + 1).collect();
        let name = parts.iter().find_map(|part| part.name.clone());
        return Err(SplitError::Missing { given, missing, count: all, name });
    }
    Ok(())
}

/// Checks that what a part says of the model is what the first one says.
fn agree<T>(parts: &[Part<T>]) -> Result<(), SplitError> {
    let Some((first, others)) = parts.split_first() else { return Ok(()) };
    let total = |part: &Part<T>| part.split.as_ref().and_then(|split| split.tensors);
    for part in others {
        if let (Some(a), Some(b)) = (total(first), total(part))
            && a != b
        {
            return Err(foreign(first, part, format!("one of {a} tensors, the other of {b}")));
        }
        let named = |part: &Part<T>| part.name.as_deref().and_then(stem).map(str::to_string);
        if let (Some(a), Some(b)) = (named(first), named(part))
            && a != b
        {
            return Err(foreign(first, part, "by their names".into()));
        }
        for (key, value) in part.header.metadata.0.iter().filter(|(key, _)| is_about_model(key)) {
            if first.header.metadata.get(key).is_some_and(|other| other != value) {
                return Err(foreign(first, part, format!("another {key}")));
            }
        }
    }
    Ok(())
}

/// Checks that each tensor is there once, and that there are as many as there should be.
fn tensors<T>(parts: &[Part<T>]) -> Result<(), SplitError> {
    let mut seen = HashSet::new();
    for part in parts {
        for tensor in &part.header.tensors {
            if !seen.insert(tensor.name.as_str()) {
                let has = |part: &&Part<T>| part.header.tensor(&tensor.name).is_some();
                let first = parts.iter().find(has).unwrap_or(part);
                let (first, second) = (first.label.clone(), part.label.clone());
                return Err(SplitError::Tensor { tensor: tensor.name.clone(), first, second });
            }
        }
    }
    let split = parts.iter().find_map(|part| part.split.as_ref().filter(|split| split.tensors.is_some()));
    match split.and_then(|split| Some((split.count, split.tensors?))) {
        Some((count, expected)) if expected != seen.len() as u64 => {
            Err(SplitError::Tensors { count, found: seen.len(), expected })
        }
        _ => Ok(()),
    }
}

fn foreign<T>(first: &Part<T>, second: &Part<T>, why: String) -> SplitError {
    SplitError::Foreign { first: first.label.clone(), second: second.label.clone(), why }
}

/// Whether a key that several parts have is about the model, not about the file.
fn is_about_model(key: &str) -> bool {
    key.starts_with("general.") && key != super::header::ALIGNMENT_KEY
}
