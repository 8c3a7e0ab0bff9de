//! What headers say, and what is refused: on the headers of tiny models with other metadata and tensors.

use super::tiny::{DraftParts, Tiny};
use super::{Config, Draft, Error, Model};
use crate::gguf::{Array, Header, Stream, Value};
use pollster::block_on;

fn header_of(file: &[u8]) -> Header {
    block_on(Stream::open(file)).unwrap().header().clone()
}

fn header() -> Header {
    header_of(&Tiny::default().gguf())
}

/// The configuration where `key` has another value, or none.
fn with(key: &str, value: Option<Value>) -> Result<Config, Error> {
    let mut header = header();
    match value {
        Some(value) => header.metadata.set(key, value),
        None => header.metadata.0.retain(|(k, _)| k != key),
    }
    Model::describe(&header).map(|model| model.config)
}

fn refused(key: &str, value: Option<Value>, code: &str) {
    let said = format!("{value:?}");
    let error = with(key, value).expect_err(&said);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(key), "{error}");
}

fn text(text: &str) -> Option<Value> {
    Some(Value::String(text.into()))
}

/// Every type that can hold a number of a tiny model.
fn in_every_type(number: f64) -> Vec<Value> {
    let whole = number as u64;
    let mut all = vec![Value::F32(number as f32), Value::F64(number)];
    if number.fract() == 0.0 {
        all.extend([
            Value::U32(whole as u32),
            Value::I32(whole as i32),
            Value::U64(whole),
            Value::I64(whole as i64),
        ]);
        all.extend(u16::try_from(whole).map(Value::U16));
        all.extend(i16::try_from(whole).map(Value::I16));
        all.extend(u8::try_from(whole).map(Value::U8));
        all.extend(i8::try_from(whole).map(Value::I8));
    }
    all
}

#[test]
fn keys_are_read_whatever_number_type_they_have() {
    let sizes = [
        ("llama.block_count", 2.0),
        ("llama.context_length", 512.0),
        ("llama.embedding_length", 64.0),
        ("llama.feed_forward_length", 96.0),
        ("llama.attention.head_count", 4.0),
        ("llama.attention.head_count_kv", 2.0),
        ("llama.attention.key_length", 16.0),
        ("llama.attention.value_length", 16.0),
        ("llama.rope.dimension_count", 16.0),
        ("llama.rope.freq_base", 10_000.0),
    ];
    for (key, number) in sizes {
        for value in in_every_type(number) {
            assert_eq!(with(key, Some(value.clone())).unwrap(), Tiny::default().config(), "{key} as {value}");
        }
        for value in
            [Value::Bool(true), Value::String("4".into()), Value::Array(Array::String(vec!["4".into()]))]
        {
            refused(key, Some(value), "gguf-metadata");
        }
    }
    for (key, _) in &sizes[..9] {
        refused(key, Some(Value::F32(1.5)), "gguf-metadata");
        refused(key, Some(Value::I32(-1)), "gguf-metadata");
        refused(key, Some(Value::U64(1 << 40)), "model-config");
        refused(key, Some(Value::U8(0)), "model-config");
    }
    refused("llama.attention.layer_norm_rms_epsilon", text("1e-5"), "gguf-metadata");
    let config = with("llama.attention.layer_norm_rms_epsilon", Some(Value::F64(1e-6))).unwrap();
    assert_eq!(config.rms_eps, 1e-6);
    assert_eq!(with("llama.attention.layer_norm_rms_epsilon", Some(Value::U8(0))).unwrap().rms_eps, 0.0);
}

