//! The command line as a user runs it, on tiny models: output, exit codes, and what it says about bad input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use paceline::drafters::DRAFTERS;
use paceline::gguf::{Format, Metadata, Stream, Value as Meta, Writer};
use paceline::model::draft::{Input, Origin};
use paceline::model::tiny::{DraftParts, Tiny};
use paceline::verify::{KINDS, VERIFIERS};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with model files in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// Writes `bytes` to a file.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("room on the disk");
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of what is in it, in order.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).into_string().expect("a UTF-8 name")).collect();
        names.sort();
        names
    }
}

fn target() -> Tiny {
    Tiny { layers: 4, ..Tiny::default() }
}

fn paceline<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paceline")).args(args).output().expect("the binary runs")
}

/// `generate --target FILE` on the CPU with further arguments, separated by spaces.
fn generate(target: &Path, args: &str) -> Output {
    let target = target.to_str().expect("a UTF-8 path");
    paceline(["generate", "--target", target, "--device", "cpu"].into_iter().chain(args.split_whitespace()))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The JSON object of a command that succeeded.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    assert_eq!(stdout(output).lines().count(), 1, "one object, one line");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Checks that a command failed in an orderly way and says `words`, with `code` where it printed JSON.
fn refused(output: &Output, code: &str, words: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: ") && !message.contains("panicked"), "{message}");
    for words in words {
        assert!(message.contains(words), "{message:?} should say {words:?}");
    }
    if !output.stdout.is_empty() {
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(json["error"]["code"], code);
        assert!(message.contains(json["error"]["message"].as_str().expect("a message")));
    }
}

fn ids(value: &Value) -> Vec<u64> {
    value.as_array().expect("an array").iter().map(|id| id.as_u64().expect("an id")).collect()
}

#[test]
fn json_has_everything_that_was_promised() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let result = json(&generate(&target, "--prompt the-heat --draft ngram --max-tokens 20 --json"));
    for key in ["text", "token_ids", "prompt_ids", "finish_reason", "device", "stats", "memory"] {
        assert!(!result[key].is_null(), "{key}");
    }
    let count = ids(&result["token_ids"]).len();
    assert_eq!(result["device"], "cpu");
    assert_eq!(result["finish_reason"], if count == 20 { "length" } else { "stop" });
    assert!(!ids(&result["prompt_ids"]).is_empty());
    let stats = &result["stats"];
    for key in [
        "rounds",
        "drafted",
        "accepted",
        "target_passes",
        "block_efficiency",
        "dispatches",
        "submits",
        "readbacks",
        "prefill_ms",
        "decode_ms",
        "tokens_per_second",
    ] {
        assert!(stats[key].is_number(), "{key}: {}", stats[key]);
    }
    let passes = stats["target_passes"].as_u64().expect("a count");
    let efficiency = stats["block_efficiency"].as_f64().expect("a number");
    assert!((efficiency - count as f64 / passes as f64).abs() < 1e-9);
}

#[test]
fn text_streams_to_stdout_and_statistics_to_stderr() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let args = "--prompt hello --max-tokens 12 --draft ngram";
    let plain = generate(&target, args);
    let result = json(&generate(&target, &format!("{args} --json")));
    assert_eq!(stdout(&plain), format!("{}\n", result["text"].as_str().expect("a text")));
    assert!(
        stderr(&plain).contains("tokens/s") && stderr(&plain).contains("finished: "),
        "{}",
        stderr(&plain)
    );
}

#[test]
fn a_chat_goes_through_the_template() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let chat = json(&generate(&target, "--chat hello --max-tokens 1 --json"));
    let written = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n";
    let output = paceline([
        "generate",
        "--target",
        target.to_str().expect("a UTF-8 path"),
        "--prompt",
        written,
        "--max-tokens",
        "1",
        "--json",
    ]);
    assert_eq!(chat["prompt_ids"], json(&output)["prompt_ids"]);
}

