//! Collecting: what is said, what is kept of it, and that nothing depends on who runs beside whom.

use half::f16;
use pollster::block_on;

use super::{Collector, Openers, Part, Prompt, Script, Source, collect, shards};
use crate::cpu::{Cache, Draft, Logits};
use crate::gguf::{Format, Value};
use crate::learn::core::Sample;
use crate::learn::core::draft::{Architecture, Weights, file};
use crate::learn::core::sample::weights;
use crate::learn::run::{Target, drafts, files};
use crate::model::Taps;
use crate::model::tiny::Tiny;
use crate::sampling::argmax;
use crate::text::tiny::sentence_piece;

const CAPACITY: usize = 192;

fn tiny() -> Tiny {
    Tiny { format: Format::F32, width: 32, head_dim: 8, ff: 64, layers: 3, ..Tiny::default() }
}

fn target() -> Target {
    block_on(Target::load(&tiny().gguf()[..], CAPACITY)).unwrap()
}

fn collector<'a>(target: &'a Target, lanes: usize, threads: usize) -> Collector<'a> {
    let stop_ids = target.tokenizer.stop_ids();
    let taps = Some(Taps::last(target.model.config()));
    Collector { target: &target.model, draft: None, stop_ids, taps, lanes, threads }
}

fn run(collector: &Collector<'_>, scripts: &[Script]) -> Vec<Sample> {
    let mut samples = Vec::new();
    let numbered = scripts.iter().cloned().enumerate();
    collector
        .run(numbered, |finished| -> Result<(), ()> {
            samples.push((finished.script, finished.sample));
            Ok(())
        })
        .unwrap();
    samples.sort_by_key(|(script, _)| *script);
    samples.into_iter().map(|(_, sample)| sample).collect()
}

fn openers(target: &Target) -> Openers {
    Openers::new(target.template().unwrap(), &target.tokenizer, (12, 20), 5).unwrap()
}

#[test]
fn greedy_answers_are_the_targets_and_rows_are_its_laws() {
    let target = target();
    let script = Script::answer(vec![5, 100, 7], 15, 0.0, 1);
    let sample = &run(&collector(&target, 2, 1), &[script])[0];
    let logits = target.model.forward_hidden(
        &mut Cache::new(target.model.config(), CAPACITY),
        &sample.tokens,
        0,
        Logits::All,
    );
    assert_eq!(sample.tokens[..3], [5, 100, 7]);
    assert_eq!(sample.rows.positions, (2..sample.tokens.len() as u32 - 1).collect::<Vec<_>>());
    for (row, position) in sample.rows.positions.iter().map(|p| *p as usize).enumerate() {
        let logits = &logits.logits[position * 288..][..288];
        assert_eq!(sample.tokens[position + 1], argmax(logits));
        let top = sample.rows.top();
        assert_eq!(sample.rows.ids[row * top], argmax(logits));
        let kept: f32 = sample.rows.p[row * top..][..top].iter().map(|p| p.to_f32()).sum();
        assert!((kept + sample.rows.tail[row] - 1.0).abs() < 5e-3);
    }
    let hidden: Vec<f16> = logits.hidden.iter().map(|h| f16::from_f32(*h)).collect();
    assert_eq!(sample.hidden, hidden[..(sample.tokens.len() - 1) * 32]);
}

#[test]
fn samples_depend_on_their_scripts_alone() {
    let target = target();
    let openers = openers(&target);
    let scripts: Vec<Script> = (0..12).map(|i| openers.script(i)).collect();
    let alone = run(&collector(&target, 1, 1), &scripts);
    assert!(alone.iter().any(|s| s.tokens.len() != alone[0].tokens.len()));
    for (lanes, threads) in [(4, 1), (3, 2), (16, 3)] {
        assert!(
            run(&collector(&target, lanes, threads), &scripts) == alone,
            "{lanes} lanes, {threads} threads"
        );
    }
}

