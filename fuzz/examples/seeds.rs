//! Writes the fuzzers' seeds, one small model a family, whole and split: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use paceline::gguf::Format;
use paceline::model::family::FAMILIES;
use paceline::model::tiny::Tiny;

fn main() -> std::io::Result<()> {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for family in &FAMILIES {
        let tiny = Tiny {
            family: family.name,
            layers: 1,
            width: 4,
            heads: 2,
            kv_heads: 1,
            head_dim: 2,
            ff: 4,
            vocab: 8,
            format: Format::F16,
            ..Tiny::default()
        };
        std::fs::write(seeds.join("gguf_header").join(family.name), tiny.gguf())?;
        let shards = tiny.shards(3);
        let mut split = vec![shards.len() as u8];
        shards.iter().for_each(|shard| split.extend((shard.len() as u16).to_le_bytes()));
        split.extend(shards.concat());
        std::fs::write(seeds.join("gguf_shards").join(family.name), split)?;
    }
    Ok(())
}
