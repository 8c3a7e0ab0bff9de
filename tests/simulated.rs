//! The controller on machines that are made of their times: an H200 under Chromium, a laptop, a phone, a CPU.

use paceline::decode::rigs::{Machine, Simulator, Style, Text};
use paceline::decode::{Event, Gamma, Generator, Options};
use paceline::drafters;

/// How often the shipped draft's first, second, ... token is accepted.
const SHIPPED: [f64; 3] = [0.52, 0.46, 0.44];
/// A draft that is never right.
const USELESS: [f64; 1] = [0.0];
/// Tokens of a generation.
const TOKENS: usize = 256;
/// Who proposes by default, with a draft model and without.
const ALL: &str = "ngram+model";

/// Generations one after another on one machine.
struct Run {
    generator: Generator<Simulator>,
    machine: Machine,
}

impl Run {
    fn new(machine: Machine, draft: &[f64], seed: u64) -> Self {
        Self { generator: Generator::new(Simulator::new(machine.clone(), draft, seed)), machine }
    }

    /// Milliseconds a token of saying `text`.
    fn say(&mut self, text: &Text, options: Options) -> f64 {
        self.generator.engine().text().replace(text.clone());
        self.generator.start(&text.prompt, options).expect("a sound start");
        while !matches!(pollster::block_on(self.generator.step()).expect("a step"), Event::Finished(_)) {}
        let stats = self.generator.stats();
        stats.decode_ms / stats.tokens as f64
    }

    /// By `drafter`, with whatever pays.
    fn auto(&mut self, text: &Text, drafter: &str) -> f64 {
        self.say(text, options(drafter, Gamma::Auto))
    }

    /// Plain decoding of the same text alone, on the same kind of machine.
    fn plain(&self, text: &Text, seed: u64) -> f64 {
        Self::new(self.machine.clone(), &[], seed).auto(text, "none")
    }

    /// Whether the first round of saying `text` has a proposal.
    fn drafts_at_once(&mut self, text: &Text) -> bool {
        self.generator.engine().text().replace(text.clone());
        self.generator.start(&text.prompt, options("model", Gamma::Auto)).expect("a sound start");
        loop {
            if let Event::Tokens { drafted, .. } = pollster::block_on(self.generator.step()).expect("a step")
            {
                return drafted > 0;
            }
        }
    }
}

fn options(drafter: &str, gamma: Gamma) -> Options {
    let drafter = drafters::by_name(drafter).expect("a drafter");
    Options { max_tokens: TOKENS, gamma, drafter, ..Options::default() }
}

fn prose(seed: u64) -> Text {
    Text::new(&[(Style::prose(), TOKENS)], seed)
}

