//! Writes the fuzzer's seeds, one small model a family: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use paceline::gguf::Format;
use paceline::model::family::FAMILIES;
use paceline::model::tiny::Tiny;

fn main() -> std::io::Result<()> {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/gguf_header");
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
        std::fs::write(seeds.join(family.name), tiny.gguf())?;
    }
    Ok(())
}