#[test]
fn drafts_change_nothing_but_the_statistics() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let other = folder.file("other.gguf", &Tiny { layers: 3, ..self::target() }.gguf());
    for prompt in ["hello", "the-the-the-the", "a"] {
        let run = |more: &str| {
            json(&generate(&target, &format!("--prompt {prompt} --max-tokens 60 --json {more}")))
        };
        let plain = run("");
        for draft in ["none", "ngram", other.to_str().expect("a UTF-8 path")] {
            for gamma in ["", "--gamma 0", "--gamma 1", "--gamma 15", "--gamma 1000"] {
                let result = run(&format!("--draft {draft} {gamma}"));
                assert_eq!(result["token_ids"], plain["token_ids"]);
                assert_eq!(result["text"], plain["text"]);
            }
        }
        for shape in ["2,2,1", "15"] {
            let result = run(&format!("--draft {} --tree {shape}", other.display()));
            assert_eq!(result["token_ids"], plain["token_ids"], "{shape}");
            assert!(result["stats"]["accepted"].as_u64() > Some(0), "{shape}: {result}");
        }
    }
    let tree = |args: &str| {
        let draft = other.display();
        generate(&target, &format!("--prompt a --max-tokens 8 --json --draft {draft} --tree {args}"))
    };
    let sampled = json(&tree("3,2 --temperature 1 --seed 3"));
    assert!(sampled["stats"]["drafted"].as_u64() > Some(0), "{sampled}");
    refused(&tree("3,2 --temperature 1 --verify block"), "verifier-tree", &["block", "token"]);
    let output = tree("4,4");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("2,2,1"), "{}", stderr(&output));
    let output = generate(&target, "--prompt a --draft ngram --tree 2");
    assert!(!output.status.success() && stderr(&output).contains("--tree is of a draft model alone"));
}

#[test]
fn a_pruned_target_is_a_draft_for_it() {
    let folder = Folder::new();
    for (name, tiny) in [
        ("tied", target()),
        ("untied", Tiny { tied: false, family: "qwen2", ..target() }),
        ("mixed", Tiny { format: Format::Q8_0, rope_factors: true, ..target() }),
    ] {
        let target = folder.file(&format!("{name}.gguf"), &tiny.gguf());
        let draft = folder.path(&format!("{name}-draft.gguf"));
        for (layers, top, head) in
            [("0,1,3", "--vocab-top=200", 200), ("3,0", "--vocab-top=999", 288), ("2", "", 288)]
        {
            let mut args = vec![
                "prune",
                "--force",
                "--layers",
                layers,
                "--target",
                target.to_str().unwrap(),
                "--out",
                draft.to_str().unwrap(),
            ];
            args.extend(Some(top).filter(|top| !top.is_empty()));
            let output = paceline(args);
            assert!(output.status.success(), "{}", stderr(&output));

            let described = json(&paceline(["inspect", "--json", draft.to_str().unwrap()]));
            let model = &described["model"];
            let kept = layers.split(',').count();
            assert_eq!(
                (model["layers"].as_u64(), model["head_vocab"].as_u64()),
                (Some(kept as u64), Some(head))
            );
            assert_eq!(model["vocab"].as_u64(), Some(288), "it reads every token");
            assert_eq!(model["tied"], tiny.tied && head == 288);

            let plain = json(&generate(&target, "--prompt hello --max-tokens 40 --json"));
            let args = format!("--prompt hello --max-tokens 40 --json --draft {}", draft.display());
            let drafted = json(&generate(&target, &args));
            assert_eq!(plain["token_ids"], drafted["token_ids"]);
            assert!(drafted["stats"]["drafted"].as_u64() > Some(0));
        }
    }
}

#[test]
fn pruning_copies_bytes() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let whole = folder.path("whole.gguf");
    let names = [target.to_str().unwrap(), whole.to_str().unwrap()];
    assert!(
        paceline(["prune", "--layers=0,1,2,3", "--target", names[0], "--out", names[1]]).status.success()
    );
    let run = |path| json(&generate(path, "--prompt hello --max-tokens 40 --json"))["token_ids"].clone();
    assert_eq!(run(&target), run(&whole), "all layers: the same model");
    assert_eq!(folder.names(), ["target.gguf", "whole.gguf"], "nothing half-done");
}