fn quoting(seed: u64) -> Text {
    Text::new(&[(Style::quoting(), TOKENS)], seed)
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn machines() -> [(&'static str, Machine); 4] {
    [
        ("H200", Machine::h200()),
        ("laptop", Machine::laptop()),
        ("phone", Machine::phone()),
        ("CPU", Machine::cpu()),
    ]
}

/// `speeds` of seeds, each compared with plain decoding of the same text.
fn speeds(machine: &Machine, draft: &[f64], drafter: &str, text: fn(u64) -> Text, seeds: u64) -> Vec<f64> {
    let speed = |seed| {
        let mut run = Run::new(machine.clone(), draft, seed);
        run.plain(&text(seed), seed + 1000) / run.auto(&text(seed), drafter)
    };
    (0..seeds).map(speed).collect()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[test]
fn a_useless_draft_and_useless_lookups_cost_at_most_three_per_cent() {
    let echoing = |seed| Text::new(&[(Style { echoes: 0.4, ..Style::prose() }, TOKENS)], seed);
    for (name, machine) in machines() {
        for (kind, text) in [("prose", prose as fn(u64) -> Text), ("echoes", echoing)] {
            for drafter in ["ngram", "model", ALL] {
                let all = speeds(&machine, &USELESS, drafter, text, 40);
                println!("{name}, {kind}, {drafter}: {:.3}, at least {:.3}", mean(all.clone()), least(&all));
                assert!(least(&all) >= 0.97, "{name}, {kind}, {drafter}: {all:.3?}");
            }
        }
    }
}

#[test]
fn the_shipped_draft_pays_everywhere() {
    for ((name, machine), worth) in machines().into_iter().zip([1.3, 1.2, 1.1, 1.25]) {
        for drafter in ["model", ALL] {
            let all = speeds(&machine, &SHIPPED, drafter, prose, 40);
            println!("{name}, {drafter}: {:.3}, at least {:.3}", mean(all.clone()), least(&all));
            assert!(mean(all.clone()) >= worth && least(&all) >= 0.97, "{name}, {drafter}: {all:.3?}");
        }
    }
}

/// Prose, then quotes; or the other way round.
fn half_and_half(prose_first: bool) -> [(Style, usize); 2] {
    let mut halves = [Style::prose(), Style::quoting()].map(|style| (style, TOKENS / 2));
    if !prose_first {
        halves.reverse();
    }
    halves
}

#[test]
fn lookups_pay_where_they_are_right_and_only_there() {
    let mixed = |seed| Text::new(&half_and_half(seed % 2 == 0), seed);
    for ((name, machine), worth) in machines().into_iter().zip([1.25, 1.35, 1.2, 1.45]) {
        let all = speeds(&machine, &[], "ngram", quoting, 40);
        assert!(mean(all.clone()) >= worth && least(&all) >= 0.97, "{name}: {all:.3?}");
        let some = speeds(&machine, &[], "ngram", mixed, 40);
        println!("{name}: {:.3}, {:.3} where half of the text quotes", mean(all), mean(some.clone()));
        assert!(
            mean(some.clone()) >= 1.0 + 0.4 * (worth - 1.0) && least(&some) >= 0.97,
            "{name}: {some:.3?}"
        );
    }
}

#[test]
fn a_poor_draft_does_not_silence_good_lookups() {
    let ratio = |seed| {
        let mut alone = Run::new(Machine::cpu(), &USELESS, seed);
        let single = ["ngram", "model"].map(|drafter| alone.auto(&quoting(seed), drafter));
        let mut both = Run::new(Machine::cpu(), &[0.1], seed);
        least(&single) / both.auto(&quoting(seed), ALL)
    };
    let all: Vec<f64> = (0..40).map(ratio).collect();
    println!("beside the best alone: {:.3}, at least {:.3}", mean(all.clone()), least(&all));
    assert!(mean(all.clone()) >= 0.97, "{all:.3?}");
}

#[test]
fn what_was_learnt_serves_from_the_first_round_and_wrong_knowledge_is_unlearnt() {
    for (name, machine) in machines() {
        let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..20 {
            let mut run = Run::new(machine.clone(), &SHIPPED, seed);
            let plain = run.plain(&prose(seed), seed + 1000);
            first.push(plain / run.auto(&prose(seed), "model"));
            second.push(plain / run.auto(&prose(seed), "model"));
            // The next load.
            let mut later = Run::new(machine.clone(), &SHIPPED, seed + 7);
            later.generator.recall(&run.generator.knowledge());
            third.push(plain / later.auto(&prose(seed), "model"));
            if second.last() > Some(&1.1) {
                assert!(later.drafts_at_once(&prose(seed)), "{name}, seed {seed}");
            }
            // The draft got useless, or the machine is another.
            let mut fooled = Run::new(machine.clone(), &USELESS, seed);
            fooled.generator.recall(&run.generator.knowledge());
            let speed = plain / fooled.auto(&prose(seed), "model");
            assert!(speed > 0.97, "{name}, seed {seed}: {speed:.3} with a draft that got useless");
        }
        println!(
            "{name}: {:.3}, then {:.3}, {:.3}",
            mean(first.clone()),
            mean(second.clone()),
            mean(third.clone())
        );
        assert!(mean(second) > mean(first.clone()) && mean(third) > mean(first));
    }
}

#[test]
fn the_h200_does_what_was_measured() {
    let said = |draft: &[f64], gamma, drafter: &str, in_flight| {
        let speeds = (0..8).map(|seed| {
            let mut run = Run::new(Machine::h200(), draft, seed);
            run.say(&prose(seed), Options { in_flight, ..options(drafter, gamma) })
        });
        mean(speeds)
    };
    let plain = said(&[], Gamma::Auto, "none", Some(2));
    let near = |what: &str, is: f64, measured: f64| {
        println!("{what} {is:.3} {measured}");
        assert!((is / measured - 1.0).abs() < 0.15, "{what}: {is:.3}, measured {measured}");
    };
    near("plain", plain, 3.8);
    for (in_flight, speed) in [(1, 0.66), (4, 1.13)] {
        near("rounds in flight", plain / said(&[], Gamma::Auto, "none", Some(in_flight)), speed);
    }
    // The draft of that measurement, as its tokens a pass tell.
    let draft = [0.33, 0.3, 0.5, 0.2];
    for (gamma, speed) in [(1, 1.24), (2, 1.21), (3, 1.18), (4, 1.03), (6, 1.0), (8, 0.91)] {
        near("draft", plain / said(&draft, Gamma::Fixed(gamma), "model", Some(2)), speed);
    }
}
