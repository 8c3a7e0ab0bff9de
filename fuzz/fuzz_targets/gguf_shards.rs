//! Any bytes as the files of a split model: the first byte says how many there are, the next two of each how long it is.
//!
//! `cargo +nightly fuzz run gguf_shards fuzz/corpus/gguf_shards fuzz/seeds/gguf_shards -- -rss_limit_mb=512`

#![no_main]

use libfuzzer_sys::fuzz_target;
use paceline::gguf::{Error, Stream};
use paceline::model::Model;

async fn read(files: Vec<&[u8]>) -> Result<(), Error> {
    let mut stream = Stream::open_shards(files).await?;
    let _ = Model::describe(stream.header());
    while stream.next_window().await?.is_some() {}
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((count, rest)) = bytes.split_first() else { return };
    let Some((lengths, mut rest)) = rest.split_at_checked(2 * usize::from(count % 8)) else { return };
    let mut files = Vec::new();
    for length in lengths.chunks_exact(2) {
        let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(rest.len());
        let (file, after) = rest.split_at(length);
        files.push(file);
        rest = after;
    }
    let _ = pollster::block_on(read(files));
});