#[test]
fn impossible_prunings_are_refused() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let out = folder.path("draft.gguf");
    for (args, words) in [
        (["--layers=4", "--vocab-top=9"], "there is no layer 4, only 0 to 3"),
        (["--layers=1,2,1", "--vocab-top=9"], "layer 1 is named twice"),
        (["--layers=1", "--vocab-top=0"], "--vocab-top is 0"),
    ] {
        let files = ["prune", "--target", target.to_str().unwrap(), "--out", out.to_str().unwrap()];
        refused(&paceline(files.into_iter().chain(args)), "command", &[words]);
        assert!(!out.exists());
    }
    let nowhere = folder.path("no/such/folder/draft.gguf");
    let args =
        ["prune", "--layers=1", "--target", target.to_str().unwrap(), "--out", nowhere.to_str().unwrap()];
    refused(&paceline(args), "command", &["cannot write"]);
}

#[test]
fn inspect_shows_header_parameters_and_tensors() {
    let folder = Folder::new();
    let file = folder.file("target.gguf", &target().gguf());
    let output = paceline(["inspect", file.to_str().unwrap()]);
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    for words in [
        "GGUF version 3",
        "tokenizer.ggml.pre = \"smollm\"",
        "kv_heads      2",
        "Q4_1",
        "blk.3.ffn_down.weight",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let described = json(&paceline(["inspect", "--json", file.to_str().unwrap()]));
    assert_eq!(described["model"]["architecture"], "llama");
    assert_eq!(described["metadata"]["tokenizer.ggml.tokens"]["length"], 288);
    assert_eq!(described["tensors"].as_array().map(Vec::len), Some(2 + 4 * 9));
    assert_eq!(described["problem"], Value::Null);
}

#[test]
fn inspect_shows_models_that_do_not_run() {
    let folder = Folder::new();
    let file = folder.file("mamba.gguf", &replaced(target().gguf(), "llama", "mamba"));
    let described = json(&paceline(["inspect", "--json", file.to_str().unwrap()]));
    assert_eq!(described["problem"]["code"], "model-architecture");
    assert_eq!(described["metadata"]["general.architecture"], "mamba");
    assert!(stdout(&paceline(["inspect", file.to_str().unwrap()])).contains("cannot run this model"));
}

/// Without `tokenizer.ggml.pre` the family's own is taken, and said to be.
#[test]
fn a_missing_pre_tokenizer_is_a_warning() {
    let folder = Folder::new();
    let good = folder.file("good.gguf", &target().gguf());
    let old = folder.file("old.gguf", &replaced(target().gguf(), "tokenizer.ggml.pre", "tokenizer.ggml.oh!"));
    let words = "tokenizer.ggml.pre is missing";
    for (file, warned) in [(&good, false), (&old, true)] {
        let shown = stdout(&paceline(["inspect", file.to_str().unwrap()]));
        assert!(shown.contains("stop_ids      [0, 2]"), "{shown}");
        assert_eq!(shown.contains(words), warned, "{shown}");
        let described = json(&paceline(["inspect", "--json", file.to_str().unwrap()]));
        assert_eq!(described["tokenizer"]["warnings"].as_array().map(Vec::len), Some(usize::from(warned)));
        let generated = generate(file, "--prompt hello --max-tokens 2 --json");
        json(&generated);
        assert_eq!(stderr(&generated).contains(words), warned, "{}", stderr(&generated));
    }
}

/// Every `from` replaced by `to`, which is as long.
fn replaced(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, w)| *w == from.as_bytes())
        .map(|(i, _)| i)
        .collect();
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = Folder::new();
    let good = target().gguf();
    let mut unknown_type = good.clone();
    let name = b"blk.0.attn_q.weight";
    let at = good.windows(name.len()).position(|w| w == name).unwrap() + name.len();
    // After the name: the number of dimensions (u32), two of them (u64), the type (u32).
    unknown_type[at + 20] = 200;
    let mut flipped = good.clone();
    flipped[0] ^= 1;
    let mut version = good.clone();
    version[4] ^= 1 << 6;
    let mut count = good.clone();
    count[15] ^= 1 << 5;
    let cases: [(&str, Vec<u8>, &str, &[&str]); 11] = [
        ("empty", vec![], "gguf-truncated", &["truncated", "download it again"]),
        ("a text", b"Once upon a time".repeat(100), "gguf-magic", &["not a GGUF file", ".gguf"]),
        ("a flipped magic number", flipped, "gguf-magic", &["not a GGUF file"]),
        ("a flipped version", version, "gguf-version", &["version 67", "llama.cpp"]),
        ("a flipped count", count, "gguf-too-large", &["tensors", "corrupt", "download it again"]),
        ("a cut header", good[..2000].to_vec(), "gguf-truncated", &["truncated", "download it again"]),
        (
            "cut tensors",
            good[..good.len() - 4000].to_vec(),
            "gguf-truncated",
            &["truncated", "download it again"],
        ),
        (
            "an unknown type",
            unknown_type,
            "gguf-format",
            &["blk.0.attn_q.weight", "unknown format 200", "use a file in one of"],
        ),
        (
            "an unknown family",
            replaced(good.clone(), "llama", "mamba"),
            "model-architecture",
            &["\"mamba\"", "use a model of"],
        ),
        (
            "an unknown pre-tokenizer",
            replaced(good.clone(), "smollm", "gemma4"),
            "tokenizer-unsupported",
            &["\"gemma4\"", "use a model with"],
        ),
        (
            "a missing tensor",
            replaced(good.clone(), "blk.1.ffn_up", "blk.1.ffn_xy"),
            "model-missing-tensor",
            &["blk.1.ffn_up.weight is missing", "use another one"],
        ),
    ];
    let target = folder.file("good.gguf", &good);
    for (what, bytes, code, words) in cases {
        let file = folder.file("bad.gguf", &bytes);
        let output = generate(&file, "--prompt hello --json");
        refused(&output, code, words);
        assert!(stderr(&output).contains("bad.gguf"), "{what}: which file? {}", stderr(&output));
        let output = generate(&file, "--prompt hello");
        refused(&output, code, words);
        assert!(output.stdout.is_empty());
        let output = generate(&target, &format!("--prompt hello --json --draft {}", file.display()));
        refused(&output, code, &[words, &["the draft"]].concat());
        let pruned = folder.path("pruned.gguf");
        let args =
            ["prune", "--layers=0", "--target", file.to_str().unwrap(), "--out", pruned.to_str().unwrap()];
        if code.starts_with("gguf") {
            refused(&paceline(args), code, words);
            refused(&paceline(["inspect", "--json", file.to_str().unwrap()]), code, words);
        }
    }
    refused(
        &generate(&folder.path("none.gguf"), "--prompt a --json"),
        "source-io",
        &["none.gguf", "check the path"],
    );
    refused(&generate(folder.0.path(), "--prompt a --json"), "source-io", &["is a folder"]);
}

