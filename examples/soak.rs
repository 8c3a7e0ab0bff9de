//! Generations without end: random prompts, laws, drafters, lengths and aborts on the GPU and the CPU engine. Each greedy
//! text is held against a fresh plain run; memory must stay where it is.
//!
//! `cargo run --release --example soak -- --minutes 30`. Closes with one line; exits with 1 where anything was wrong.

use std::time::{Duration, Instant};

use clap::Parser;
use paceline::decode::{Event, Gamma, Generator, Options};
use paceline::drafters;
use paceline::load::{self, AnyEngine, Device, LoadOptions};
use paceline::model::tiny::Tiny;
use paceline::round::{Engine as _, Rules};
use paceline::sampling::Sampling;
use paceline::verify::by_name;

/// Positions of the caches: short, so that contexts fill up.
const CAPACITY: usize = 192;
/// Growth of memory, after everything was used once, that is not called a leak.
const GROWTH_MIB: f64 = 32.0;

#[derive(Parser)]
struct Args {
    /// How long.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Where the random choices begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A target and its draft on one device, and a second sequence for plain runs.
struct Pair {
    speculative: Generator<AnyEngine>,
    plain: Generator<AnyEngine>,
    vocab: u32,
}

async fn load(device: Device) -> anyhow::Result<Pair> {
    let target = Tiny { layers: 3, ..Tiny::default() };
    let draft = Tiny { layers: 1, ..target.clone() };
    let options = LoadOptions { device, capacity: Some(CAPACITY), ..LoadOptions::default() };
    let loaded = load::load(&target.gguf()[..], Some(&draft.gguf()[..]), &options).await?;
    let plain = Generator::new(loaded.engine.another()?);
    Ok(Pair { plain, speculative: Generator::new(loaded.engine), vocab: target.vocab as u32 })
}

#[derive(Default)]
struct Count {
    generations: usize,
    aborted: usize,
    checked: usize,
    wrong: usize,
}

/// Steps to the end, or to where it is aborted.
async fn run(generator: &mut Generator<AnyEngine>, abort_after: usize) -> anyhow::Result<Option<Vec<u32>>> {
    for _ in 0..abort_after {
        if let Event::Finished(_) = generator.step().await? {
            return Ok(Some(generator.generated().to_vec()));
        }
    }
    Ok(None)
}

fn options(random: &mut fastrand::Rng) -> anyhow::Result<Options> {
    let names = ["none", "ngram", "model", "ngram+model"];
    let greedy = random.bool();
    let off = |random: &mut fastrand::Rng, off: f32, on: f32| if random.bool() { off } else { on };
    let sampling = Sampling {
        temperature: if greedy { 0.0 } else { 0.2 + 1.5 * random.f32() },
        top_k: random.u32(0..40),
        top_p: off(random, 1.0, 0.9),
        min_p: off(random, 0.0, 0.02),
        repeat_penalty: off(random, 1.0, 1.2),
        frequency_penalty: off(random, 0.0, 0.3),
        seed: random.u64(..),
        ..Sampling::default()
    };
    let gammas = [Gamma::Default, Gamma::Auto, Gamma::Fixed(random.usize(0..16))];
    Ok(Options {
        max_tokens: random.usize(1..100),
        gamma: gammas[random.usize(..3)],
        rules: Rules {
            stop_ids: if random.bool() { vec![random.u32(0..40)] } else { Vec::new() },
            sampling,
            verifier: by_name(if random.bool() { "block" } else { "token" })?,
            confidence: off(random, 0.0, 0.2),
            ..Rules::default()
        },
        drafter: drafters::by_name(names[random.usize(..names.len())])?,
        reproducible: false,
        in_flight: [None, Some(1), Some(2), Some(5)][random.usize(..4)],
    })
}

async fn once(pair: &mut Pair, random: &mut fastrand::Rng, count: &mut Count) -> anyhow::Result<()> {
    let prompt: Vec<u32> = (0..random.usize(1..120)).map(|_| random.u32(0..pair.vocab)).collect();
    let options = options(random)?;
    let check = Options {
        max_tokens: options.max_tokens,
        rules: Rules {
            stop_ids: options.rules.stop_ids.clone(),
            sampling: options.rules.sampling.clone(),
            ..Rules::default()
        },
        in_flight: Some(1),
        ..Options::default()
    };
    let greedy = options.rules.sampling.is_greedy();
    let about =
        format!("{:?}, {}, gamma {:?}", options.rules.sampling, options.drafter.name(), options.gamma);
    pair.speculative.start(&prompt, options)?;
    let abort_after = if random.u8(..4) == 0 { random.usize(0..20) } else { usize::MAX };
    count.generations += 1;
    let Some(found) = run(&mut pair.speculative, abort_after).await? else {
        count.aborted += 1;
        return Ok(());
    };
    if greedy {
        // What it was before must not matter either.
        pair.plain.start(&[0], Options { max_tokens: 1, ..Options::default() })?;
        run(&mut pair.plain, usize::MAX).await?;
        pair.plain.start(&prompt, check)?;
        let expected = run(&mut pair.plain, usize::MAX).await?.unwrap_or_default();
        count.checked += 1;
        if found != expected {
            count.wrong += 1;
            eprintln!("prompt {prompt:?}\n{about}\n  {found:?}, not\n  {expected:?}");
        }
    }
    Ok(())
}

/// MiB of memory in use.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

async fn soak(args: &Args) -> anyhow::Result<bool> {
    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut pairs = [load(Device::WebGpu).await?, load(Device::Cpu).await?];
    let (began, all) = (Instant::now(), Duration::from_secs_f64(args.minutes * 60.0));
    let mut count = Count::default();
    let (mut before, mut objects) = (0.0, 0);
    while began.elapsed() < all {
        for pair in &mut pairs {
            once(pair, &mut random, &mut count).await?;
        }
        // Half of the time is for everything to be made that is made once.
        if before == 0.0 && began.elapsed() > all / 2 {
            (before, objects) = (memory(), pairs[0].speculative.engine().counters().objects);
        }
    }
    let (after, made) = (memory(), pairs[0].speculative.engine().counters().objects - objects);
    let Count { generations, aborted, checked, wrong } = count;
    println!(
        "soak: {generations} generations, {aborted} aborted, {checked} greedy ones checked, {wrong} wrong, \
         memory {before:.0} -> {after:.0} MiB, {made} GPU objects made in the second half"
    );
    Ok(wrong == 0 && after - before < GROWTH_MIB)
}

fn main() -> anyhow::Result<()> {
    match pollster::block_on(soak(&Args::parse()))? {
        true => Ok(()),
        false => std::process::exit(1),
    }
}
