//! `paceline collect`, `distill` and `eval` from the outside: a run is killed, taken up and measured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use paceline::gguf::Format;
use paceline::learn::run::{Target, drafts};
use paceline::model::draft::{Input, Origin};
use paceline::model::tiny::{DraftParts, Tiny};

fn target() -> Tiny {
    Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, ..Tiny::default() }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let tiny = target();
        std::fs::write(folder.path("target.gguf"), tiny.gguf()).unwrap();
        std::fs::write(folder.path("other.gguf"), Tiny { vocab: 270, ..tiny }.gguf()).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.current_dir(self.0.path()).args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn succeed(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

const COLLECT: &str =
    "collect --target target.gguf --out data --samples 40 --max-tokens 24 --question-tokens 12";

fn distill(out: &str, more: &str) -> String {
    format!(
        "distill --target target.gguf --data data --draft-arch hidden-1 --vocab-top 200 --steps 60 --batch 4 --length 48 \
         --warmup 5 --save-every 5 --unroll 2 --out {out} {more}"
    )
}

fn losses(run: &Path) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["step"].as_u64().unwrap(), line["loss"].as_f64().unwrap())
    };
    text.lines().map(line).collect()
}

fn newest_checkpoint(run: &Path) -> Option<u64> {
    let names = std::fs::read_dir(run.join("checkpoints")).ok()?;
    names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).max()
}

