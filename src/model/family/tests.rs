//! What the headers of each family ask for.

use pollster::block_on;

use super::Family;
use crate::gguf::{Array, Header, Stream, Value};
use crate::model::tiny::Tiny;
use crate::model::{Activation, Config, Error, Mlp, Model, Norms, Plan, Role};

/// The plan of a tiny model of six layers whose header says `keys` as well.
fn plan(family: &'static str, keys: &[(&str, Option<Value>)]) -> Result<Plan, Error> {
    let mut header = header(Tiny { family, layers: 6, ..Tiny::default() });
    for (key, value) in keys {
        let key = format!("{family}.{key}");
        match value {
            Some(value) => header.metadata.set(key, value.clone()),
            None => header.metadata.0.retain(|(other, _)| *other != key),
        }
    }
    Config::from_header(&header).map(|config| config.plan)
}

fn header(tiny: Tiny) -> Header {
    block_on(Stream::open(tiny.gguf().as_slice())).unwrap().header().clone()
}

fn windows(plan: &Plan) -> Vec<Option<usize>> {
    plan.layers.iter().map(|layer| layer.attention().window).collect()
}

#[test]
fn families_have_names_of_their_own() {
    for family in super::FAMILIES {
        assert!(std::ptr::eq(*family, Family::by_name(family.name).unwrap()), "{}", family.name);
    }
}

#[test]
fn gemma_sees_windows_between_layers_that_see_all() {
    const WINDOW: &str = "attention.sliding_window";
    const PATTERN: &str = "attention.sliding_window_pattern";
    let by_default = plan("gemma3", &[(PATTERN, None), (WINDOW, Some(Value::U32(7)))]).unwrap();
    assert_eq!(windows(&by_default), [Some(7), Some(7), Some(7), Some(7), Some(7), None]);
    let ropes: Vec<usize> = by_default.layers.iter().map(|layer| layer.attention().rope).collect();
    assert_eq!(ropes, [1, 1, 1, 1, 1, 0]);
    let every_third = plan("gemma3", &[(PATTERN, Some(Value::U8(3)))]).unwrap();
    assert_eq!(windows(&every_third), [Some(5), Some(5), None, Some(5), Some(5), None]);
    let list = Value::Array(Array::Bool(vec![false, true, true, false, false, true]));
    let listed = plan("gemma3", &[(PATTERN, Some(list))]).unwrap();
    assert_eq!(windows(&listed), [None, Some(5), Some(5), None, None, Some(5)]);
    // A window that no context reaches, and none.
    for (size, rope) in [(Some(512), 1), (Some(u32::MAX), 1), (Some(0), 0), (None, 0)] {
        let all = plan("gemma3", &[(WINDOW, size.map(Value::U32))]).unwrap();
        assert_eq!(windows(&all), [None; 6]);
        assert_eq!(all.layers[0].attention().rope, rope, "{size:?}");
    }
    let huge = plan("gemma3", &[(WINDOW, Some(Value::U64((1 << 32) + 5)))]).unwrap();
    assert_eq!(windows(&huge), [None; 6]);
    let short = Value::Array(Array::Bool(vec![true; 5]));
    for bad in [Value::U32(0), Value::String("6".into()), short, Value::Array(Array::U32(vec![1]))] {
        assert!(plan("gemma3", &[(PATTERN, Some(bad))]).is_err());
    }
}

#[test]
fn gemma_scales_its_ropes_and_scores_as_its_paper_says() {
    let scaled = plan(
        "gemma3",
        &[
            ("rope.scaling.type", Some(Value::String("linear".into()))),
            ("rope.scaling.factor", Some(Value::F32(8.0))),
            ("rope.freq_base", Some(Value::F32(1e6))),
        ],
    )
    .unwrap();
    let [global, local] = &scaled.ropes[..] else { panic!("two ropes") };
    assert_eq!((global.base, global.scale), (1e6, 8.0));
    assert_eq!((local.base, local.scale), (4e3, 1.0));
    assert_eq!(plan("gemma3", &[("rope.freq_base_swa", None)]).unwrap().ropes[1].base, 1e4);
    let other = plan("gemma3", &[("rope.freq_base_swa", Some(Value::F32(2e4)))]).unwrap();
    assert_eq!(other.ropes[1].base, 2e4);

    assert_eq!(scaled.embedding_scale, 8.0, "the root of the width");
    let layer = &scaled.layers[0];
    assert_eq!(layer.norms, Norms::BeforeAndAfter);
    assert!(layer.attention().qk_norm);
    assert_eq!(layer.attention().scale, 0.25, "heads are 16 wide");
    assert_eq!(layer.mlp, Mlp::Gated { ff: 96, activation: Activation::Gelu });
    // The model of 27B has as many layers, and heads of another width than their share.
    let large = Tiny { family: "gemma3", layers: 62, head_dim: 32, ..Tiny::default() }.config();
    assert_eq!(large.plan.layers[0].attention().scale, 0.25, "64 over 4 heads");

    let capped = plan("gemma3", &[("final_logit_softcapping", Some(Value::F32(30.0)))]).unwrap_err();
    assert_eq!(capped.code(), "model-feature");
    let silu = plan("gemma3", &[("hidden_activation", Some(Value::String("silu".into())))]).unwrap_err();
    assert_eq!(silu.code(), "model-feature");
}

