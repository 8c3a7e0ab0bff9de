//! How fast whole passes are on this CPU, on one thread and on several, what each of their kernels takes of them, and
//! (asked for with `--products`) products alone: `PACELINE_MODEL=FILE cargo bench --bench cpu_matvec`.
//!
//! Each time is the shortest of many, and what is compared is run in turns.

use std::collections::BTreeMap;
use std::time::Instant;

use paceline::cpu::ops::matvec::matvec;
use paceline::cpu::team::{Team, default_threads};
use paceline::cpu::{Cache, Level, Logits, Matrix, Model, activations::Activations};
use paceline::gguf::{Format, Stream};
use paceline::model::{self, Role};
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

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Opens a model's file.
async fn open(path: &str) -> Outcome<(Stream<FileSource>, model::Model)> {
    let stream = Stream::open(FileSource::open(path.as_ref())?).await?;
    let description = model::Model::describe(stream.header())?;
    Ok((stream, description))
}

/// What the matrix of a role is counted as.
fn kernel(role: Role, tied: bool) -> Option<&'static str> {
    Some(match role {
        Role::Q | Role::K | Role::V | Role::Qkv => "q, k, v",
        Role::AttentionOutput => "attention output",
        Role::Gate | Role::Up | Role::GateUp => "gate, up",
        Role::Down => "down",
        Role::Output => "head",
        Role::TokenEmbedding if tied => "head",
        _ => return None,
    })
}

/// A model's matrices by what they are for.
async fn matrices(path: &str) -> Outcome<BTreeMap<&'static str, Vec<Matrix>>> {
    let (mut stream, description) = open(path).await?;
    let table = stream.header().tensors.clone();
    let mut read: BTreeMap<usize, (&'static str, Matrix)> = BTreeMap::new();
    while let Some(window) = stream.next_window().await? {
        let (tensor, slot) = (&table[window.tensor], description.slots[window.tensor]);
        let Some(kernel) = slot.and_then(|slot| kernel(slot.role, description.config.tied)) else { continue };
        let new = || (kernel, Matrix::new(tensor.format, tensor.rows(), tensor.columns()));
        read.entry(window.tensor).or_insert_with(new).1.pack(window.first_row, window.bytes);
    }
    let mut kernels: BTreeMap<_, Vec<Matrix>> = BTreeMap::new();
    read.into_values().for_each(|(kernel, matrix)| kernels.entry(kernel).or_default().push(matrix));
    Ok(kernels)
}

/// Seconds of the fastest pass of `tokens` at `start` on each team, in turns.
fn pass(model: &mut Model, teams: &[Team], cache: &mut Cache, tokens: &[u32], start: usize) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; teams.len()];
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.6 {
        for (team, best) in teams.iter().zip(&mut best) {
            model.set_team(team.clone());
            shortest(best, || drop(model.forward(cache, tokens, start, Logits::All)));
        }
    }
    best
}

fn passes(path: &str) -> Outcome<()> {
    let start = Instant::now();
    let mut model = pollster::block_on(async {
        let (mut stream, description) = open(path).await?;
        Outcome::Ok(Model::load(&mut stream, &description, 2048).await?)
    })?;
    println!(
        "{path}: {} MB packed, loaded in {:.2} s",
        model.bytes() / 1_000_000,
        start.elapsed().as_secs_f64()
    );
    let mut cache = Cache::new(model.config(), 2048);
    let tokens: Vec<u32> = (0..512).map(|i| 1000 + i * 7).collect();
    let mut counts = vec![1, 2, default_threads()];
    counts.retain(|n| *n <= default_threads());
    counts.dedup();
    let teams: Vec<Team> = counts.into_iter().map(Team::new).collect();
    for rows in [64, 256, 512] {
        let seconds = pass(&mut model, &teams, &mut cache, &tokens[..rows], 0);
        println!("prefill of {rows}: {}", rates(&teams, &seconds, rows as f64, "tok/s"));
    }
    for at in [64, 500] {
        let mut plain = Vec::new();
        for rows in [1, 2, 3, 4, 5, 6, 8, 12] {
            let seconds = pass(&mut model, &teams, &mut cache, &tokens[..rows], at);
            println!("{rows} rows at {at}: {}", rates(&teams, &seconds, 1.0, "passes/s"));
            match rows {
                1 => plain = seconds,
                5 => {
                    let ratios = seconds.iter().zip(&plain).map(|(five, one)| format!("{:.2}", five / one));
                    println!("verify(5) / plain at {at}: {}", ratios.collect::<Vec<_>>().join(", "));
                }
                _ => {}
            }
        }
    }
    model.set_team(Team::alone());
    let kernels = pollster::block_on(matrices(path))?;
    for rows in [1, 5] {
        shares(&model, &kernels, &mut cache, &tokens[..rows]);
    }
    Ok(())
}

/// The time on each team, and what several threads are worth beside one.
fn rates(teams: &[Team], seconds: &[f64], work: f64, unit: &str) -> String {
    let one = |(team, s): (&Team, &f64)| {
        let threads = team.threads();
        format!("{threads} threads {:.2} ms, {:.1} {unit} ({:.2}x)", s * 1e3, work / s, seconds[0] / s)
    };
    teams.iter().zip(seconds).map(one).collect::<Vec<_>>().join("; ")
}

/// What each kernel takes of a pass, on one thread. Attention is what a pass takes longer than one that sees itself alone.
fn shares(model: &Model, kernels: &BTreeMap<&str, Vec<Matrix>>, cache: &mut Cache, tokens: &[u32]) {
    let (rows, at, level) = (tokens.len(), 500, Level::best());
    let all = || kernels.values().flatten();
    let [width, height] = [Matrix::columns, Matrix::rows].map(|size| all().map(size).max().unwrap_or(0));
    let x: Vec<f32> = (0..rows * width).map(|i| (i % 127) as f32 / 63.0 - 1.0).collect();
    let (mut quantized, mut out) = (Activations::default(), vec![0.0; rows * height]);
    let mut products = |matrices: &[Matrix]| {
        for matrix in matrices {
            let x = &x[..rows * matrix.columns()];
            if matrix.is_quantized() {
                quantized.quantize(level, x, matrix.columns());
            }
            matvec(level, matrix, x, &quantized, &mut out[..rows * matrix.rows()]);
        }
    };
    let (mut whole, mut without_past) = (f64::INFINITY, f64::INFINITY);
    let mut parts: BTreeMap<&str, f64> = kernels.keys().map(|kernel| (*kernel, f64::INFINITY)).collect();
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 3.0 {
        shortest(&mut whole, || drop(model.forward(cache, tokens, at, Logits::All)));
        shortest(&mut without_past, || drop(model.forward(cache, tokens, 0, Logits::All)));
        for (best, matrices) in parts.values_mut().zip(kernels.values()) {
            shortest(best, || products(matrices));
        }
    }
    parts.insert("attention", whole - without_past);
    parts.insert("rest", whole - parts.values().sum::<f64>());
    println!("a pass of {rows} rows at {at}, {:.2} ms, is:", whole * 1e3);
    for (kernel, seconds) in parts {
        println!("  {kernel:16} {:7.2} ms {:5.1} %", seconds * 1e3, 100.0 * seconds / whole);
    }
}

/// Runs `f` once more, and keeps the shorter time.
fn shortest(best: &mut f64, f: impl FnOnce()) {
    let start = Instant::now();
    f();
    *best = best.min(start.elapsed().as_secs_f64());
}

fn main() -> Outcome<()> {
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