#[test]
fn a_killed_run_goes_on_as_if_nothing_had_been() {
    let folder = Folder::new();
    folder.succeed(COLLECT);
    // Muon keeps states of two kinds: its own for matrices, AdamW's for norms.
    let distill = |out: &str, more: &str| distill(out, &format!("--optimizer muon {more}"));
    folder.succeed(&distill("whole", ""));

    // Killed several times, at whatever moment it happens to be in.
    let run = folder.path("killed");
    let mut kills = 0;
    for (after, resume) in [(5, ""), (20, "--resume"), (40, "--resume")] {
        let line = distill("killed", resume);
        let mut child = folder.command(&line).stderr(Stdio::null()).spawn().unwrap();
        let patience = Instant::now();
        while newest_checkpoint(&run).is_none_or(|step| step < after) {
            assert!(patience.elapsed() < Duration::from_secs(300), "no checkpoint of step {after}");
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        // Whatever is there is whole. The draft may be missing if the kill came between the first checkpoint and it.
        for file in ["draft.gguf", "initial.gguf"] {
            if run.join(file).exists() {
                folder.succeed(&format!("inspect killed/{file}"));
            }
        }
    }
    assert!(kills > 0, "every start had ended before it could be killed");
    folder.succeed(&distill("killed", "--resume"));

    let (whole, killed) = (losses(&folder.path("whole")), losses(&run));
    assert_eq!(whole.last().unwrap().0, 60);
    assert_eq!(whole.len(), killed.len());
    for ((step, a), (other, b)) in whole.iter().zip(&killed) {
        assert_eq!(step, other);
        assert!((a - b).abs() < 2e-3 * a.abs(), "step {step}: loss {a}, after kills {b}");
    }
    assert!(whole.last().unwrap().1 < whole[0].1, "nothing was learnt: {whole:?}");
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap().len();
    assert_eq!(bytes("whole/draft.gguf"), bytes("killed/draft.gguf"));
    assert!(folder.fail(&distill("whole", "")).contains("--resume"));

    // What came out goes on with other ids, since its head is the target's, and the engine runs it.
    let line = "distill --target target.gguf --data data --init-from whole/draft.gguf --vocab-top 230 --steps 2 --batch 2 \
                --length 48 --divergence lk --unroll 2 --out more";
    folder.succeed(line);
    folder.succeed(
        "generate --target target.gguf --draft more/draft.gguf --device cpu --prompt Hi --max-tokens 8 --gamma 3",
    );

    // What came out can be measured.
    std::fs::write(folder.path("prompts.txt"), "Hello there.\n\nAnother one.\n\nAnd a third.").unwrap();
    let line = "eval --target target.gguf --draft whole/draft.gguf --baseline whole/initial.gguf --prompts prompts.txt \
                --max-tokens 20 --gamma 3 --wall-clock 2 --texts prompts.txt --json";
    let report: serde_json::Value = serde_json::from_str(&folder.succeed(line)).unwrap();
    assert_eq!(report["prompts"], 3);
    let all = |run: &serde_json::Value| run["rows"].as_array().unwrap().last().unwrap().clone();
    for draft in 0..2 {
        let texts = &report["drafts"][draft]["texts"];
        assert!(
            texts["tokens"].as_u64().unwrap() > 3 && texts["perplexity"].as_f64().unwrap() > 1.0,
            "{texts}"
        );
    }
    let runs = |draft: usize| report["drafts"][draft]["runs"].as_array().unwrap().clone();
    for (run, baseline) in runs(0).iter().zip(runs(1)) {
        assert_eq!(all(run)["task"], "all");
        let alpha = |run| all(run)["alpha"]["value"].as_f64().unwrap();
        let (alpha, before) = (alpha(run), alpha(&baseline));
        assert!(alpha > before && alpha <= 1.0, "alpha {before} -> {alpha}");
        assert!(run["clock"]["speedup"]["value"].as_f64().unwrap() > 0.0);
        assert_eq!(run["clock"]["prompts"], 2);
    }
    assert!(folder.succeed(&line.replace(" --json", "")).contains("temperature 1"));

    // And compared with other ways to propose: at temperature 0 all say the same.
    let line = "compare --target target.gguf --draft whole/draft.gguf --prompts prompts.txt --rows 6 --max-tokens 20 --svg ways.svg";
    let report: serde_json::Value = serde_json::from_str(&folder.succeed(&format!("{line} --json"))).unwrap();
    let ways = |at: usize| report["comparisons"][at]["ways"].as_array().unwrap().clone();
    let named = |way: &serde_json::Value| format!("{} {}", way["drafter"], way["verifier"]).replace('"', "");
    let names: Vec<String> = ways(0).iter().chain(&ways(1)).map(named).collect();
    for name in [
        "none greedy",
        "ngram greedy",
        "model greedy",
        "tree 2,1 greedy",
        "tree likeliest=5,3 greedy",
        "model block",
        "tree 2,1 token",
    ] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.ends_with("2,1 block")), "it judges chains alone");
    for way in ways(0) {
        let tau = way["tau"]["value"].as_f64().unwrap();
        assert_eq!(tau, way["tokens"].as_f64().unwrap() / way["rounds"].as_f64().unwrap());
        assert!((1.0..=6.0).contains(&way["rows"].as_f64().unwrap()) && way["other_texts"] == 0, "{way}");
        assert!(tau > 1.0 || way["drafter"] == "none" || way["drafter"] == "ngram", "{way}");
    }
    let (none, model) = (&ways(0)[0], &ways(0)[2]);
    assert_eq!(
        (named(none), &none["rows"], &none["tau"]["value"]),
        ("none greedy".into(), &1.0.into(), &1.0.into())
    );
    assert_eq!((named(model), &model["tau_over_chain"]["value"]), ("model greedy".into(), &1.0.into()));
    let svg = std::fs::read_to_string(folder.path("ways.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("tree likeliest=5,3, token"));
    assert!(folder.succeed(line).contains("at most 6 rows"));
    assert!(folder.fail(&line.replace("--rows 6", "--rows 17")).contains("2 to 16 rows"));
}

#[test]
fn equal_runs_are_equal_also_where_the_divergence_samples() {
    let folder = Folder::new();
    folder.succeed(COLLECT);
    let run = |out: &str| {
        folder.succeed(&distill(out, "--divergence tvdpp-sampled").replace("--steps 60", "--steps 10"));
        losses(&folder.path(out))
    };
    assert_eq!(run("one"), run("two"));
}

#[test]
fn the_stages_of_g2sd_mask_inputs_and_learn_the_last_layer_alone() {
    let folder = Folder::new();
    folder.succeed(COLLECT);
    folder.succeed(&distill("generic", "--mask 0.3 --feature-weight 1 --format F32"));
    let stage = "--init-from generic/draft.gguf --divergence g2sd --last-layer --format F32";
    folder.succeed(&distill("specific", stage).replace("--vocab-top 200 ", ""));

    let target = pollster::block_on(Target::open(&folder.path("target.gguf"), 96)).unwrap();
    let weights = |run: &str| drafts::open(&folder.path(run).join("draft.gguf"), &target).unwrap().1;
    let (before, after) = (weights("generic"), weights("specific"));
    for (slot, values) in &before.0 {
        let changed = after.0[slot] != *values;
        assert_eq!(changed, slot.layer == Some(0), "{slot:?}");
    }
}

#[test]
fn every_strategy_runs() {
    let folder = Folder::new();
    std::fs::write(
        folder.path("texts.txt"),
        "One text to learn.\n\nAnother text, longer than the first one.",
    )
    .unwrap();
    for strategy in ["fixed", "target", "on-policy", "mixed", "imitkd"] {
        let line = format!(
            "distill --target target.gguf --draft-arch plain-2x64 --init-from random --strategy {strategy} --samples 20 \
             --own-samples 4 --max-tokens 12 --question-tokens 8 --refresh 3 --steps 6 --batch 2 --length 32 \
             --save-every 6 --out {strategy} --prompts texts.txt"
        );
        folder.succeed(&line);
        assert_eq!(newest_checkpoint(&folder.path(strategy)), Some(6), "{strategy}");
        let generate = format!(
            "generate --target target.gguf --draft {strategy}/draft.gguf --device cpu --prompt Hi --max-tokens 4"
        );
        folder.succeed(&generate);
    }
}

#[test]
fn a_draft_that_reads_several_layers_learns_and_drafts_losslessly() {
    let folder = Folder::new();
    folder.succeed(COLLECT);
    // The target has two layers, so both are tapped.
    folder.succeed(&COLLECT.replace("--out data", "--out both --taps 0,1"));
    folder.succeed(&COLLECT.replace("--out data", "--out first --taps 0"));
    let distill = |out: &str, data: &str, arch: &str, more: &str| {
        distill(out, &format!("--init-from regression {more}"))
            .replace("--data data", data)
            .replace("--draft-arch hidden-1", &format!("--draft-arch {arch}"))
            .replace("--vocab-top 200", "--vocab-top 0")
    };
    folder.succeed(&distill("run", "--data both", "taps-1", "--feature-weight 0.1"));
    let losses = losses(&folder.path("run"));
    assert!(losses.last().unwrap().1 < losses[0].1, "nothing was learnt: {losses:?}");

    let mut accepted = 0;
    for prompt in ["Hi", "Once", "the", "a", "0", "?"] {
        let generate = |draft: &str| {
            let line = format!(
                "generate --target target.gguf --draft {draft} --device cpu --prompt {prompt} --max-tokens 30 --gamma 3 \
                 --json"
            );
            serde_json::from_str::<serde_json::Value>(&folder.succeed(&line)).unwrap()
        };
        let (plain, drafted) = (generate("none"), generate("run/draft.gguf"));
        assert_eq!(plain["token_ids"], drafted["token_ids"], "{prompt}");
        accepted += drafted["stats"]["accepted"].as_u64().unwrap();
    }
    assert!(accepted > 0, "nothing is ever accepted, so nothing is tested");

    // Measured beside one that reads the last layer alone, on the same answers.
    std::fs::write(folder.path("prompts.txt"), "Hello there.\n\nAnother one.").unwrap();
    folder.succeed(&distill("last", "--data data", "hidden-1", ""));
    let eval = |drafts: &str| -> Vec<serde_json::Value> {
        let line = format!(
            "eval --target target.gguf {drafts} --prompts prompts.txt --texts prompts.txt --max-tokens 20 --gamma 3 --json"
        );
        let report: serde_json::Value = serde_json::from_str(&folder.succeed(&line)).unwrap();
        let drafts = report["drafts"].as_array().unwrap().iter();
        drafts.map(|draft| serde_json::json!([draft["runs"][0]["rows"], draft["texts"]])).collect()
    };
    let together = eval("--draft run/draft.gguf --draft last/draft.gguf");
    let alone = [eval("--draft run/draft.gguf"), eval("--draft last/draft.gguf")].concat();
    assert_eq!(together, alone);

    // The draft's file says what is collected where no samples are given, and its own text carries the same.
    let own = "--samples 20 --own-samples 4 --max-tokens 12 --question-tokens 8 --strategy mixed --refresh 5";
    folder.succeed(&distill("own", own, "hidden-1", "").replace("regression", "run/draft.gguf"));
    assert!(
        folder.fail(&distill("no", "--data both", "hidden-1", "")).contains("no hidden states of width 32")
    );
    assert!(
        folder.fail(&distill("no", "--data data", "taps-1", "")).contains("no hidden states of width 64")
    );
    assert!(
        folder.fail(&distill("no", "--data first", "hidden-1", "")).contains("of the layers [0], not [1]")
    );
    assert!(folder.fail(&COLLECT.replace("--out data", "--out both --taps 1")).contains("not [1]"));
    for taps in ["0,2", "1,0", "0,0"] {
        let collect = COLLECT.replace("--out data", &format!("--out no --taps {taps}"));
        assert!(folder.fail(&collect).contains("layers 0 to 1, ascending"), "{taps}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let folder = Folder::new();
    folder.succeed(COLLECT);
    let other = distill("run", "").replace("target.gguf", "other.gguf");
    assert!(folder.fail(&other).contains("another tokenizer"));
    folder.succeed(&distill("run", "--format F16"));
    let resume = distill("run", "--resume").replace("target.gguf", "other.gguf");
    assert!(folder.fail(&resume).contains("another tokenizer"));
    let eval = "eval --target other.gguf --draft run/draft.gguf --prompts p.txt";
    std::fs::write(folder.path("p.txt"), "Hi").unwrap();
    assert!(folder.fail(eval).contains("tokenizer"));
    for (flags, words) in [
        ("--divergence kl", "fkl, rkl"),
        ("--strategy best", "on-policy"),
        ("--device tpu", "flex"),
        ("--format Q3", "Q8_0"),
        ("--init-from nothing.gguf", "nothing.gguf"),
    ] {
        assert!(folder.fail(&distill("new", flags)).contains(words), "{flags}");
    }
    assert!(folder.fail(&distill("new", "").replace("hidden-1", "huge")).contains("plain-4x256"));
    // Nothing is collected for a draft that cannot learn so.
    let taps = Some(vec![0]);
    let parts =
        DraftParts { input: Input::Hidden, embedding: Origin::Target, head: Origin::Target, ids: None, taps };
    let early = Tiny { layers: 1, ..target() }.draft_gguf(&target(), &parts);
    std::fs::write(folder.path("early.gguf"), early).unwrap();
    for (flags, arch, words) in [
        ("--init-from regression", "tokens-2", "regression is for drafts"),
        ("--init-from early.gguf --feature-weight 0.5", "hidden-1", "a feature weight is for drafts"),
    ] {
        let line = distill("uncollected", flags).replace("--data data", "").replace("hidden-1", arch);
        assert!(folder.fail(&line.replace("--vocab-top 200", "")).contains(words), "{flags}");
        assert!(!folder.path("uncollected/data").exists(), "{flags}");
    }
    std::fs::write(folder.path("bad.jsonl"), "{\"prompt\": \"fine\"}\nnot json").unwrap();
    let collect = "collect --target target.gguf --out bad --prompts bad.jsonl";
    assert!(folder.fail(collect).contains("bad.jsonl, line 2"));
    std::fs::write(folder.path("data/00000000.safetensors"), "broken").unwrap();
    assert!(folder.fail(&distill("new", "")).contains("collect again"));
    assert!(folder.fail(&distill("nowhere", "--resume")).contains("no run to resume"));
}

#[test]
fn a_run_overwrites_nothing_but_its_own() {
    let folder = Folder::new();
    let run = folder.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("draft.gguf"), "mine").unwrap();
    assert!(folder.fail(&distill("run", "")).contains("draft.gguf is there already"));
    for input in ["--init-from run/draft.gguf", "--prompts ./run/draft.gguf"] {
        for force in ["", "--force"] {
            let error = folder.fail(&distill("run", &format!("{input} {force}")));
            assert!(error.contains("would overwrite") && error.contains("which is read"), "{error}");
        }
    }
    std::fs::hard_link(folder.path("target.gguf"), run.join("initial.gguf")).unwrap();
    assert!(folder.fail(&distill("run", "--force")).contains("would overwrite"));
    std::fs::create_dir_all(folder.path("old/checkpoints")).unwrap();
    assert!(folder.fail(&distill("old", "--force")).contains("checkpoints of another run"));
    assert_eq!(std::fs::read(run.join("draft.gguf")).unwrap(), b"mine");

    std::fs::remove_file(run.join("initial.gguf")).unwrap();
    folder.succeed(COLLECT);
    folder.succeed(&distill("run", "--force"));
    assert_ne!(std::fs::read(run.join("draft.gguf")).unwrap(), b"mine");
    // A shard that was renamed is read, but its new name is not taken from it.
    let names = std::fs::read_dir(folder.path("data")).unwrap();
    let shard = names.map(|entry| entry.unwrap().path()).next().unwrap();
    let renamed = folder.path("data/00000040.safetensors");
    std::fs::rename(shard, &renamed).unwrap();
    let samples = std::fs::read(&renamed).unwrap();
    let more = COLLECT.replace("--samples 40", "--samples 41");
    assert!(folder.fail(&more).contains("is there already, without sample 40"));
    assert_eq!(std::fs::read(&renamed).unwrap(), samples);
}
