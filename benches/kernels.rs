//! Kernel by kernel: time of a dispatch in a model of SmolLM2's shape, and what fraction of the device's own copy
//! bandwidth or multiply-add rate it reaches. `cargo bench --bench kernels [-- VARIANT]`.

use std::rc::Rc;

use paceline::gguf::{Format, Stream};
use paceline::gpu::{Device, DeviceOptions, Model, Session, Variant};
use paceline::model::tiny::Tiny;

/// Tokens in the cache while attention is timed.
const CONTEXT: usize = 192;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let asked: Option<Variant> = std::env::args().nth(1).and_then(|a| a.parse().ok());
    let device = Device::open(DeviceOptions::default()).await?;
    println!("{}", device.adapter());
    let tiny = Tiny {
        layers: 1,
        width: 576,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        ff: 1536,
        vocab: 49152,
        format: Format::Q4_1,
        ..Tiny::default()
    };
    let bytes = tiny.gguf();
    for variant in Variant::ALL.into_iter().filter(|v| asked.is_none_or(|a| a == *v)) {
        let mut stream = Stream::open(bytes.as_slice()).await?;
        let description = paceline::model::Model::describe(stream.header())?;
        let model = Model::load(&device, &mut stream, &description, variant, 512).await?;
        let mut session = Session::new(Rc::new(model), None)?;
        session.append(&[7; CONTEXT]).await?;
        println!("\n{variant:<28} {:>8} {:>8} {:>8}   M = 1, 4, 16: ms a dispatch (GB/s, GFLOP/s)", 1, 4, 16);
        let mut columns = Vec::new();
        for rows in [1, 4, 16] {
            columns.push(session.profile(rows, 4).await?);
        }
        for i in 0..columns[0].len() {
            print!("{:<28}", columns[0][i].kernel);
            for column in &columns {
                let t = column[i];
                let rate = |n: u64| n as f64 / t.ms / 1e6;
                print!(" {:>8.3} ({:>5.2}, {:>5.2})", t.ms, rate(t.cost.bytes), rate(t.cost.flops));
            }
            println!();
        }
    }
    Ok(())
}
