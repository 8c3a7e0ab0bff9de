//! Kernel by kernel: milliseconds of a dispatch in a model of SmolLM2's shape, and the fraction it reaches of the
//! device's measured copy bandwidth or multiply-add rate, whichever is nearer its limit.
//! Then rounds whose lookup finds nothing, beside plain ones, and what the host's own part of a round takes.
//! `cargo bench --bench kernels [-- VARIANT]`.

use std::rc::Rc;
use std::time::Instant;

use paceline::gguf::{Format, Stream};
use paceline::gpu::rigs::{Peaks, peaks};
use paceline::gpu::{Choice, Device, DeviceOptions, Model, Session, Timing, Variant};
use paceline::model::tiny::Tiny;
use paceline::round::{Engine as _, Proposal, Source};

/// Tokens in the cache while attention is timed.
const CONTEXT: usize = 400;
/// Rows of the passes.
const ROWS: [usize; 3] = [1, 4, 16];
/// Rounds whose submitting is timed.
const HOST_ROUNDS: usize = 200;
/// Rounds of each kind beside one another.
const PAIRS: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let asked: Option<Variant> = std::env::args().nth(1).and_then(|a| a.parse().ok());
    let device = Device::open(DeviceOptions::default()).await?;
    let peaks = peaks(&device).await?;
    println!("{}", device.adapter());
    println!("copies {:.2} GB/s, multiply-adds {:.1} GFLOP/s", peaks.copy, peaks.multiply_add);
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
        let model = Model::load(&device, &mut stream, &description, Choice::of(variant), 512).await?;
        let mut session = Session::new(Rc::new(model), None)?;
        session.append(&[7; CONTEXT]).await?;
        let mut columns = Vec::new();
        for rows in ROWS {
            columns.push(session.profile(rows, 4).await?);
        }
        print!("\n{:<24}", variant.to_string());
        ROWS.iter().for_each(|rows| print!("{:>26}", format!("M = {rows}")));
        println!();
        for i in 0..columns[0].len() {
            print!("{:<24}", columns[0][i].kernel);
            columns.iter().for_each(|column| print!("{:>26}", describe(&column[i], &peaks)));
            println!();
        }
        lookups(session).await?;
    }
    host(&device).await
}

/// The host's own time in rounds of 30 layers that cost the device next to nothing.
async fn host(device: &Rc<Device>) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = Tiny { layers: 30, ..Tiny::default() }.gguf();
    let mut stream = Stream::open(bytes.as_slice()).await?;
    let description = paceline::model::Model::describe(stream.header())?;
    let choice = Choice::of(Variant::ALL[0]);
    let model = Model::load(device, &mut stream, &description, choice, 512).await?;
    let mut session = Session::new(Rc::new(model), None)?;
    session.append(&[7; CONTEXT]).await?;
    println!(
        "\nthe host's own time in submitting a round of 30 layers, median and tenth percentile of {HOST_ROUNDS}"
    );
    for (name, proposal) in [("plain", Proposal::none()), ("lookup", Proposal::lookup(4))] {
        let mut ms = Vec::new();
        let before = device.counters();
        for _ in 0..HOST_ROUNDS {
            session.truncate(CONTEXT).await?;
            session.round(proposal.clone()).await?;
            let began = Instant::now();
            session.submit(proposal.clone())?;
            ms.push(began.elapsed().as_secs_f64() * 1000.0);
            session.collect().await?;
        }
        let dispatches = (device.counters().dispatches - before.dispatches) as usize / HOST_ROUNDS / 2;
        ms.sort_by(f64::total_cmp);
        let (median, tenth) = (ms[HOST_ROUNDS / 2], ms[HOST_ROUNDS / 10]);
        println!("{name:<8}{median:>8.3} ms {tenth:>8.3} ms, {dispatches} dispatches");
    }
    Ok(())
}

/// GPU time of rounds that ask for a lookup and get nothing, beside those that do not ask.
async fn lookups(mut session: Session) -> Result<(), Box<dyn std::error::Error>> {
    let mut ms = async |context: &[u32], proposal: Proposal, source: Source| {
        session.truncate(0).await?;
        session.append(context).await?;
        let outcome = session.round(proposal).await?;
        assert_eq!(outcome.source, source, "another bench");
        Ok::<_, Box<dyn std::error::Error>>(outcome.draft_ms + outcome.verify_ms)
    };
    let new: Vec<u32> = (0..CONTEXT as u32).collect();
    println!("\na lookup that finds nothing, beside a plain round (medians of {PAIRS} paired rounds)");
    for most in [1, 4, 10, 15] {
        let mut ratios = Vec::new();
        for pair in 0..=PAIRS {
            let plain = ms(&new, Proposal::none(), Source::Nobody).await?;
            let other = ms(&new, Proposal::lookup(most), Source::Nobody).await?;
            // The first makes what is made once.
            ratios.extend((pair > 0).then_some(other / plain));
        }
        ratios.sort_by(f64::total_cmp);
        println!("at most {most:<3}{:>8.3}x", ratios[PAIRS / 2]);
    }
    Ok(())
}

/// Such as `1.383 ms   7% of flops`.
fn describe(timing: &Timing, peaks: &Peaks) -> String {
    let of = |amount: u64, peak: f64| amount as f64 / (timing.ms * 1e6) / peak * 100.0;
    let copy = of(timing.cost.bytes, peaks.copy);
    let flops = of(timing.cost.flops, peaks.multiply_add);
    let (percent, limit) = if copy > flops { (copy, "copy") } else { (flops, "flops") };
    format!("{:.3} ms {percent:>4.0}% {limit}", timing.ms)
}