/// A file with other metadata.
fn changed(file: &[u8], change: impl FnOnce(&mut Metadata)) -> Vec<u8> {
    pollster::block_on(async {
        let mut stream = Stream::open(file).await.expect("a GGUF file");
        let mut bytes = vec![Vec::new(); stream.header().tensors.len()];
        while let Some(window) = stream.next_window().await.expect("whole tensors") {
            bytes[window.tensor].extend_from_slice(window.bytes);
        }
        let mut writer = Writer::default();
        writer.metadata = stream.header().metadata.clone();
        change(&mut writer.metadata);
        for (tensor, bytes) in stream.header().tensors.iter().zip(bytes) {
            writer.tensor(tensor.name.clone(), &tensor.shape, tensor.format, bytes);
        }
        writer.finish()
    })
}

#[test]
fn files_of_other_kinds_say_what_they_are() {
    let folder = Folder::new();
    let good = target().gguf();
    let set = |key: &str, value: Meta| changed(&good, |metadata| metadata.set(key, value));
    let text = |text: &str| Meta::String(text.into());
    let parts = DraftParts {
        input: Input::Hidden,
        embedding: Origin::Target,
        head: Origin::Target,
        ids: None,
        taps: None,
    };
    let mut big_endian = good.clone();
    big_endian[4..8].reverse();
    let cases: [(Vec<u8>, &str, &[&str]); 7] = [
        (big_endian, "gguf-endian", &["big-endian", "little-endian"]),
        (set("general.type", text("adapter")), "model-adapter", &["LoRA"]),
        (set("llama.expert_count", Meta::U32(8)), "model-experts", &["mixture of experts"]),
        (target().draft_gguf(&target(), &parts), "model-is-draft", &["a draft", "--draft"]),
        (set("llama.block_count", text("4")), "gguf-metadata", &["llama.block_count", "the string \"4\""]),
        (
            set("llama.attention.causal", Meta::Bool(false)),
            "model-feature",
            &["llama.attention.causal is false"],
        ),
        (b"<html>".to_vec(), "gguf-magic", &["a web page"]),
    ];
    for (bytes, code, words) in cases {
        let file = folder.file("bad.gguf", &bytes);
        let output = generate(&file, "--prompt hello --json");
        refused(&output, code, words);
        assert!(stderr(&output).contains("bad.gguf") && !stderr(&output).contains("download it again"));
    }
}

