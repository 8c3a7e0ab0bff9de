//! How fast products, and (given `PACELINE_MODEL`) whole passes are on this CPU, in one thread.
//! `cargo bench --bench cpu_matvec`.

use std::time::Instant;

use paceline::cpu::ops::matvec::matvec;
use paceline::cpu::{Cache, Level, Logits, Matrix, Model, activations::Activations};
use paceline::gguf::{Format, Stream};
use paceline::source::FileSource;

/// Seconds of the fastest of several runs.
fn fastest(mut f: impl FnMut()) -> f64 {
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    while begin.elapsed().as_secs_f64() < 0.3 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn products() {
    println!("{:6} {:>11} {:>3}  {:>9} {:>8} {:>8}", "format", "rows x cols", "M", "us", "GFLOP/s", "GB/s");
    for format in [Format::Q4_1, Format::Q8_0, Format::Q6_K, Format::F16, Format::F32] {
        for (n, k) in [(1536, 576), (49152, 576)] {
            let k = if format == Format::Q6_K { k / 256 * 256 } else { k };
            let bytes =
                format.quantize(&(0..n * k).map(|i| (i % 251) as f32 / 125.0 - 1.0).collect::<Vec<_>>());
            let matrix = Matrix::from_bytes(format, n, k, &bytes);
            for m in [1, 2, 3, 4, 5, 8, 16, 32] {
                let x: Vec<f32> = (0..m * k).map(|i| (i % 127) as f32 / 63.0 - 1.0).collect();
                let (mut quantized, mut out) = (Activations::default(), vec![0.0; m * n]);
                let level = Level::best();
                let seconds = fastest(|| {
                    if matrix.is_quantized() {
                        quantized.quantize(level, &x, k);
                    }
                    matvec(level, &matrix, &x, &quantized, &mut out);
                });
                println!(
                    "{format:6} {:>11} {m:>3}  {:9.1} {:8.1} {:8.1}",
                    format!("{n}x{k}"),
                    seconds * 1e6,
                    2e-9 * (m * n * k) as f64 / seconds,
                    1e-9 * matrix.bytes() as f64 / seconds
                );
            }
        }
    }
}

fn passes(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let model = pollster::block_on(async {
        let mut stream = Stream::open(FileSource::open(path.as_ref())?).await?;
        let description = paceline::model::Model::describe(stream.header())?;
        Ok::<_, Box<dyn std::error::Error>>(Model::load(&mut stream, &description, 2048).await?)
    })?;
    println!(
        "{path}: {} MB packed, loaded in {:.2} s",
        model.bytes() / 1_000_000,
        start.elapsed().as_secs_f64()
    );
    let mut cache = Cache::new(model.config(), 2048);
    let tokens: Vec<u32> = (0..512).map(|i| 1000 + i * 7).collect();
    for rows in [64, 256, 512] {
        let seconds = fastest(|| drop(model.forward(&mut cache, &tokens[..rows], 0, Logits::Last)));
        println!("prefill of {rows}: {:.1} tok/s", rows as f64 / seconds);
    }
    for at in [64, 500] {
        for rows in [1, 2, 3, 4, 5, 6, 8, 12] {
            let seconds = fastest(|| drop(model.forward(&mut cache, &tokens[..rows], at, Logits::All)));
            println!("{rows} rows at {at}: {:.2} ms, {:.1} passes/s", seconds * 1e3, 1.0 / seconds);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", Level::best().name());
    match std::env::var("PACELINE_MODEL") {
        Ok(path) => passes(&path)?,
        Err(_) => println!("set PACELINE_MODEL to a GGUF file to time whole passes"),
    }
    if std::env::args().any(|a| a == "--products") {
        products();
    }
    Ok(())
}