#[test]
fn keys_that_are_absent_have_llama_cpps_defaults_or_are_missed() {
    for key in [
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon",
        "general.architecture",
    ] {
        refused(key, None, "gguf-metadata");
    }
    let same = Tiny::default().config();
    for key in ["attention.key_length", "attention.value_length", "rope.dimension_count", "rope.freq_base"] {
        assert_eq!(with(&format!("llama.{key}"), None).unwrap(), same, "{key}");
    }
    let tiny = Tiny { kv_heads: 4, ..Tiny::default() };
    let mut header = header_of(&tiny.gguf());
    header.metadata.0.retain(|(key, _)| key != "llama.attention.head_count_kv");
    assert_eq!(Config::from_header(&header).unwrap().plan.layers[1].attention().kv_heads, 4);
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    for value in [f32::NAN, f32::INFINITY, -1.0] {
        for key in
            ["attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.scaling.factor", "rope.scale_linear"]
        {
            refused(&format!("llama.{key}"), Some(Value::F32(value)), "model-config");
        }
    }
    refused("llama.rope.freq_base", Some(Value::F32(0.0)), "model-config");
}

#[test]
fn linear_rope_scaling_is_that_of_llama_cpp() {
    let scale = |keys: &[(&str, Value)]| {
        let mut header = header();
        for (key, value) in keys {
            header.metadata.set(format!("llama.{key}"), value.clone());
        }
        Config::from_header(&header).map(|config| config.plan.ropes[0].scale)
    };
    let kind = |name: &str| ("rope.scaling.type", Value::String(name.into()));
    let factor = |factor: f32| ("rope.scaling.factor", Value::F32(factor));
    let old = |factor: f32| ("rope.scale_linear", Value::F32(factor));
    for (keys, expected) in [
        (vec![], 1.0),
        (vec![factor(4.0)], 4.0),
        (vec![kind("linear"), factor(4.0)], 4.0),
        (vec![kind("linear")], 1.0),
        (vec![old(2.5)], 2.5),
        (vec![kind("linear"), old(2.5)], 2.5),
        (vec![factor(4.0), old(2.5)], 4.0),
        (vec![factor(0.0), old(2.5)], 1.0),
        (vec![old(0.0)], 1.0),
        (vec![kind("none"), factor(4.0)], 1.0),
        (vec![("rope.scaling.factor", Value::U8(4))], 4.0),
        (vec![("rope.scaling.factor", Value::F64(4.0))], 4.0),
        (vec![("rope.scaling.finetuned", Value::Bool(true)), factor(2.0)], 2.0),
        (vec![("rope.scaling.original_context_length", Value::U32(128)), factor(2.0)], 2.0),
    ] {
        assert_eq!(scale(&keys).unwrap(), expected, "{keys:?}");
    }
    for name in ["yarn", "longrope", "su", "dynamic", "", "llama3"] {
        let error = scale(&[kind(name), factor(4.0)]).unwrap_err();
        assert_eq!(error.code(), "model-rope-scaling");
        assert!(error.to_string().contains(name), "{error}");
    }
    let tiny = Tiny { rope_factors: true, ..Tiny::default() };
    let mut header = header_of(&tiny.gguf());
    header.metadata.set("llama.rope.scaling.type", Value::String("llama3".into()));
    header.metadata.set("llama.rope.scaling.factor", Value::F32(8.0));
    assert_eq!(Config::from_header(&header).unwrap().plan.ropes[0].scale, 1.0);
    refused("llama.rope.scaling.type", Some(Value::U8(1)), "gguf-metadata");
    refused("llama.rope.scaling.factor", text("4"), "gguf-metadata");
}

#[test]
fn lists_of_sizes_must_be_of_one_size() {
    let list = |values: &[i32]| Some(Value::Array(Array::I32(values.to_vec())));
    for (key, size) in
        [("attention.head_count", 4), ("attention.head_count_kv", 2), ("feed_forward_length", 96)]
    {
        let key = format!("llama.{key}");
        assert_eq!(with(&key, list(&[size; 2])).unwrap(), Tiny::default().config());
        refused(&key, list(&[size, size - 1]), "model-per-layer");
        refused(&key, list(&[0, 0]), "model-config");
        refused(&key, list(&[]), "gguf-metadata");
    }
}