#[test]
fn gemma_2_caps_scores_and_logits() {
    let tiny = plan("gemma2", &[]).unwrap();
    assert_eq!(windows(&tiny), [Some(5), None, Some(5), None, Some(5), None]);
    assert_eq!((tiny.layers[0].attention().softcap, tiny.logit_softcap), (Some(1.5), Some(2.5)));
    let absent = plan("gemma2", &[("attn_logit_softcapping", None), ("final_logit_softcapping", None)]);
    let absent = absent.unwrap();
    assert_eq!((absent.layers[0].attention().softcap, absent.logit_softcap), (Some(50.0), Some(30.0)));
    for bad in [0.0, -1.0, f64::NAN, 1e300, 1e-300] {
        assert!(plan("gemma2", &[("attn_logit_softcapping", Some(Value::F64(bad)))]).is_err());
    }
    let long = Tiny { family: "gemma2", layers: 2, context: 8192, ..Tiny::default() };
    let mut header = header(long);
    header.metadata.0.retain(|(key, _)| key != "gemma2.attention.sliding_window");
    let plan = Config::from_header(&header).unwrap().plan;
    assert_eq!(windows(&plan), [Some(4096), None], "llama.cpp's default");
}

#[test]
fn phi_has_a_rope_for_short_caches_and_one_for_long_ones() {
    let tiny = Tiny { family: "phi3", rope_factors: true, ..Tiny::default() };
    let header = header(tiny.clone());
    let config = Model::describe(&header).unwrap().config;
    let rope = &config.plan.ropes[0];
    assert_eq!(rope.magnitude, 1.25);
    assert_eq!(rope.factors.role(32), Some(Role::RopeFactorsShort));
    assert_eq!(rope.factors.role(33), Some(Role::RopeFactorsLong));
    assert_eq!(windows(&config.plan), [Some(9); 2]);
    // Cosines and sines are as long as the magnitude.
    let [cos, sin] = rope.table(2, None)[9];
    assert!((cos.hypot(sin) - 1.25).abs() < 1e-6);

    for missing in ["short", "long"] {
        let name = format!("rope_factors_{missing}.weight");
        let mut header = header.clone();
        header.tensors.retain(|tensor| tensor.name != name);
        let error = Model::describe(&header).unwrap_err();
        assert_eq!(error.code(), "model-missing-tensor");
        assert!(error.to_string().contains(&name), "{error}");
    }
    let mut without = header.clone();
    without.tensors.retain(|tensor| !tensor.name.starts_with("rope_factors"));
    assert!(Model::describe(&without).is_ok());
    let longrope = plan("phi3", &[("rope.scaling.type", Some(Value::String("longrope".into())))]).unwrap();
    assert_eq!(longrope.ropes[0].scale, 1.0);
    let yarn = plan("phi3", &[("rope.scaling.type", Some(Value::String("yarn".into())))]).unwrap_err();
    assert_eq!(yarn.code(), "model-rope-scaling");
}

#[test]
fn phi_has_its_matrices_together() {
    let header = header(Tiny { family: "phi3", ..Tiny::default() });
    let model = Model::describe(&header).unwrap();
    assert!(model.tensor(Some(0), Role::Qkv).is_some() && model.tensor(Some(0), Role::GateUp).is_some());
    assert!(model.tensor(Some(0), Role::Q).is_none() && model.tensor(Some(0), Role::Up).is_none());
    let mut apart = header.clone();
    let fused = apart.tensors.iter_mut().find(|tensor| tensor.name == "blk.0.attn_qkv.weight").unwrap();
    fused.name = "blk.0.attn_q.weight".into();
    assert_eq!(Model::describe(&apart).unwrap_err().code(), "model-missing-tensor");
}
