//! That what is made can be read.

use super::*;
use crate::gguf::Stream;
use crate::model::Model;
use crate::model::family::FAMILIES;
use pollster::block_on;

/// Reads the whole file and describes the model in it.
fn read(tiny: &Tiny) -> (crate::gguf::Header, Model) {
    let file = tiny.gguf();
    let mut stream = block_on(Stream::open(&file[..])).unwrap();
    while block_on(stream.next_window()).unwrap().is_some() {}
    let header = stream.header().clone();
    let model = Model::describe(&header).unwrap();
    (header, model)
}

#[test]
fn every_family_describes_itself() {
    for family in FAMILIES {
        for tied in [true, false] {
            let tiny = Tiny {
                family: family.name,
                tied,
                head_vocab: 265,
                rope_dim: Some(8),
                rope_scale: 4.0,
                rope_factors: true,
                ..Tiny::default()
            };
            let (header, model) = read(&tiny);
            assert_eq!(model.config, tiny.config());
            assert!(model.slots.iter().all(Option::is_some), "{:?}", header.tensors);
            let attention = model.config.plan.layers[1].attention();
            assert_eq!(model.tensor(Some(1), Role::QBias).is_some(), attention.bias);
            assert_eq!(model.tensor(Some(1), Role::KNorm).is_some(), attention.qk_norm);
            for role in model.config.plan.ropes[0].factors.roles() {
                assert!(model.tensor(None, *role).is_some());
            }
            assert_eq!(model.tensor(None, Role::Output).is_some(), !tied);
        }
    }
}

#[test]
fn sizes_may_be_odd_and_formats_mixed() {
    let odd = Tiny {
        width: 37,
        heads: 3,
        kv_heads: 1,
        head_dim: 10,
        ff: 41,
        vocab: 261,
        format: Format::F16,
        formats: vec![(Role::Down, Format::F32), (Role::OutputNorm, Format::BF16)],
        ..Tiny::default()
    };
    let (header, model) = read(&odd);
    assert_eq!(model.config, odd.config());
    let format = |name| header.tensor(name).unwrap().1.format;
    assert_eq!(format("blk.0.ffn_down.weight"), Format::F32);
    assert_eq!(format("blk.0.ffn_up.weight"), Format::F16);
    assert_eq!(format("output_norm.weight"), Format::BF16);
}

#[test]
fn every_format_can_be_the_matrices() {
    for spec in &crate::gguf::format::FORMATS {
        let tiny =
            Tiny { width: 256, head_dim: 64, ff: 512, format: spec.format, layers: 1, ..Tiny::default() };
        assert_eq!(read(&tiny).1.config, tiny.config());
    }
}

#[test]
fn tensors_depend_on_their_name_and_seed_alone() {
    let first = |tiny: &Tiny| tiny.values("blk.0.attn_q.weight", Role::Q, &[64, 64]);
    let deep = Tiny { layers: 5, ..Tiny::default() };
    assert_eq!(first(&Tiny::default()), first(&deep));
    assert_ne!(first(&deep), first(&Tiny { seed: 2, ..deep.clone() }));
    let values = first(&deep);
    let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
    assert!((variance * 64.0 - 1.0).abs() < 0.1, "{variance}");
}

#[test]
fn the_vocabulary_is_consistent() {
    let (tokens, merges) = tokens(288);
    assert_eq!(tokens.iter().collect::<std::collections::HashSet<_>>().len(), 288);
    for merge in &merges {
        let (left, right) = merge.split_once(' ').unwrap();
        for part in [left, right, &merge.replace(' ', "")] {
            assert!(tokens.iter().any(|t| t == part), "{part}");
        }
    }
    assert_eq!((byte_char(b'A'), byte_char(b' '), byte_char(0), byte_char(0xad)), ('A', 'Ġ', 'Ā', 'Ń'));
    assert_eq!(super::tokens(261).1.len(), 2);
}
