//! The integration tests, as one program: it is linked once, and tests of different files run side by side. What needs a
//! process of its own, or features, is a program of its own in `Cargo.toml`.

mod common;
mod support;

mod cli;
mod cpu_forward;
mod draft_vocabulary;
mod dropped;
mod families;
mod generator;
mod gguf_robustness;
mod gguf_shards;
mod log_probabilities;
mod lossless;
mod lossless_gpu;
mod numerics;
mod random_models;
mod real_model;
mod reference;
mod reference_gpu;
mod replace_draft;
mod rounds;
mod sampling_gpu;
mod sampling_law;
mod sentence_piece;
mod simulated;
mod small_heads;
mod split_models;
mod text_reference;
mod train_scripts;
mod tree_law;
mod trees;

/// Cargo does not look for programs here, so that a file without a line would be no test.
#[test]
fn every_file_is_in_a_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (here, manifest) = (include_str!("main.rs"), include_str!("../Cargo.toml"));
    let files = std::fs::read_dir(folder.join("tests")).expect("the folder of tests").flatten();
    let names = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned));
    let lost = names.filter(|name| {
        name != "main"
            && !here.lines().any(|line| line == format!("mod {name};"))
            && !manifest.lines().any(|line| line == format!("name = \"{name}\""))
    });
    assert_eq!(lost.collect::<Vec<_>>(), [""; 0], "a line in tests/main.rs or a [[test]] in Cargo.toml");
}
