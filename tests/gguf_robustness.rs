//! Broken files: whatever the bytes, reading ends in a typed error or a file, without a panic and in little memory.

use crate::support::memory::peak;
use paceline::gguf::{Error, Format, Header, Stream};
use paceline::model::Model;
use paceline::model::tiny::Tiny;
use paceline::source::{self, ByteSource};
use pollster::block_on;
use proptest::prelude::*;

/// Most memory that reading a file of a few kilobytes may take: the window and change.
const MEMORY: isize = 2 << 20;

/// A source that gives some bytes at a time and does not know its length.
struct Trickle<'a>(&'a [u8]);

impl ByteSource for Trickle<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, source::Error> {
        let end = buffer.len().min(1000);
        self.0.read(&mut buffer[..end]).await
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

fn read_all<S: ByteSource>(source: S) -> Result<Header, Error> {
    block_on(async {
        let mut stream = Stream::open(source).await?;
        while stream.next_window().await?.is_some() {}
        Ok(stream.header().clone())
    })
}

/// Reads `file` from a source that knows its length and from one that does not, and describes the model where there
/// is one. Both must end the same way: a truncation may be met early or late, but is one.
fn survive(file: &[u8]) -> Result<Header, Error> {
    let (whole, memory) = peak(|| read_all(file));
    assert!(memory < MEMORY, "{memory} bytes");
    let (trickled, memory) = peak(|| read_all(Trickle(file)));
    assert!(memory < MEMORY, "{memory} bytes");
    match (&whole, &trickled) {
        (Ok(a), Ok(b)) => assert_eq!(a.tensors, b.tensors),
        (Err(a), Err(b)) if a.code() == "gguf-truncated" || b.code() == "gguf-truncated" => {}
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
        _ => panic!("whole {whole:?}, trickled {trickled:?}"),
    }
    if let Ok(header) = &whole {
        let (_, memory) = peak(|| Model::describe(header).map_err(|e| e.to_string()));
        assert!(memory < MEMORY, "{memory} bytes");
    }
    whole
}

/// A whole model in a few kilobytes.
fn small() -> Vec<u8> {
    let tiny = Tiny { layers: 1, width: 32, head_dim: 8, ff: 32, vocab: 8, ..Tiny::default() };
    tiny.gguf()
}

fn header_bytes(file: &[u8]) -> usize {
    survive(file).expect("the file is whole").data_offset as usize
}

#[test]
fn truncation_anywhere_is_reported_as_such() {
    let file = small();
    for length in 0..file.len() - 32 {
        let error = survive(&file[..length]).unwrap_err();
        assert_eq!(error.code(), "gguf-truncated", "at {length}: {error}");
        assert!(error.to_string().ends_with("it is truncated, download it again"), "{error}");
    }
}

#[test]
fn any_one_flipped_bit_is_survived() {
    let mut file = small();
    for at in 0..header_bytes(&file) {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            let _ = survive(&file);
            file[at] ^= 1 << bit;
        }
    }
}

#[test]
fn lying_counts_are_survived_wherever_they_stand() {
    let file = small();
    for at in 0..header_bytes(&file) {
        for count in [0, 1 << 16, 1 << 22, 1 << 31, 1 << 40, u64::MAX / 8, u64::MAX] {
            let mut file = file.clone();
            file[at..at + 8].copy_from_slice(&count.to_le_bytes());
            let _ = survive(&file);
        }
    }
}

#[test]
fn a_file_of_another_kind_is_named() {
    assert_eq!(survive(b"PK\x03\x04 a zip").unwrap_err().code(), "gguf-magic");
    let html = survive(b"<html>404</html>").unwrap_err().to_string();
    assert!(html.contains("a web page") && html.contains("download the file itself"), "{html}");
    let text = survive(b"Once upon a time").unwrap_err().to_string();
    assert!(text.contains("not a GGUF file") && text.contains(".gguf"), "{text}");
}

#[test]
fn an_unknown_format_lists_those_we_read() {
    let mut file = small();
    let name = b"blk.0.attn_q.weight";
    let at = file.windows(name.len()).position(|w| w == name).unwrap() + name.len() + 4 + 16;
    assert_eq!(u32::from_le_bytes(file[at..at + 4].try_into().unwrap()), Format::Q4_1.spec().id);
    file[at] = 23; // IQ4_XS
    let error = survive(&file).unwrap_err();
    assert!(error.to_string().contains("blk.0.attn_q.weight is stored as IQ4_XS"), "{error}");
    let Error::Format { tensor, id: 23, supported } = error else { panic!("{error}") };
    assert_eq!(tensor, "blk.0.attn_q.weight");
    assert!(supported.contains("Q4_1") && supported.contains("Q6_K"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_changed_bytes_are_survived(changes in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..20)) {
        let mut file = small();
        for (at, byte) in changes {
            // Most changes near the beginning, where the counts and types are.
            let at = (at * at * at * file.len() as f64) as usize;
            file[at] = byte;
        }
        let _ = survive(&file);
    }

    #[test]
    fn pieces_out_of_place_are_survived(from in any::<usize>(), to in any::<usize>(), length in 0..200usize) {
        let mut file = small();
        let (from, to) = (from % file.len(), to % file.len());
        let piece = file[from..file.len().min(from + length)].to_vec();
        file.splice(to..to, piece);
        let _ = survive(&file);
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), honest in 0..24usize) {
        let mut file = small()[..honest].to_vec();
        file.extend(bytes);
        let _ = survive(&file);
    }
}
