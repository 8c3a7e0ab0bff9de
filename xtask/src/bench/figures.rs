//! Medians, rows of the table, and what is claimed of them.

use serde::{Deserialize, Serialize};

/// One measured generation.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Prompt tokens a second.
    pub prefill: f64,
    /// Generated tokens a second.
    pub decode: f64,
    /// Processor time over elapsed time, where it is known.
    pub cores: Option<f64>,
}

impl Sample {
    /// From counts and milliseconds.
    pub fn new(prompt: usize, prefill_ms: f64, tokens: usize, decode_ms: f64, cores: Option<f64>) -> Self {
        Self { prefill: per_second(prompt, prefill_ms), decode: per_second(tokens, decode_ms), cores }
    }
}

fn per_second(count: usize, ms: f64) -> f64 {
    if ms > 0.0 { count as f64 * 1000.0 / ms } else { 0.0 }
}

/// The middle value; of an even number of them the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// What one engine reached.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which engine, where.
    pub name: String,
    /// What it ran on.
    pub adapter: String,
    /// Median of generated tokens a second.
    pub decode_tokens_per_second: f64,
    /// Median of prompt tokens a second.
    pub prefill_tokens_per_second: f64,
    /// Median of the cores that it kept busy.
    pub cores: Option<f64>,
    /// Runs behind the medians.
    pub runs: usize,
}

impl Row {
    /// The medians of `samples`; `None` where there is none.
    pub fn of(name: &str, adapter: &str, samples: &[Sample]) -> Option<Self> {
        let medians = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        Some(Self {
            name: name.to_owned(),
            adapter: adapter.to_owned(),
            decode_tokens_per_second: medians(|s| s.decode)?,
            prefill_tokens_per_second: medians(|s| s.prefill)?,
            cores: median(samples.iter().filter_map(|s| s.cores).collect()),
            runs: samples.len(),
        })
    }

    /// The table's first line.
    pub fn heading() -> String {
        format!("{:<28} {:>12} {:>13} {:>6}  adapter\n", "engine", "decode tok/s", "prefill tok/s", "cores")
    }

    /// The row as a line.
    pub fn line(&self) -> String {
        let cores = self.cores.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}"));
        format!(
            "{:<28} {:>12.2} {:>13.2} {cores:>6}  {}\n",
            self.name, self.decode_tokens_per_second, self.prefill_tokens_per_second, self.adapter
        )
    }
}

/// Time of a round that verifies four rows beside one that decodes one, in ms.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Verify {
    /// One row.
    pub decode_ms: f64,
    /// Four rows.
    #[serde(rename = "verify4_ms")]
    pub four_ms: f64,
}

/// A figure with the bound that the project promises.
#[derive(Debug, Clone, Serialize)]
pub struct Claim {
    what: &'static str,
    value: f64,
    bound: &'static str,
    holds: bool,
}

impl Claim {
    fn at_least(what: &'static str, value: f64, bound: &'static str, least: f64) -> Self {
        Self { what, value, bound, holds: value >= least }
    }

    /// As a line.
    pub fn line(&self) -> String {
        let verdict = if self.holds { "holds" } else { "does not hold" };
        format!("{:<44} {:>8.2}   {:<10} {verdict}\n", self.what, self.value, self.bound)
    }
}

/// What follows from the rows.
pub fn claims(
    cpu: Option<&Row>,
    team: Option<&Row>,
    peer: Option<&Row>,
    gpu: Option<&Row>,
    verify: Option<&Verify>,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    if let Some(gpu) = gpu {
        let rate = gpu.decode_tokens_per_second;
        claims.push(Claim::at_least("webgpu decode on the software adapter, tok/s", rate, ">= 3", 3.0));
    }
    if let Some(Verify { decode_ms, four_ms }) = verify {
        let value = four_ms / decode_ms;
        claims.push(Claim { what: "webgpu verify(4) / decode", value, bound: "<= 2.5", holds: value <= 2.5 });
    }
    if let (Some(cpu), Some(team)) = (cpu, team) {
        let value = team.decode_tokens_per_second / cpu.decode_tokens_per_second;
        claims.push(Claim::at_least("cpu decode in the browser / one thread's", value, ">= 1.7", 1.7));
    }
    if let (Some(cpu), Some(peer)) = (cpu, peer) {
        let decode = cpu.decode_tokens_per_second / peer.decode_tokens_per_second;
        let prefill = cpu.prefill_tokens_per_second / peer.prefill_tokens_per_second;
        claims.push(Claim::at_least("cpu decode / wllama's, one thread each", decode, ">= 1", 1.0));
        claims.push(Claim::at_least("cpu prefill / wllama's, one thread each", prefill, ">= 1", 1.0));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }

    fn row(decode: f64, prefill: f64) -> Row {
        let sample = Sample { prefill, decode, cores: None };
        Row::of("x", "y", &[sample]).unwrap()
    }

    #[test]
    fn a_row_has_the_medians_of_its_samples() {
        let samples = [
            Sample::new(100, 1000.0, 64, 6400.0, Some(1.0)),
            Sample::new(100, 500.0, 64, 3200.0, Some(0.5)),
            Sample::new(100, 250.0, 64, 1600.0, None),
        ];
        let row = Row::of("engine", "adapter", &samples).unwrap();
        assert_eq!((row.prefill_tokens_per_second, row.decode_tokens_per_second), (200.0, 20.0));
        assert_eq!((row.cores, row.runs), (Some(0.75), 3));
        assert!(Row::of("engine", "adapter", &[]).is_none());
        assert_eq!(Sample::new(5, 0.0, 5, 0.0, None).decode, 0.0);
    }

    #[test]
    fn claims_are_judged_by_their_bounds() {
        let verify = Verify { decode_ms: 10.0, four_ms: 25.0 };
        let (cpu, team, peer, gpu) = (row(15.0, 18.0), row(26.0, 30.0), row(14.0, 19.0), row(3.0, 1.0));
        let claims = claims(Some(&cpu), Some(&team), Some(&peer), Some(&gpu), Some(&verify));
        assert_eq!(claims.iter().map(|c| c.holds).collect::<Vec<_>>(), [true, true, true, true, false]);
        assert!(claims[4].line().contains("does not hold"));
    }

    #[test]
    fn nothing_is_claimed_without_figures() {
        assert!(claims(Some(&row(1.0, 1.0)), None, None, None, None).is_empty());
    }
}