#[test]
fn metadata_of_any_type_gives_the_same_text() {
    let folder = Folder::new();
    let good = target().gguf();
    let file = folder.file("good.gguf", &good);
    let run =
        |file: &Path| json(&generate(file, "--prompt hello --max-tokens 20 --json"))["token_ids"].clone();
    let expected = run(&file);
    let other = changed(&good, |metadata| {
        for (key, value) in &mut metadata.0 {
            if let (true, Meta::U32(number)) = (key.starts_with("llama."), &value) {
                *value = if key.len() % 2 == 0 {
                    Meta::I64(i64::from(*number))
                } else {
                    Meta::F64(f64::from(*number))
                };
            }
        }
        metadata.set("general.name", Meta::Bytes(b"caf\xe9".to_vec()));
    });
    let file = folder.file("other.gguf", &other);
    assert_eq!(run(&file), expected);
    let described = json(&paceline(["inspect", "--json", file.to_str().unwrap()]));
    assert_eq!(described["metadata"]["general.name"], "caf\u{fffd}");
    let pruned = folder.path("pruned.gguf");
    let args =
        ["prune", "--layers=0,1,2,3", "--target", file.to_str().unwrap(), "--out", pruned.to_str().unwrap()];
    assert!(paceline(args).status.success());
    assert_eq!(run(&pruned), expected);
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let pipe = folder.path("pipe.gguf");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let words = &["pipe.gguf is a pipe", "to a file"];
    refused(&generate(&pipe, "--prompt a --json"), "source-io", words);
    refused(&paceline(["inspect", "--json", pipe.to_str().unwrap()]), "source-io", words);
    refused(&generate(&target, &format!("--prompt a --json --draft {}", pipe.display())), "source-io", words);
    refused(&generate(Path::new("/dev/null"), "--prompt a --json"), "source-io", &["a device"]);
}

/// `prune --layers 0` with further arguments.
fn prune(target: &Path, out: &Path, more: &[&str]) -> Output {
    let path = |path: &Path| path.as_os_str().to_owned();
    let files =
        ["prune".into(), "--layers=0".into(), "--target".into(), path(target), "--out".into(), path(out)];
    paceline(files.into_iter().chain(more.iter().map(Into::into)))
}