#[test]
fn a_question_is_framed_once_whether_it_ended_or_not() {
    let target = target();
    let stop = target.tokenizer.stop_ids()[0];
    let script = |question: usize| Script {
        parts: vec![
            Part::Context(vec![9, 10]),
            Part::Question(question),
            Part::Context(vec![stop, 11]),
            Part::Answer(3),
        ],
        seed: 1,
        temperature: 1.0,
    };
    let mut counts = [0; 2];
    for seed in 0..60 {
        let sample = &run(&collector(&target, 1, 1), &[Script { seed, ..script(40) }])[0];
        let at = sample.tokens.iter().position(|t| *t == stop).unwrap();
        assert_eq!(sample.tokens[at..at + 2], [stop, 11], "seed {seed}");
        // The context is given, so nothing predicts 11; the stop token was sampled if the question ended with it, and not
        // if it was cut or ended with another one.
        assert!(!sample.rows.positions.contains(&(at as u32)));
        let given = at == 42 || target.tokenizer.stop_ids().contains(&sample.tokens[at - 1]);
        assert_eq!(sample.rows.positions.contains(&(at as u32 - 1)), !given, "seed {seed}");
        counts[usize::from(given)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// A target whose tokenizer puts `<s>` and a space in front of texts.
fn target_with_bos() -> Target {
    let mut writer = Tiny { vocab: 400, head_vocab: 400, ..tiny() }.writer();
    let template = "{% for message in messages %}[INST] {{ message['content'] }} [/INST]{% endfor %}";
    writer.metadata.0.retain(|(key, _)| !key.starts_with("tokenizer."));
    writer.metadata.0.extend(sentence_piece(400).0);
    writer.metadata.set("tokenizer.chat_template", Value::String(template.into()));
    block_on(Target::load(&writer.finish()[..], CAPACITY)).unwrap()
}

#[test]
fn a_sample_begins_with_bos_and_has_no_other() {
    let target = target_with_bos();
    let [bos, ..] = target.tokenizer.encode("").unwrap()[..] else { panic!("no BOS") };
    let text = |ids: &[u32]| target.tokenizer.decode(ids);
    let given = |script: &Script| -> Vec<Vec<u32>> {
        let context = |part: &Part| if let Part::Context(ids) = part { Some(ids.clone()) } else { None };
        script.parts.iter().filter_map(context).collect()
    };
    let openers = openers(&target);
    let mut beginnings = std::collections::HashSet::new();
    for script in (0..200).map(|i| openers.script(i)) {
        let parts = given(&script);
        let [before, after] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((before[0], before.iter().chain(after).filter(|id| **id == bos).count()), (bos, 1));
        assert!(text(before).starts_with("[INST] "), "{}", text(before));
        let bytes: Vec<u8> = after.iter().flat_map(|id| target.tokenizer.token_bytes(*id)).copied().collect();
        assert_eq!(bytes, b" [/INST]");
        beginnings.insert(text(before));
    }
    assert!(beginnings.contains("[INST] How many") && beginnings.contains("[INST] "), "{beginnings:?}");

    let prompt = |question: &str, answer: &str| Prompt {
        question: question.into(),
        answer: Some(answer.into()),
        task: String::new(),
    };
    let prompts = [prompt("why", "so it is"), prompt("", "a text")];
    let source = Source::fixed(&target, &prompts, CAPACITY).unwrap();
    let scripts: Vec<Script> = (0..2).map(|i| source.script(i).unwrap()).collect();
    for (sample, words) in
        run(&collector(&target, 2, 1), &scripts).iter().zip(["[INST] why [/INST] so it is", "a text"])
    {
        assert_eq!(sample.tokens.iter().filter(|id| **id == bos).count(), 1);
        assert_eq!((sample.tokens[0], text(&sample.tokens)), (bos, words.into()));
    }
}

#[test]
fn parts_are_texts_of_their_own_where_nothing_is_put_in_front() {
    let target = target();
    let ids = |text: &str| target.tokenizer.encode(text).unwrap();
    let Some(Script { parts, .. }) = Source::Openers(openers(&target)).script(0) else { panic!("no script") };
    assert_eq!(parts[2], Part::Context(ids("<|im_end|>\n<|im_start|>assistant\n")));
    let Part::Context(before) = &parts[0] else { panic!("{parts:?}") };
    let frame = ids("<|im_start|>user\n");
    let words = target.tokenizer.decode(&before[frame.len()..]);
    assert_eq!(*before, [frame, ids(&words)].concat());
}

#[test]
fn fixed_texts_are_judged_and_not_changed() {
    let target = target();
    let prompt = |question: &str, answer: Option<&str>| Prompt {
        question: question.into(),
        answer: answer.map(String::from),
        task: String::new(),
    };
    let prompts =
        [prompt("", Some("The whole text.")), prompt("Why?", Some("So.")), prompt("Only a question", None)];
    let source = Source::fixed(&target, &prompts, CAPACITY).unwrap();
    assert!(source.script(2).is_none());
    let scripts: Vec<Script> = (0..2).map(|i| source.script(i).unwrap()).collect();
    let samples = run(&collector(&target, 4, 1), &scripts);
    assert_eq!(samples[0].tokens, target.tokenizer.encode("The whole text.").unwrap());
    assert_eq!(samples[0].rows.len(), samples[0].tokens.len() - 1);
    assert_eq!(samples[1].rows.len(), target.tokenizer.encode("So.").unwrap().len());
    assert_eq!(Source::fixed(&target, &prompts[2..], 9).unwrap_err().code(), "learn-shape");
}

#[test]
fn a_draft_says_the_answers_and_the_target_judges_them() {
    let target = target();
    let load = |bytes: &[u8]| block_on(drafts::load(bytes, &target, CAPACITY)).unwrap().0;
    // The target as its own draft draws what the target would.
    let same = load(&tiny().gguf());
    let scripts: Vec<Script> =
        (0..6).map(|i| Script::answer(vec![3, 40 + i], 20, 1.0, u64::from(i))).collect();
    let alone = run(&collector(&target, 4, 1), &scripts);
    let spoken = |draft: &Draft, lanes: usize| {
        let collector = Collector { draft: Some(draft), ..collector(&target, lanes, 1) };
        run(&collector, &scripts)
    };
    assert!(spoken(&same, 3) == alone);

    // One that is fed and can say some ids only: its words, with the target's rows.
    let config = target.model.config();
    let ids: Vec<u32> = (100..160).collect();
    let draft = (Architecture::by_name("hidden-1").unwrap().shape)(config).draft(config, Some(ids.clone()));
    let bytes = file::write(&draft, &Weights::random(&draft, 3), Format::F32, "d", &target.metadata).unwrap();
    let fed = load(&bytes);
    let samples = spoken(&fed, 4);
    assert!(samples == spoken(&fed, 1));
    let mut likely = 0.0;
    let mut count = 0;
    for sample in &samples {
        assert!(sample.tokens[2..].iter().all(|t| ids.contains(t)));
        // Rows are the target's, on the draft's text.
        let logits = target.model.forward(&mut Cache::new(config, CAPACITY), &sample.tokens, 0, Logits::All);
        assert_eq!(sample.rows.ids[0], argmax(&logits[288..2 * 288]));
        // And the tokens were drawn from the draft's law, given the target's states.
        let width = config.width;
        let states: Vec<f32> = std::iter::repeat_n(0.0, width)
            .chain(sample.hidden.iter().map(|h| h.to_f32()))
            .take((sample.tokens.len() - 1) * width)
            .collect();
        let tokens = &sample.tokens[..sample.tokens.len() - 1];
        let output = fed.forward(&mut Cache::new(fed.config(), CAPACITY), tokens, &states, 0, Logits::All);
        for (at, logits) in output.logits.chunks_exact(60).enumerate().skip(1) {
            let (weights, total) = weights(logits, 1.0);
            let id = fed.draft_id(sample.tokens[at + 1]).unwrap() as usize;
            likely += (f64::from(weights[id]) / total).ln() - {
                weights.iter().map(|w| f64::from(*w) / total).map(|p| p * p.ln()).sum::<f64>()
            };
            count += 1;
        }
    }
    // The mean log-probability of what is drawn is minus the entropy.
    assert!((likely / f64::from(count)).abs() < 0.25, "{}", likely / f64::from(count));
}

#[test]
fn samples_carry_the_states_that_are_asked_for_and_the_draft_reads_its_own() {
    let target = target();
    let config = target.model.config();
    let taps = |layers: &[usize]| Taps::new(layers.to_vec(), config).unwrap();
    let shape = Architecture::by_name("taps-1").unwrap().shape;
    let draft = shape(config).draft(config, None);
    assert_eq!(draft.taps, Some(vec![1, 2]));
    let bytes = file::write(&draft, &Weights::random(&draft, 3), Format::F32, "d", &target.metadata).unwrap();
    let draft = block_on(drafts::load(&bytes[..], &target, CAPACITY)).unwrap().0;
    let scripts: Vec<Script> =
        (0..5).map(|i| Script::answer(vec![3, 40 + i, 9], 14, 1.0, u64::from(i))).collect();
    let with = |taps: Option<Taps>, draft: Option<&Draft>, lanes: usize| {
        run(&Collector { taps, draft, ..collector(&target, lanes, 1) }, &scripts)
    };
    for speaker in [None, Some(&draft)] {
        let bare = with(None, speaker, 3);
        for layers in [&[2][..], &[0], &[0, 2], &[0, 1, 2]] {
            let samples = with(Some(taps(layers)), speaker, 3);
            assert!(samples == with(Some(taps(layers)), speaker, 1), "{layers:?}");
            for (sample, bare) in samples.iter().zip(&bare) {
                assert_eq!((&sample.tokens, &sample.rows), (&bare.tokens, &bare.rows), "{layers:?}");
                assert!(bare.hidden.is_empty());
                let mut cache = Cache::new(config, CAPACITY);
                let read = &sample.tokens[..sample.tokens.len() - 1];
                let states =
                    target.model.forward_tapped(&mut cache, read, 0, Logits::States, &taps(layers)).hidden;
                let states: Vec<f16> = states.into_iter().map(f16::from_f32).collect();
                assert!(sample.hidden == states, "{layers:?}");
            }
        }
    }
    assert!(with(None, None, 3) != with(None, Some(&draft), 3));
}

#[test]
fn a_folder_is_taken_up_where_it_stands() {
    let target = target();
    let source = Source::Openers(openers(&target));
    let collector = collector(&target, 4, 2);
    let fingerprint = target.tokenizer.fingerprint();
    let read = |folder: &std::path::Path| {
        let paths = files::list(folder, "safetensors").unwrap();
        let mut all: Vec<_> =
            paths.iter().flat_map(|p| shards::read(p, fingerprint).unwrap().samples).collect();
        all.sort_by_key(|(script, _)| *script);
        all
    };
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let full = collect(&collector, &source, 70, whole.path(), fingerprint, |_| {}).unwrap();
    assert_eq!(full.samples, 70);
    for samples in [10, 40, 70] {
        collect(&collector, &source, samples, parts.path(), fingerprint, |_| {}).unwrap();
    }
    assert_eq!(read(whole.path()).len(), 70);
    assert!(read(whole.path()) == read(parts.path()));
    let error = collect(&collector, &source, 90, parts.path(), fingerprint + 1, |_| {}).unwrap_err();
    assert_eq!(error.code(), "learn-tokenizer");
    // Samples of a folder carry the same states.
    let taps = Some(Taps::new(vec![0], target.model.config()).unwrap());
    let other = Collector { taps, ..collector.clone() };
    let error = collect(&other, &source, 90, parts.path(), fingerprint, |_| {}).unwrap_err();
    assert_eq!(error.code(), "learn-shard");
    assert!(error.to_string().contains("[2], not [0]"), "{error}");
    // Shards of before there were taps say nothing of layers: theirs is the last.
    for path in files::list(parts.path(), "safetensors").unwrap() {
        let shard = shards::read(&path, fingerprint).unwrap();
        shards::write(&path, fingerprint, &shards::Shard { layers: None, ..shard }).unwrap();
    }
    let error = collect(&other, &source, 90, parts.path(), fingerprint, |_| {}).unwrap_err();
    assert!(error.to_string().contains("[2], not [0]"), "{error}");
    collect(&collector, &source, 71, parts.path(), fingerprint, |_| {}).unwrap();
    // Nor do some carry states and others none.
    let bare = Collector { taps: None, ..collector.clone() };
    let error = collect(&bare, &source, 90, parts.path(), fingerprint, |_| {}).unwrap_err();
    assert!(error.to_string().contains("it has hidden states, and"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    for samples in [2, 3] {
        collect(&bare, &source, samples, folder.path(), fingerprint, |_| {}).unwrap();
    }
    let error = collect(&collector, &source, 90, folder.path(), fingerprint, |_| {}).unwrap_err();
    assert!(error.to_string().contains("it has no hidden states"), "{error}");
}
