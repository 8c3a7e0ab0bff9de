//! Split models: whatever the files and their order, reading ends in the whole model or in an error that says which file
//! is the matter, without a panic and in little memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::support::memory::peak;
use paceline::gguf::{Error, Format, Header, SplitError, Stream, Value, Writer, shard_name, split_name};
use paceline::model::Model;
use paceline::model::tiny::Tiny;
use paceline::source::{self, ByteSource, Observed};
use pollster::block_on;
use proptest::prelude::*;

/// A source with a name; it does not know its length where `trickles`.
struct Named<'a> {
    name: String,
    bytes: &'a [u8],
    trickles: bool,
}

impl ByteSource for Named<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, source::Error> {
        let end = if self.trickles { buffer.len().min(1000) } else { buffer.len() };
        self.bytes.read(&mut buffer[..end]).await
    }

    fn total(&self) -> Option<u64> {
        (!self.trickles).then_some(self.bytes.len() as u64)
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// The header and every tensor's bytes.
fn read<S: ByteSource>(sources: Vec<S>) -> Result<(Header, Vec<Vec<u8>>), Error> {
    block_on(async {
        let mut stream = Stream::open_shards(sources).await?;
        let mut all = vec![Vec::new(); stream.header().tensors.len()];
        while let Some(window) = stream.next_window().await? {
            all[window.tensor].extend_from_slice(window.bytes);
        }
        Ok((stream.header().clone(), all))
    })
}

fn read_bytes(files: &[Vec<u8>]) -> Result<(Header, Vec<Vec<u8>>), Error> {
    read(files.iter().map(Vec::as_slice).collect())
}

/// Reads files that are called as `gguf-split` calls them.
fn read_named(files: &[(u64, &Vec<u8>)], count: u64, trickles: bool) -> Result<Header, Error> {
    let sources = files.iter().map(|(no, bytes)| {
        let name = shard_name("model", *no, count);
        Named { name, bytes, trickles }
    });
    read(sources.collect()).map(|(header, _)| header)
}

fn tiny() -> Tiny {
    Tiny { layers: 2, width: 32, head_dim: 8, ff: 32, vocab: 8, ..Tiny::default() }
}

/// The error as a [`SplitError`], and its words.
fn split_error<T: std::fmt::Debug>(result: Result<T, Error>) -> (SplitError, String) {
    match result {
        Err(Error::Split(error)) => (error.clone(), error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_parts_are_the_whole_model_in_whatever_order() {
    let whole = read_bytes(&[tiny().gguf()]).unwrap();
    let writer = tiny().writer();
    let rest = writer.tensors() - 3;
    for counts in [vec![0, 3, rest], vec![3, rest], vec![1, 1, 1, rest], vec![3, 0, rest], vec![3 + rest]] {
        let files = writer.clone().finish_shards(&counts);
        for turn in 0..files.len() {
            let mut files = files.clone();
            files.rotate_left(turn);
            let split = read_bytes(&files).unwrap();
            assert_eq!(split.0.metadata, whole.0.metadata, "{counts:?}");
            assert_eq!(split.1, whole.1, "{counts:?}");
            let names = |header: &Header| -> Vec<_> {
                header.tensors.iter().map(|t| (t.name.clone(), t.shape.clone(), t.format)).collect()
            };
            assert_eq!(names(&split.0), names(&whole.0));
            assert_eq!(Model::describe(&split.0).unwrap(), Model::describe(&whole.0).unwrap());
        }
    }
}

#[test]
fn a_stream_knows_which_file_has_what() {
    let files = tiny().writer().finish_shards(&[0, 4, tiny().writer().tensors() - 4]);
    let sources = files.iter().enumerate().rev().map(|(i, bytes)| {
        let name = format!("{i}");
        Named { name, bytes, trickles: false }
    });
    let stream = block_on(Stream::open_shards(sources.collect())).unwrap();
    let shards: Vec<_> =
        stream.shards().iter().map(|shard| (shard.name.as_deref(), shard.tensors.clone())).collect();
    let all = stream.header().tensors.len();
    assert_eq!(shards, [(Some("0"), 0..0), (Some("1"), 0..4), (Some("2"), 4..all)]);
    assert_eq!(stream.shards()[0].data_offset, stream.header().data_offset);
}

#[test]
fn a_part_alone_names_the_others() {
    let files = tiny().shards(3);
    let (error, words) = split_error(read_named(&[(1, &files[1])], 3, false));
    assert!(matches!(error, SplitError::Missing { count: 3, .. }));
    assert_eq!(
        words,
        "this is part 2 of 3 of a split model; give all 3 files: model-00001-of-00003.gguf, \
         model-00002-of-00003.gguf, model-00003-of-00003.gguf"
    );
    let (_, nameless) = split_error(read_bytes(&files[..1]));
    assert!(nameless.starts_with("this is part 1 of 3") && nameless.contains("NAME-00002-of-00003.gguf"));
    let (_, two) = split_error(read_named(&[(2, &files[2]), (0, &files[0])], 3, true));
    assert!(two.starts_with("of the 3 parts of a split model these are missing: 2; give all"), "{two}");
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let (a, b) = (tiny().shards(3), Tiny { family: "qwen2", ..tiny() }.shards(3));
    let refused = |files: &[&Vec<u8>], words: &[&str]| {
        let sources = files.iter().enumerate().map(|(i, bytes)| {
            let name = format!("{}.gguf", (b'a' + i as u8) as char);
            Named { name, bytes, trickles: false }
        });
        let error = read(sources.collect()).unwrap_err();
        assert_eq!(error.code(), "gguf-split", "{error}");
        for words in words {
            assert!(error.to_string().contains(words), "{error} should say {words:?}");
        }
    };
    refused(&[], &["no file"]);
    refused(&[&a[0], &a[1], &a[2], &a[1]], &["b.gguf and d.gguf are both part 2 of 3"]);
    refused(&[&a[0], &a[0], &a[1]], &["a.gguf and b.gguf are both part 1 of 3"]);
    refused(&[&a[0], &tiny().gguf()], &["b.gguf is no part of a split model"]);
    refused(&[&tiny().gguf(), &tiny().gguf()], &["a.gguf is no part of a split model"]);
    refused(&[&a[0], &a[1], &tiny().shards(4)[2]], &["a.gguf and c.gguf", "one of 3 files, the other of 4"]);
    refused(&[&a[0], &a[1], &b[2]], &["a.gguf and c.gguf", "tensors, the other of"]);
    // As many files and tensors, but others.
    let other = Tiny { vocab: 12, ..tiny() };
    let cut = |tiny: &Tiny, first| {
        let rest = tiny.writer().tensors() - first;
        tiny.writer().finish_shards(&[first, rest])
    };
    refused(&[&cut(&tiny(), 4)[0], &cut(&other, 3)[1]], &["a.gguf and b.gguf both have the tensor"]);
    refused(&[&cut(&tiny(), 4)[0], &cut(&other, 5)[1]], &["the 2 parts have", "where"]);
}

#[test]
fn parts_by_other_names_are_of_another_model() {
    let files = tiny().shards(2);
    let names = ["model-q4-00001-of-00002.gguf", "model-q8-00002-of-00002.gguf"];
    let sources = names.iter().zip(&files).map(|(name, bytes)| {
        let name = name.to_string();
        Named { name, bytes, trickles: false }
    });
    let (error, words) = split_error(read(sources.collect()));
    assert!(matches!(error, SplitError::Foreign { .. }), "{words}");
    assert!(words.contains("by their names"), "{words}");
}

/// The file of some tensors with the given keys.
fn part(keys: &[(&str, Value)], tensors: &[&str]) -> Vec<u8> {
    let mut writer = Writer::default();
    keys.iter().for_each(|(key, value)| writer.metadata.set(*key, value.clone()));
    tensors.iter().for_each(|name| writer.tensor_f32(*name, &[4], Format::F32, &[1.0; 4]));
    writer.finish()
}

#[test]
fn keys_are_read_in_any_integer_type() {
    let keys = |no: Value, count: Value, tensors: Value| {
        [("split.no", no), ("split.count", count), ("split.tensors.count", tensors)]
    };
    let first = part(&keys(Value::U64(0), Value::I32(2), Value::U8(2)), &["a"]);
    let second = part(&keys(Value::I8(1), Value::U16(2), Value::I64(2)), &["b"]);
    assert_eq!(read_bytes(&[second.clone(), first.clone()]).unwrap().1.len(), 2);
    // What only the first part says is enough, and one that nobody says is not asked for.
    let short = part(&[("split.no", Value::U16(1)), ("split.count", Value::U16(2))], &["b"]);
    assert!(read_bytes(&[first.clone(), short.clone()]).is_ok());
    let negative = part(&keys(Value::I32(-1), Value::U16(2), Value::I32(2)), &["b"]);
    let text = part(&keys(Value::U16(1), Value::String("2".into()), Value::I32(2)), &["b"]);
    for wrong in [negative, text, part(&[("split.count", Value::U16(2))], &["b"])] {
        let error = read_bytes(&[first.clone(), wrong]).unwrap_err();
        assert_eq!(error.code(), "gguf-metadata", "{error}");
        assert!(error.to_string().starts_with("file 2: metadata split."), "{error}");
    }
    let beyond = part(&keys(Value::U16(2), Value::U16(2), Value::I32(2)), &["b"]);
    let (error, words) = split_error(read_bytes(&[first, beyond]));
    assert!(matches!(error, SplitError::Range { no: 2, count: 2, .. }));
    assert!(words.starts_with("file 2 says that it is part 3 of 2"), "{words}");
}

#[test]
fn what_parts_say_of_the_model_must_agree() {
    let keys = |no, name: &str| {
        [
            ("split.no", Value::U16(no)),
            ("split.count", Value::U16(2)),
            ("split.tensors.count", Value::I32(2)),
            ("general.name", Value::String(name.into())),
        ]
    };
    let first = part(&keys(0, "one"), &["a"]);
    assert!(read_bytes(&[first.clone(), part(&keys(1, "one"), &["b"])]).is_ok());
    let (_, words) = split_error(read_bytes(&[first, part(&keys(1, "two"), &["b"])]));
    assert!(words.contains("different models (another general.name)"), "{words}");
}

#[test]
fn a_whole_model_that_was_split_once_is_whole() {
    // What `gguf-split --merge` leaves, and a split into one.
    for count in [0, 1] {
        let keys = [("split.no", Value::U16(0)), ("split.count", Value::U16(count))];
        let (header, _) = read_bytes(&[part(&keys, &["a"])]).unwrap();
        assert!(header.metadata.get("split.count").is_none(), "a file made from it is not split that way");
    }
}

#[test]
fn alignment_is_that_of_each_file() {
    let keys = |no| [("split.no", Value::U16(no)), ("split.count", Value::U16(2))];
    let mut first = keys(0).to_vec();
    first.push(("general.alignment", Value::U32(256)));
    let mut second = keys(1).to_vec();
    second.push(("general.alignment", Value::U32(8)));
    let (header, bytes) = read_bytes(&[part(&first, &["a", "b"]), part(&second, &["c", "d"])]).unwrap();
    assert_eq!(header.tensors.iter().map(|t| t.offset).collect::<Vec<_>>(), [0, 256, 0, 16]);
    assert!(bytes.iter().all(|bytes| *bytes == [1.0f32; 4].map(f32::to_le_bytes).concat()));
}

#[test]
fn a_broken_part_is_named() {
    let files = tiny().shards(3);
    for trickles in [false, true] {
        let short = files[1][..files[1].len() - 64].to_vec();
        let error = read_named(&[(0, &files[0]), (1, &short), (2, &files[2])], 3, trickles).unwrap_err();
        assert_eq!(error.code(), "gguf-truncated");
        assert!(error.to_string().starts_with("model-00002-of-00003.gguf: the file ends"), "{error}");
        let html = b"<html>404</html>".to_vec();
        let error = read_named(&[(0, &files[0]), (1, &files[1]), (2, &html)], 3, trickles).unwrap_err();
        assert_eq!(error.code(), "gguf-magic");
        assert!(error.to_string().starts_with("model-00003-of-00003.gguf: this is a web page"), "{error}");
    }
}

#[test]
fn progress_and_aborts_are_those_of_all_files() {
    let files = tiny().shards(3);
    let all: u64 = files.iter().map(|file| file.len() as u64).sum();
    let mut seen = Vec::new();
    let observe = |done, total| {
        seen.push((done, total));
        true
    };
    read(Observed::all(files.iter().map(Vec::as_slice).collect(), observe)).unwrap();
    assert!(seen.iter().all(|(_, total)| *total == Some(all)));
    assert!(seen.is_sorted() && seen.last().unwrap().0 <= all);
    let aborted = read(Observed::all(files.iter().map(Vec::as_slice).collect(), |done, _| done < all / 2));
    assert_eq!(aborted.unwrap_err().code(), "aborted");
}

#[test]
fn files_that_wait_cost_little() {
    let names: Vec<String> = (0..200).map(|i| format!("t{i}")).collect();
    let files: Vec<Vec<u8>> = names
        .iter()
        .enumerate()
        .map(|(no, name)| {
            let keys = [("split.no", Value::U16(no as u16)), ("split.count", Value::U16(200))];
            let mut writer = Writer::default();
            keys.iter().for_each(|(key, value)| writer.metadata.set(*key, value.clone()));
            writer.tensor_f32(name.as_str(), &[512, 512], Format::F32, &vec![0.5; 512 * 512]);
            writer.finish()
        })
        .collect();
    let (header, memory) = peak(|| {
        block_on(async {
            let mut stream = Stream::open_shards(files.iter().map(Vec::as_slice).collect()).await.unwrap();
            while stream.next_window().await.unwrap().is_some() {}
            stream.header().tensors.len()
        })
    });
    assert_eq!(header, 200);
    assert!(memory < 16 << 20, "{memory} bytes for 200 files");
}

#[test]
fn lying_counts_cost_no_memory() {
    for count in [3, 65535, u64::from(u32::MAX), u64::MAX] {
        let file = part(&[("split.no", Value::U64(1)), ("split.count", Value::U64(count))], &["a"]);
        let (result, memory) = peak(|| read_bytes(std::slice::from_ref(&file)).map(drop));
        assert!(memory < 1 << 20, "{memory} bytes");
        let (_, words) = split_error(result);
        assert!(words.len() < 500, "{words}");
        assert!(words.contains(&format!("part 2 of {count}")), "{words}");
    }
}

#[test]
fn names_are_those_of_gguf_split() {
    assert_eq!(split_name("a/b-00002-of-00003.gguf"), Some(("a/b", 3)));
    assert_eq!(shard_name("a/b", 1, 3), "a/b-00002-of-00003.gguf");
    for other in
        ["b.gguf", "b-2-of-3.gguf", "b-00004-of-00003.gguf", "b-00000-of-00003.gguf", "b-00001-of-00003"]
    {
        assert_eq!(split_name(other), None, "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cuts, orders, losses, repetitions, strangers and changed bytes: the whole model, or an error.
    #[test]
    fn any_set_of_files_is_survived(
        cuts in prop::collection::vec(0..30usize, 1..5),
        order in prop::collection::vec((0..6usize, any::<bool>()), 0..7),
        changes in prop::collection::vec((0..6usize, 0.0..1.0f64, any::<u8>()), 0..4),
        trickles: bool,
    ) {
        let counts = |tiny: &Tiny| {
            let all = tiny.writer().tensors();
            let mut left = all;
            let mut counts: Vec<usize> = cuts
                .iter()
                .map(|cut| {
                    let count = *cut.min(&left);
                    left -= count;
                    count
                })
                .collect();
            counts.push(left);
            counts
        };
        let other = Tiny { vocab: 16, ..tiny() };
        let own = tiny().writer().finish_shards(&counts(&tiny()));
        let strange = other.writer().finish_shards(&counts(&other));
        let honest = order.is_empty() && changes.is_empty();
        let mut files: Vec<Vec<u8>> = if order.is_empty() {
            own.clone()
        } else {
            let pick = |(i, foreign): &(usize, bool)| {
                let from = if *foreign && i % 3 == 0 { &strange } else { &own };
                from[i % own.len()].clone()
            };
            order.iter().map(pick).collect()
        };
        for (file, at, byte) in changes {
            let count = files.len();
            let file = &mut files[file % count];
            // Most changes near the beginning, where the counts and types are.
            let at = (at * at * at * file.len() as f64) as usize;
            file[at] = byte;
        }
        let sources = files.iter().map(|bytes| Named { name: "m".into(), bytes, trickles });
        let (result, memory) = peak(|| read(sources.collect()));
        assert!(memory < 4 << 20, "{memory} bytes");
        if honest {
            assert_eq!(result.unwrap().1, read_bytes(&[tiny().gguf()]).unwrap().1);
        } else if let Ok((header, _)) = result {
            let _ = Model::describe(&header);
        }
    }
}