#[test]
fn nothing_is_written_over_what_is_read() {
    let folder = Folder::new();
    let bytes = target().gguf();
    let target = folder.file("target.gguf", &bytes);
    let mut names = vec![target.clone(), folder.0.path().join(".").join("target.gguf")];
    let hard = folder.path("hard.gguf");
    std::fs::hard_link(&target, &hard).expect("a hard link");
    names.push(hard);
    #[cfg(unix)]
    {
        let soft = folder.path("soft.gguf");
        std::os::unix::fs::symlink(&target, &soft).expect("a symbolic link");
        names.push(soft);
    }
    let before = folder.names();
    for out in names {
        for more in [&[] as &[&str], &["--force"]] {
            let output = prune(&target, &out, more);
            refused(&output, "command", &["would overwrite", "which is read", "another file"]);
            refused(&prune(&out, &target, more), "command", &["would overwrite"]);
        }
    }
    assert_eq!(std::fs::read(&target).expect("the target"), bytes);
    assert_eq!(folder.names(), before);
}

#[test]
fn other_files_are_overwritten_only_by_force() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let out = folder.file("notes.gguf", b"mine");
    refused(&prune(&target, &out, &[]), "command", &["notes.gguf is there already", "--force"]);
    assert_eq!(std::fs::read(&out).expect("the file"), b"mine");
    // What fails later leaves it, too.
    let broken = folder.file("broken.gguf", b"GGUF");
    refused(&prune(&broken, &out, &["--force"]), "command", &["truncated"]);
    assert_eq!(std::fs::read(&out).expect("the file"), b"mine");

    assert!(prune(&target, &out, &["--force"]).status.success());
    assert!(std::fs::read(&out).expect("the file").starts_with(b"GGUF"));
    assert_eq!(folder.names(), ["broken.gguf", "notes.gguf", "target.gguf"]);
    refused(&prune(&target, folder.0.path(), &["--force"]), "command", &["is a folder"]);
    #[cfg(unix)]
    refused(&prune(&target, Path::new("/dev/null"), &["--force"]), "command", &["no ordinary file"]);
}

#[cfg(unix)]
#[test]
fn a_new_file_may_be_read_by_whom_the_user_lets() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let out = folder.path("out.gguf");
    assert!(prune(&target, &out, &[]).status.success());
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode(&out), mode(&target));
}

#[test]
fn a_prompt_may_begin_with_a_dash() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let run = |args: &[&str]| {
        let target = target.to_str().unwrap();
        let common = ["generate", "--target", target, "--device", "cpu", "--max-tokens", "2"];
        paceline(common.iter().chain(args))
    };
    for text in ["- item", "-1", "--", "-- a list", "--- a/file", "--json"] {
        let joined = json(&run(&[&format!("--prompt={text}"), "--json"]));
        if !["--", "--json"].contains(&text) {
            assert_eq!(
                json(&run(&["--prompt", text, "--json"]))["prompt_ids"],
                joined["prompt_ids"],
                "{text}"
            );
        }
        assert_ne!(ids(&joined["prompt_ids"]), [] as [u64; 0]);
    }
    assert!(run(&["--chat", "- item", "--json"]).status.success());
    for args in [&["--prompt", "--json"] as &[&str], &["--json", "--prompt"], &["--chat", "--seed", "1"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("a value is required"), "{}", stderr(&output));
    }
}

#[test]
fn flipped_bits_never_panic() {
    let folder = Folder::new();
    let good = target().gguf();
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..40 {
        let mut bytes = good.clone();
        bytes[random.usize(..7000)] ^= 1 << random.u32(..8);
        let file = folder.file("flipped.gguf", &bytes);
        let output = generate(&file, "--prompt hello --max-tokens 2 --json");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON in any case");
    }
}

