//! The default beside plain decoding run alone: every prompt once with each, in turns, on one engine a pair of models.

use std::path::{Path, PathBuf};

use paceline::decode::{Gamma, Generator, Options};
use paceline::drafters;
use paceline::gguf::{Stream, Writer};
use paceline::load::{self, Device, LoadOptions, Loaded};
use paceline::source::FileSource;

use super::{Failure, common, generate, prompts, questions};

/// Tokens of an answer.
const TOKENS: usize = 256;

/// The shipped draft, or the one that `PACELINE_DRAFT` names.
fn draft() -> PathBuf {
    let shipped = || Path::new(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.draft.gguf");
    std::env::var_os("PACELINE_DRAFT").map_or_else(shipped, PathBuf::from)
}

/// The same draft with its last norm the other way round: it says what is least likely.
async fn useless(file: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut stream = Stream::open(file).await?;
    let mut tensors = vec![Vec::new(); stream.header().tensors.len()];
    while let Some(window) = stream.next_window().await? {
        tensors[window.tensor].extend_from_slice(window.bytes);
    }
    let mut writer = Writer::default();
    writer.metadata = stream.header().metadata.clone();
    for (tensor, mut bytes) in stream.header().tensors.iter().zip(tensors) {
        if tensor.name == "output_norm.weight" {
            // The signs of 32-bit numbers.
            bytes.iter_mut().skip(3).step_by(4).for_each(|byte| *byte ^= 0x80);
        }
        writer.tensor(&tensor.name, &tensor.shape, tensor.format, bytes);
    }
    Ok(writer.finish())
}

/// The mean of these, and half of the interval that has it in nine cases of ten.
fn interval(values: &[f64]) -> (f64, f64) {
    // Quantiles of Student's t at 95 % for 1, 2, 3, ... degrees of freedom.
    const T: [f64; 12] = [6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81, 1.80, 1.78];
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let t = T.get(values.len().saturating_sub(2)).copied().unwrap_or(1.7);
    (mean, t * (variance / n).sqrt())
}

/// Prints a row for each kind of prompt, with the draft and with one that is never right.
pub async fn beside_plain() -> Result<(), Failure> {
    let questions = questions()?;
    let file = std::fs::read(draft())?;
    let wrong = useless(&file).await?;
    let rows =
        [("quoting", &["summarization", "rag"][..]), ("others", &["writing", "qa", "math_reasoning"][..])];
    println!("\nthe default beside plain decoding run alone, CPU engine, {TOKENS} tokens, in turns");
    println!("{:<36}{:>8}{:>10}{:>18}{:>8}", "", "prompts", "speed", "90 % interval", "least");
    for (name, draft) in [("no draft", None), ("the draft", Some(file)), ("a useless draft", Some(wrong))] {
        let options = LoadOptions { device: Device::Cpu, capacity: Some(1024), ..LoadOptions::default() };
        let target = FileSource::open(&common::real_model())?;
        let loaded: Loaded = match &draft {
            None => load::load(target, None::<FileSource>, &options).await?,
            Some(draft) => load_with(target, draft, &options).await?,
        };
        let asked = rows.map(|(kind, categories)| (kind, prompts(&loaded, &questions, categories)));
        let stop_ids = loaded.tokenizer.stop_ids().to_vec();
        let drafter = if draft.is_some() { "ngram+model" } else { "ngram" };
        // Two sequences on the same weights: neither reads what the other has read.
        let mut plainly = Generator::new(loaded.engine.another()?);
        let mut generator = Generator::new(loaded.engine);
        for (kind, prompts) in asked {
            let mut speeds = Vec::new();
            for (i, prompt) in prompts?.iter().enumerate() {
                let options = |drafter: &str| -> Result<Options, Failure> {
                    let mut options = Options {
                        max_tokens: TOKENS,
                        gamma: Gamma::Auto,
                        drafter: drafters::by_name(drafter)?,
                        ..Options::default()
                    };
                    options.rules.stop_ids.clone_from(&stop_ids);
                    Ok(options)
                };
                let mut ms = [0.0; 2];
                for which in if i % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let (who, drafter) =
                        if which == 0 { (&mut plainly, "none") } else { (&mut generator, drafter) };
                    let stats = generate(who, prompt, options(drafter)?).await?;
                    ms[which] = stats.decode_ms / stats.tokens as f64;
                }
                speeds.push(ms[0] / ms[1]);
            }
            let (mean, half) = interval(&speeds);
            let least = speeds.iter().copied().fold(f64::INFINITY, f64::min);
            println!(
                "{:<36}{:>8}{mean:>9.2}x{:>18}{least:>8.2}",
                format!("{name}, {kind}"),
                speeds.len(),
                format!("{:.2} .. {:.2}", mean - half, mean + half),
            );
        }
    }
    Ok(())
}

async fn load_with(target: FileSource, draft: &[u8], options: &LoadOptions) -> Result<Loaded, Failure> {
    Ok(load::load(target, Some(draft), options).await?)
}