#[test]
fn what_is_not_computed_is_refused_unless_it_says_nothing() {
    let numbers: [(&str, &[f64], &[f64]); 22] = [
        ("attention.clamp_kqv", &[8.0], &[0.0]),
        ("attention.max_alibi_bias", &[8.0], &[0.0]),
        ("attention.output_scale", &[0.5], &[0.0, 1.0]),
        ("attention.scale", &[0.1, 1.0, f64::NAN], &[0.0, 0.25]),
        ("attention.shared_kv_layers", &[1.0], &[0.0]),
        ("attention.sliding_window", &[1.0, 511.0], &[0.0, 512.0, 4096.0]),
        ("attention.temperature_scale", &[0.1], &[0.0]),
        ("attention.value_scale", &[2.0], &[0.0, 1.0]),
        ("attn_logit_softcapping", &[50.0], &[0.0]),
        ("embedding_scale", &[12.0], &[0.0, 1.0]),
        ("final_logit_softcapping", &[30.0], &[0.0]),
        ("logit_scale", &[0.25], &[0.0, 1.0]),
        ("nextn_predict_layers", &[1.0], &[0.0]),
        ("pooling_type", &[1.0, 3.0], &[0.0, -1.0, 4_294_967_295.0]),
        ("residual_scale", &[0.22], &[0.0, 1.0]),
        ("rope.scaling.alpha", &[1000.0], &[0.0]),
        ("rope.scaling.attn_factor", &[0.5, 0.0], &[1.0]),
        ("rope.scaling.yarn_attn_factor", &[0.5], &[1.0]),
        ("rope.scaling.yarn_ext_factor", &[1.0], &[0.0, -1.0]),
        ("rope.scaling.yarn_log_multiplier", &[0.1], &[0.0]),
        ("use_parallel_residual", &[1.0], &[0.0]),
        ("swin_norm", &[1.0], &[0.0]),
    ];
    for (key, bad, good) in numbers {
        let key = format!("llama.{key}");
        for number in bad {
            refused(&key, Some(Value::F64(*number)), "model-feature");
            refused(&key, Some(Value::F32(*number as f32)), "model-feature");
        }
        // The first is 0 or 1.
        for value in in_every_type(good[0]).into_iter().chain(good.iter().map(|number| Value::F64(*number))) {
            assert_eq!(with(&key, Some(value)).unwrap(), Tiny::default().config());
        }
        refused(&key, text("much"), "model-feature");
    }
    for (key, bad, good) in [
        ("llama.attention.causal", Value::Bool(false), Value::Bool(true)),
        ("llama.attention.causal", Value::U8(0), Value::U8(1)),
        ("llama.use_parallel_residual", Value::Bool(true), Value::Bool(false)),
        ("llama.hidden_activation", Value::String("gelu".into()), Value::String("silu".into())),
        (
            "llama.rope.dimension_sections",
            Value::Array(Array::I32(vec![16, 24, 24, 0])),
            Value::Array(Array::I32(vec![0; 4])),
        ),
    ] {
        refused(key, Some(bad), "model-feature");
        assert_eq!(with(key, Some(good)).unwrap(), Tiny::default().config());
    }
    refused("llama.attention.value_length", Some(Value::U32(8)), "model-feature");
    refused("general.quantization_version", Some(Value::U32(1)), "model-feature");
    assert!(with("general.quantization_version", Some(Value::U32(2))).is_ok());
}

#[test]
fn a_file_that_llama_cpp_saved_with_all_defaults_runs() {
    let mut header = header();
    let mut set = |key: &str, value| header.metadata.set(format!("llama.{key}"), value);
    set("attn_logit_softcapping", Value::F32(50.0));
    set("router_logit_softcapping", Value::F32(30.0));
    set("final_logit_softcapping", Value::F32(30.0));
    set("rope.scaling.type", Value::String("linear".into()));
    set("rope.scaling.factor", Value::F32(0.0));
    set("rope.scaling.yarn_ext_factor", Value::F32(-1.0));
    set("expert_count", Value::U32(0));
    assert_eq!(Model::describe(&header).unwrap().config, Tiny::default().config());
}