#[test]
fn drafts_of_another_language_are_refused() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    for (what, bytes) in [
        ("other tokens", replaced(self::target().gguf(), "unused3", "unusedx")),
        ("fewer tokens", Tiny { vocab: 270, ..self::target() }.gguf()),
        ("another pre-tokenizer", replaced(self::target().gguf(), "smollm", "qwen2\0")),
        ("other merges", replaced(self::target().gguf(), "i n", "i s")),
    ] {
        let file = folder.file("draft.gguf", &bytes);
        let output = generate(&target, &format!("--prompt hello --json --draft {}", file.display()));
        assert!(!output.status.success(), "{what}");
        let code: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let code = code["error"]["code"].as_str().expect("a code").to_string();
        if what.ends_with("tokens") {
            refused(&output, "draft-tokenizer", &["another tokenizer", "use a draft made for this target"]);
        } else {
            assert!(
                ["draft-tokenizer", "tokenizer-unsupported", "tokenizer-corrupt"].contains(&&*code),
                "{code}"
            );
        }
    }
}

#[test]
fn a_half_precision_cache_takes_half_the_memory() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let caches = |args: &str| {
        let result = json(&generate(&target, &format!("--prompt the-heat --max-tokens 4 --json {args}")));
        result["memory"]["target"]["caches"].as_u64().expect("bytes")
    };
    let half = caches("--kv-cache f16");
    assert_eq!((caches(""), caches("--kv-cache f32")), (2 * half, 2 * half));
    let output = generate(&target, "--prompt the-heat --kv-cache q8_0");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("use f32 or f16"), "{}", stderr(&output));
}

#[test]
fn prompts_must_fit_the_context() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let long = "0123456789".repeat(60);
    let words = &["the context holds 512", "shorten it"];
    refused(&generate(&target, &format!("--prompt {long} --json")), "prompt-too-long", words);
    let words = &["the context holds 16", "shorten it", "longer context"];
    let output = generate(&target, "--capacity 16 --prompt 01234567890123456789 --json");
    refused(&output, "prompt-too-long", words);

    let full = json(&generate(&target, "--capacity 16 --prompt 0123456789 --json --draft ngram"));
    assert_eq!(full["finish_reason"], "context");
    assert_eq!(ids(&full["prompt_ids"]).len() + ids(&full["token_ids"]).len(), 16);

    let output = paceline(["generate", "--json", "--prompt", "", "--target", target.to_str().unwrap()]);
    refused(&output, "prompt-empty", &["at least one token"]);
}

#[test]
fn wrong_arguments_are_explained() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let output = generate(&target, "--prompt a --draft eagle --json");
    let known = DRAFTERS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
    refused(&output, "drafter-unknown", &["eagle", &known]);
    refused(&generate(&target, "--prompt a --draft model --json"), "draft-missing", &["load one"]);
    refused(&generate(&target, "--prompt a --draft no.gguf --json"), "source-io", &["no.gguf", "the draft"]);
    for args in ["", "--prompt a --chat b", "--prompt a --device tpu", "--prompt a --gamma -1"] {
        let output = generate(&target, args);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("Usage") || stderr(&output).contains("--help"),
            "{}",
            stderr(&output)
        );
    }
    let output =
        paceline(["generate", "--target", target.to_str().unwrap(), "--prompt", "a", "--device", "tpu"]);
    assert!(stderr(&output).contains("use auto, webgpu or cpu"), "{}", stderr(&output));
}

#[test]
fn help_lists_what_the_tables_have() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = words(&stdout(&paceline(["generate", "--help"])));
    let drafters = DRAFTERS.iter().map(|spec| (spec.name, spec.about));
    let verifiers = VERIFIERS.iter().map(|spec| (spec.name, spec.about));
    let kinds = KINDS.iter().map(|kind| (kind.name, kind.about));
    for (name, about) in drafters.chain(verifiers).chain(kinds) {
        assert!(help.contains(&format!("- {name}: {about}")), "{name}: {help}");
    }
}

#[test]
fn no_token_at_all_is_a_legitimate_wish() {
    let folder = Folder::new();
    let target = folder.file("target.gguf", &target().gguf());
    let result = json(&generate(&target, "--prompt hello --max-tokens 0 --json --draft ngram"));
    assert_eq!((&result["text"], &result["finish_reason"]), (&Value::from(""), &Value::from("length")));
}
