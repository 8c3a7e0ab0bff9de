//! How the files of a split model are called, and what is said where they are not all there.

/// Most file names in a message.
pub(super) const MOST_NAMES: usize = 8;

/// Files that are not all the parts of one model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// No file at all.
    #[error("no file is given; give the model's file, or all files of a split model")]
    Nothing,
    /// One part, or several, but not all.
    #[error("{}; give all {count} files: {}", lacking(.given, *.count, .missing), names(.name.as_deref(), *.count))]
    Missing {
        /// The parts that are there, from 0.
        given: Vec<u64>,
        /// The parts that are not there, from 0: the first few of them.
        missing: Vec<u64>,
        /// How many there should be.
        count: u64,
        /// The name of one that is there.
        name: Option<String>,
    },
    /// A part that is there more than once.
    #[error("{first} and {second} are both part {} of {count} of a split model; give each part once", .no + 1)]
    Twice {
        /// Which part, from 0.
        no: u64,
        /// How many there are.
        count: u64,
        /// One file.
        first: String,
        /// The other one.
        second: String,
    },
    /// A part that cannot be one of so many.
    #[error("{file} says that it is part {} of {count}, which cannot be; download it again", u128::from(*.no) + 1)]
    Range {
        /// The file.
        file: String,
        /// Which part it says it is, from 0.
        no: u64,
        /// How many it says there are.
        count: u64,
    },
    /// A whole model among several files.
    #[error("{file} is no part of a split model; give it alone, or leave it out")]
    Whole {
        /// The file.
        file: String,
    },
    /// Parts of different models.
    #[error("{first} and {second} are parts of different models ({why}); give the parts of one model")]
    Foreign {
        /// One file.
        first: String,
        /// A file that does not go with it.
        second: String,
        /// What they do not agree on.
        why: String,
    },
    /// All parts, but not as many tensors as there should be.
    #[error(
        "the {count} parts have {found} tensors together where {expected} are needed; they are not of one model, or one \
         is not whole: download them again"
    )]
    Tensors {
        /// How many parts there are.
        count: u64,
        /// What they have.
        found: usize,
        /// What they should have.
        expected: u64,
    },
    /// A tensor in two parts.
    #[error("{first} and {second} both have the tensor {tensor}; give the parts of one model")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// One file.
        first: String,
        /// The other one.
        second: String,
    },
}

/// The parts of a name such as `NAME-00001-of-00003.gguf`: what is in front of the numbers, and how many files there are.
///
/// What is before the last slash belongs to the name: parts lie in one folder.
pub fn split_name(name: &str) -> Option<(&str, u64)> {
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, no) = rest.rsplit_once('-')?;
    let number = |text: &str| match text.len() {
        5 if text.bytes().all(|b| b.is_ascii_digit()) => text.parse::<u64>().ok(),
        _ => None,
    };
    let (no, count) = (number(no)?, number(count)?);
    ((1..=count).contains(&no)).then_some((stem, count))
}

/// The name of part `no` (from 0) of the model whose parts are called `stem` and then their numbers.
pub fn shard_name(stem: &str, no: u64, count: u64) -> String {
    format!("{stem}-{:05}-of-{count:05}.gguf", no + 1)
}

/// As [`split_name`], of the last part of a path.
pub(super) fn stem(name: &str) -> Option<&str> {
    split_name(name.rsplit('/').next()?).map(|(stem, _)| stem)
}

/// The names of all parts, or of the first few: made from the name of one of them.
fn names(name: Option<&str>, count: u64) -> String {
    let stem = name.and_then(stem).unwrap_or("NAME");
    list(0..count, count, |no| shard_name(stem, no, count))
}

/// What is there, and what is not.
fn lacking(given: &[u64], count: u64, missing: &[u64]) -> String {
    match given {
        [no] => format!("this is part {} of {count} of a split model", no + 1),
        _ => {
            let missing = list(missing.iter().copied(), missing.len() as u64, |no| (no + 1).to_string());
            format!("of the {count} parts of a split model these are missing: {missing}")
        }
    }
}

/// Words for some numbers; only the first few, where there are many.
fn list(numbers: impl Iterator<Item = u64>, count: u64, word: impl Fn(u64) -> String) -> String {
    let words: Vec<String> = numbers.take(MOST_NAMES).map(word).collect();
    let more = if count > MOST_NAMES as u64 { " ..." } else { "" };
    words.join(", ") + more
}
