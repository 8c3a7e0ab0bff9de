//! Any bytes as a GGUF file: read to the end from a source that knows its length and from one that does not, and
//! described as a model where the header can be read.
//!
//! `cargo +nightly fuzz run gguf_header fuzz/corpus/gguf_header fuzz/seeds/gguf_header -- -rss_limit_mb=512`

#![no_main]

use libfuzzer_sys::fuzz_target;
use paceline::gguf::{Error, Stream};
use paceline::model::Model;
use paceline::source::{self, ByteSource};

/// A source that does not know its length.
struct Unknown<'a>(&'a [u8]);

impl ByteSource for Unknown<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, source::Error> {
        self.0.read(buffer).await
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

async fn read<S: ByteSource>(source: S) -> Result<(), Error> {
    let mut stream = Stream::open(source).await?;
    let _ = Model::describe(stream.header());
    while stream.next_window().await?.is_some() {}
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let known = pollster::block_on(read(bytes));
    let unknown = pollster::block_on(read(Unknown(bytes)));
    assert_eq!(known.is_ok(), unknown.is_ok());
});
