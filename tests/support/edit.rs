//! Files with other weights: for models that go wrong.

use paceline::gguf::{Format, Stream, Writer};
use pollster::block_on;

/// `file` with every tensor in F32 and as `edit(name, values)` leaves it.
///
/// # Panics
/// When `file` is no GGUF file.
pub fn edited(file: &[u8], mut edit: impl FnMut(&str, &mut [f32])) -> Vec<u8> {
    let mut stream = block_on(Stream::open(file)).expect("a header");
    let mut tensors = vec![Vec::new(); stream.header().tensors.len()];
    let formats: Vec<Format> = stream.header().tensors.iter().map(|tensor| tensor.format).collect();
    while let Some(window) = block_on(stream.next_window()).expect("a window") {
        let spec = formats[window.tensor].spec();
        let mut values = vec![0.0; window.bytes.len() / spec.block_bytes * spec.block_len];
        spec.format.dequantize(window.bytes, &mut values);
        tensors[window.tensor].extend(values);
    }
    let mut writer = Writer::default();
    writer.metadata = stream.header().metadata.clone();
    for (tensor, mut values) in stream.header().tensors.iter().zip(tensors) {
        edit(&tensor.name, &mut values);
        writer.tensor_f32(&tensor.name, &tensor.shape, Format::F32, &values);
    }
    writer.finish()
}
