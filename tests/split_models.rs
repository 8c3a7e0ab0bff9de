//! Split models say what whole ones say, on both devices and on the command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use paceline::decode::{Generator, Options};
use paceline::drafters;
use paceline::load::{self, Device, LoadOptions};
use paceline::model::tiny::Tiny;
use serde_json::Value;
use support::devices::options;
use support::generate;

fn target() -> Tiny {
    Tiny { layers: 4, tied: false, ..Tiny::default() }
}

fn draft() -> Tiny {
    Tiny { layers: 2, ..target() }
}

/// What a model says, plain and drafted.
fn says(device: Device, target: &[Vec<u8>], draft: &[Vec<u8>]) -> Vec<Vec<u32>> {
    let options = LoadOptions { capacity: Some(128), ..options(device) };
    let sources = |files: &'static [Vec<u8>]| files.iter().map(Vec::as_slice).collect::<Vec<_>>();
    let leak = |files: &[Vec<u8>]| -> &'static [Vec<u8>] { files.to_vec().leak() };
    let (target, draft) = (sources(leak(target)), sources(leak(draft)));
    let loaded = pollster::block_on(load::load_shards(target, Some(draft), &options)).unwrap();
    let prompt = loaded.tokenizer.encode("hello the world").unwrap();
    let mut generator = Generator::new(loaded.engine);
    ["none", "model"]
        .map(|name| {
            let options =
                Options { max_tokens: 40, drafter: drafters::by_name(name).unwrap(), ..Options::default() };
            generate(&mut generator, &prompt, options).0
        })
        .to_vec()
}

fn assert_same(device: Device) {
    for family in ["llama", "qwen2", "qwen3"] {
        let target = Tiny { family, ..target() };
        let draft = Tiny { family, ..draft() };
        let whole = says(device, &[target.gguf()], &[draft.gguf()]);
        assert_eq!(whole[0], whole[1]);
        let head = target.writer().tensors() - 1;
        for shards in [target.shards(3), target.writer().finish_shards(&[0, head, 1])] {
            let mut shards = shards;
            shards.rotate_left(1);
            assert_eq!(says(device, &shards, &draft.shards(2)), whole, "{family}");
        }
    }
}

#[test]
fn the_cpu_says_the_same() {
    assert_same(Device::Cpu);
}

#[test]
fn webgpu_says_the_same() {
    assert_same(Device::WebGpu);
}

/// A folder with a model, whole and split.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("whole.gguf", &target().gguf());
        folder.write_shards("model", &target().shards(3));
        folder.write_shards("small", &draft().shards(2));
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn write_shards(&self, name: &str, files: &[Vec<u8>]) {
        for (i, bytes) in files.iter().enumerate() {
            self.write(&format!("{name}-{:05}-of-{:05}.gguf", i + 1, files.len()), bytes);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).output().unwrap()
    }

    fn json(&self, line: &str) -> Value {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The error of a command that fails: its code and its message.
    fn fail(&self, line: &str) -> (String, String) {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |key: &str| json["error"][key].as_str().unwrap().to_string();
        (text("code"), text("message"))
    }

    fn generate(&self, models: &str) -> Value {
        self.json(&format!("generate --device cpu --json --max-tokens 30 --prompt hello {models}"))
    }
}

#[test]
fn the_command_line_finds_all_files_by_any_of_them() {
    let folder = Folder::new();
    let whole = folder.generate("--target whole.gguf");
    let absolute = folder.path("model-00002-of-00003.gguf");
    for name in [
        "model-00001-of-00003.gguf",
        "model-00003-of-00003.gguf",
        absolute.to_str().unwrap(),
        "model-*.gguf",
        "model-0000[123]-of-00003.gguf",
        "model-*1-of-*.gguf",
    ] {
        for draft in ["none", "small-00001-of-00002.gguf", "small-*.gguf"] {
            let split = folder.generate(&format!("--target {name} --draft {draft}"));
            assert_eq!(split["token_ids"], whole["token_ids"], "{name} {draft}");
            assert_eq!(split["text"], whole["text"]);
        }
    }
}

#[test]
fn the_command_line_says_what_is_missing() {
    let folder = Folder::new();
    let generate =
        |model: &str| folder.fail(&format!("generate --device cpu --json --prompt hello --target {model}"));
    let (code, message) = generate("*.gguf");
    assert_eq!(code, "gguf-split");
    assert!(message.contains("*.gguf: ") && message.contains("whole.gguf is no part"), "{message}");
    let (code, message) = generate("nothing-*.gguf");
    assert_eq!(code, "source-io");
    assert!(message.contains("nothing-*.gguf: no file matches"), "{message}");

    std::fs::remove_file(folder.path("model-00002-of-00003.gguf")).unwrap();
    for name in ["model-00001-of-00003.gguf", "model-00002-of-00003.gguf", "model-*.gguf"] {
        let (code, message) = generate(name);
        assert_eq!(code, "gguf-split");
        assert!(message.contains("missing: 2; give all 3 files: model-00001-of-00003.gguf"), "{message}");
    }
    let lone = folder.path("lone.gguf");
    std::fs::rename(folder.path("model-00003-of-00003.gguf"), &lone).unwrap();
    let (code, message) = generate("lone.gguf");
    assert_eq!(code, "gguf-split");
    assert!(message.contains("this is part 3 of 3"), "{message}");
    let draft = "generate --device cpu --json --prompt hello --target whole.gguf --draft lone.gguf";
    let (code, message) = folder.fail(draft);
    assert_eq!(code, "gguf-split");
    assert!(message.contains("the draft cannot be loaded: this is part 3 of 3"), "{message}");
}

#[test]
fn a_whole_model_may_be_called_like_a_part() {
    let folder = Folder::new();
    folder.write("odd-00001-of-00002.gguf", &target().gguf());
    folder.write("a[1].gguf", &target().gguf());
    let whole = folder.generate("--target whole.gguf");
    for name in ["odd-00001-of-00002.gguf", "a[1].gguf"] {
        assert_eq!(folder.generate(&format!("--target {name}"))["text"], whole["text"]);
    }
}

#[test]
fn a_split_model_is_inspected_and_pruned_as_a_whole_one() {
    let folder = Folder::new();
    let (whole, split) =
        (folder.json("inspect --json whole.gguf"), folder.json("inspect --json model-00002-of-00003.gguf"));
    assert_eq!(split["model"], whole["model"]);
    assert_eq!(split["metadata"], whole["metadata"]);
    assert_eq!(split["formats"], whole["formats"]);
    assert_eq!(whole["shards"], serde_json::json!([]));
    let shards = split["shards"].as_array().unwrap();
    let sum = |key: &str| shards.iter().map(|shard| shard[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(shards[2]["file"], "model-00003-of-00003.gguf");
    assert_eq!(sum("tensors"), whole["tensors"].as_array().unwrap().len() as u64);
    let bytes = |tensor: &Value| tensor["bytes"].as_u64().unwrap();
    assert_eq!(sum("bytes"), whole["tensors"].as_array().unwrap().iter().map(bytes).sum::<u64>());
    let text = String::from_utf8(folder.run("inspect model-00001-of-00003.gguf").stdout).unwrap();
    assert!(text.contains("\nFiles\n  model-00001-of-00003.gguf"), "{text}");

    for (model, out) in [("whole.gguf", "a.gguf"), ("model-00001-of-00003.gguf", "b.gguf")] {
        let output = folder.run(&format!("prune --target {model} --layers 0,3 --out {out}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |name: &str| std::fs::read(folder.path(Path::new(name).to_str().unwrap())).unwrap();
    assert!(read("a.gguf") == read("b.gguf"));
}