#[test]
fn files_that_hold_no_model_say_what_they_are() {
    let refused = |change: &dyn Fn(&mut Header), code: &str, words: &[&str]| {
        let mut header = header();
        change(&mut header);
        let error = Model::describe(&header).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        words.iter().for_each(|words| assert!(error.to_string().contains(words), "{error}"));
        assert!(!error.to_string().contains("download"), "{error}");
    };
    let set =
        |key: &'static str, value: Value| move |header: &mut Header| header.metadata.set(key, value.clone());
    let name = |key: &'static str, name: &'static str| set(key, Value::String(name.into()));
    let tensor = |name: &'static str| move |header: &mut Header| header.tensors[5].name = name.into();
    let supported = "llama, qwen2, qwen3, gemma2, gemma3, phi3";

    refused(&name("general.type", "adapter"), "model-adapter", &["LoRA adapter", "merge"]);
    refused(&name("adapter.type", "lora"), "model-adapter", &["LoRA adapter"]);
    refused(&tensor("blk.0.attn_q.weight.lora_a"), "model-adapter", &["LoRA adapter"]);
    refused(&name("general.type", "imatrix"), "model-imatrix", &["importance matrix"]);
    refused(&|header| header.tensors.clear(), "model-vocabulary-only", &["no tensors", "whole file"]);
    refused(
        &set("llama.expert_count", Value::U32(8)),
        "model-experts",
        &["llama.expert_count is 8", "dense"],
    );
    for of_experts in ["blk.0.ffn_gate_exps.weight", "blk.1.ffn_gate_inp.weight", "blk.0.ffn_up.0.weight"] {
        refused(&tensor(of_experts), "model-experts", &["mixture of experts", of_experts]);
    }
    refused(&tensor("blk.0.attn_qkv.weight"), "model-fused-tensor", &["blk.0.attn_qkv.weight", "attn_q"]);
    refused(&tensor("blk.0.else.weight"), "model-missing-tensor", &["missing"]);
    for (architecture, why) in [("mamba", ""), ("bert", "embeddings"), ("clip", "mmproj")] {
        let words = [architecture, why, supported];
        refused(&name("general.architecture", architecture), "model-architecture", &words);
    }
    let experts = |header: &mut Header| {
        header.metadata.set("general.architecture", Value::String("qwen3moe".into()));
        header.metadata.set("qwen3moe.expert_count", Value::U32(128));
    };
    refused(&experts, "model-architecture", &["qwen3moe", "a mixture of experts", supported]);
    refused(&set("general.architecture", Value::U8(1)), "gguf-metadata", &["general.architecture"]);
}

#[test]
fn a_draft_is_no_target_and_its_ids_have_any_width() {
    let target = Tiny::default();
    let parts = DraftParts {
        input: super::draft::Input::Hidden,
        embedding: super::draft::Origin::Target,
        head: super::draft::Origin::Own,
        ids: Some(vec![1, 5, 7]),
        taps: None,
    };
    let tiny = Tiny { layers: 1, rope_scale: 4.0, ..Tiny::default() };
    let mut header = header_of(&tiny.draft_gguf(&target, &parts));
    let error = Model::describe(&header).unwrap_err();
    assert_eq!(error.code(), "model-is-draft");
    assert!(error.to_string().contains("--draft"), "{error}");

    let config = target.config();
    let rope = &Draft::describe(&header, &config).unwrap().config.plan.ropes[0];
    assert_eq!(rope.scale, 4.0, "the file keeps its rope");
    for ids in [Array::I64(vec![1, 5, 7]), Array::U8(vec![1, 5, 7]), Array::F32(vec![1.0, 5.0, 7.0])] {
        header.metadata.set("paceline.draft.ids", Value::Array(ids));
        assert_eq!(Draft::describe(&header, &config).unwrap().ids, parts.ids);
    }
    for (ids, code) in [
        (Array::I32(vec![-1, 5, 7]), "gguf-metadata"),
        (Array::U64(vec![1, 5, u64::MAX]), "model-config"),
        (Array::String(vec!["1".into()]), "gguf-metadata"),
    ] {
        header.metadata.set("paceline.draft.ids", Value::Array(ids));
        let error = Draft::describe(&header, &config).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("paceline.draft.ids"), "{error}");
    }
}
