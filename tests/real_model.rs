//! The model that Paceline is developed with, read from beginning to end.

use crate::common;

use paceline::gguf::{Format, Stream};
use paceline::model::{Model, Role, RopeStyle};
use paceline::source::FileSource;
use pollster::block_on;

#[test]
fn smollm2_is_read_whole() {
    let path = common::real_model();
    let length = std::fs::metadata(&path).unwrap().len();
    let mut stream = block_on(Stream::open(FileSource::open(&path).unwrap())).unwrap();
    let header = stream.header().clone();
    assert_eq!((header.version, header.tensors.len(), header.alignment), (3, 272, 32));
    assert_eq!(header.metadata.require_strings("tokenizer.ggml.tokens").unwrap().len(), 49152);

    let mut bytes = vec![0; header.tensors.len()];
    let mut last_rows = vec![Vec::new(); header.tensors.len()];
    while let Some(window) = block_on(stream.next_window()).unwrap() {
        bytes[window.tensor] += window.bytes.len() as u64;
        last_rows[window.tensor] =
            window.bytes[window.bytes.len() / window.rows * (window.rows - 1)..].to_vec();
    }
    let mut end = 0;
    for (tensor, bytes) in header.tensors.iter().zip(bytes) {
        assert_eq!(bytes, tensor.bytes(), "{}", tensor.name);
        end = end.max(header.data_offset + tensor.offset + bytes);
    }
    assert!(end <= length && length - end < 32, "{end} of {length} bytes are tensors");

    // The last four weights of three tensors, as the Python package `gguf` reads them.
    for (name, expected) in LAST_WEIGHTS {
        let (index, tensor) = header.tensor(name).unwrap();
        let mut row = vec![0.0; tensor.columns()];
        tensor.format.dequantize(&last_rows[index], &mut row);
        assert_eq!(row[row.len() - 4..], expected, "{name}");
    }
}

const LAST_WEIGHTS: [(&str, [f32; 4]); 3] = [
    ("token_embd.weight", [0.07819176, 0.128582, -0.11989403, -0.04170227]),
    ("blk.29.ffn_down.weight", [0.056640625, 0.203125, -0.08984375, 0.056640625]),
    ("output_norm.weight", [1.9140625, 1.8828125, 1.921875, 1.984375]),
];

#[test]
fn smollm2_is_described() {
    let stream = block_on(Stream::open(FileSource::open(&common::real_model()).unwrap())).unwrap();
    let header = stream.header();
    let model = Model::describe(header).unwrap();
    assert!(model.slots.iter().all(Option::is_some));
    let c = &model.config;
    let (layers, layer) = (&c.plan.layers, &c.plan.layers[0]);
    let (attention, ff) = (layer.attention(), layer.mlp.ff());
    assert_eq!((c.family.name, layers.len(), c.width, ff, c.context), ("llama", 30, 576, 1536, 8192));
    assert!(layers.iter().all(|other| other == layer));
    assert_eq!((attention.heads, attention.kv_heads, attention.head_dim), (9, 3, 64));
    assert_eq!((c.vocab, c.head_vocab, c.tied, c.rms_eps), (49152, 49152, true, 1e-5));
    let rope = &c.plan.ropes[0];
    assert_eq!((rope.style, rope.dim, rope.base, rope.scale), (RopeStyle::Interleaved, 64, 100_000.0, 1.0));
    let format = |layer, role| header.tensors[model.tensor(layer, role).unwrap()].format;
    assert_eq!(format(None, Role::TokenEmbedding), Format::Q8_0);
    assert_eq!(format(Some(29), Role::Down), Format::Q4_1);
    assert_eq!(format(Some(0), Role::MlpNorm), Format::F32);
}
