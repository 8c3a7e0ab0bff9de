//! Speculative decoding must not change a token: the same check for every engine, given a way to make one.
//!
//! The models are tiny and random. Their top logits lie close together and their text falls into loops, so both
//! rejections and long accepted blocks are frequent.

use paceline::decode::{Gamma, Generator, Options};
use paceline::drafters::{self, DRAFTERS, Drafter, Limits, Lookup};
use paceline::gguf::Format;
use paceline::model::draft::{Input, Origin};
use paceline::model::family::FAMILIES;
use paceline::model::tiny::{DraftParts, Tiny};
use paceline::round::{Engine, Proposal, Tree};

use super::generate;

/// Positions that engines for [`differences`] need.
pub const CAPACITY: usize = 256;
/// Ids of every target.
pub const VOCAB: u32 = 288;

const PROMPTS: usize = 40;
const TOKENS: usize = 64;

/// A target and a draft for it, as GGUF files.
pub struct Pair {
    pub name: &'static str,
    pub target: Vec<u8>,
    pub draft: Vec<u8>,
}

/// Drafts that are sometimes right, always right, and right where they know the word; and drafts of our own format.
pub fn pairs() -> Vec<Pair> {
    let third: Vec<u32> = (0..288).filter(|id| id % 3 > 0).collect();
    let fed = DraftParts {
        input: Input::Hidden,
        embedding: Origin::Target,
        head: Origin::Target,
        ids: Some(third),
        taps: None,
    };
    let tapped = DraftParts { taps: Some(vec![0, 2]), ..fed.clone() };
    let own = DraftParts { input: Input::Tokens, embedding: Origin::Own, ..fed.clone() };
    let fed_pair = |name, target: &Tiny, draft: Tiny, parts: &DraftParts| Pair {
        name,
        target: target.gguf(),
        draft: draft.draft_gguf(target, parts),
    };
    let pair = |name, target: &Tiny, draft: Tiny| Pair { name, target: target.gguf(), draft: draft.gguf() };
    let llama = Tiny { layers: 3, ..Tiny::default() };
    let qwen2 = Tiny { family: "qwen2", format: Format::Q8_0, tied: false, seed: 7, ..Tiny::default() };
    let gemma3 = Tiny { family: "gemma3", layers: 3, ..Tiny::default() };
    let qwen3 = Tiny { family: "qwen3", format: Format::F16, kv_heads: 1, tied: false, ..Tiny::default() };
    let mut all = vec![
        pair("llama, fewer layers", &llama, Tiny { layers: 2, ..llama.clone() }),
        pair("qwen2, itself", &qwen2, qwen2.clone()),
        pair("qwen3, small head", &qwen3, Tiny { head_vocab: 200, ..qwen3.clone() }),
        fed_pair("llama, fed by its states", &llama, Tiny { layers: 1, ..llama.clone() }, &fed),
        fed_pair("llama, two thirds of the ids", &llama, Tiny { layers: 2, ..llama.clone() }, &own),
        fed_pair(
            "gemma3, fed by two layers' states",
            &gemma3,
            Tiny { layers: 1, ..Tiny::default() },
            &tapped,
        ),
    ];
    let named = ["llama", "qwen2", "qwen3", "gemma3"];
    for family in FAMILIES.iter().filter(|family| !named.contains(&family.name)) {
        let target = Tiny { family: family.name, layers: 3, ..Tiny::default() };
        all.push(pair(family.name, &target, Tiny { layers: 2, ..target.clone() }));
    }
    all
}

/// Prompts of 1 to 120 tokens below `vocab`: noise, and noise that repeats.
pub fn prompts(vocab: u32) -> Vec<Vec<u32>> {
    let mut random = fastrand::Rng::with_seed(40);
    let mut prompt = |i: usize| {
        let noise: Vec<u32> = (0..1 + i * 3).map(|_| random.u32(0..vocab)).collect();
        if i.is_multiple_of(2) { noise } else { noise[..noise.len().div_ceil(3)].repeat(3) }
    };
    (0..PROMPTS).map(&mut prompt).collect()
}

/// What was seen besides differences, to tell that the check was not empty.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub drafted: usize,
    pub accepted: usize,
}

/// A drafter to be checked.
pub struct Case {
    pub name: &'static str,
    make: fn() -> Box<dyn Drafter>,
    gamma: Gamma,
    /// Rounds in flight, where the engine can have several.
    in_flight: Option<usize>,
}

/// Every drafter of the table that proposes chains, as users get it.
pub fn drafters() -> Vec<Case> {
    let proposing = DRAFTERS.iter().filter(|spec| {
        let drafter = (spec.make)();
        drafter.default_limits() != Limits::default() && !drafter.branches()
    });
    let case = |spec: &&drafters::Spec| Case {
        name: spec.name,
        make: spec.make,
        gamma: Gamma::Default,
        in_flight: None,
    };
    proposing.map(case).collect()
}

/// They, then other settings.
pub fn cases() -> Vec<Case> {
    drafters().into_iter().chain(SETTINGS).collect()
}

/// Model, lookup and nobody by turns: asked by the host, and on the device with rounds in flight.
pub fn by_turns() -> [Case; 2] {
    let [alternating, relay, ..] = SETTINGS;
    [alternating, relay]
}

/// Proposals that branch, of the draft model and of the host, for engines that verify them.
pub fn trees() -> [Case; 4] {
    let case = |name, make| Case { name, make, gamma: Gamma::Default, in_flight: None };
    [
        case("tree", || by_name("tree")),
        case("tree 3,2,1", || tree("3,2,1")),
        case("tree 1,2,1,2,1", || tree("1,2,1,2,1")),
        case("bush", || Box::<Bush>::default()),
    ]
}

fn tree(shape: &str) -> Box<dyn Drafter> {
    Box::new(drafters::Branches(shape.parse().expect("a shape")))
}

const SETTINGS: [Case; 8] = [
    Case {
        name: "alternating",
        make: || Box::<Alternating>::default(),
        gamma: Gamma::Fixed(7),
        in_flight: None,
    },
    Case { name: "relay", make: || Box::<Relay>::default(), gamma: Gamma::Default, in_flight: Some(8) },
    Case {
        name: "eager host",
        make: || Box::new(HostLookup(Lookup::new(1))),
        gamma: Gamma::Fixed(15),
        in_flight: None,
    },
    Case { name: "ngram, depth 8", make: || by_name("ngram"), gamma: Gamma::Fixed(15), in_flight: Some(8) },
    Case {
        name: "ngram+model, depth 8",
        make: || by_name("ngram+model"),
        gamma: Gamma::Fixed(6),
        in_flight: Some(8),
    },
    Case { name: "chain", make: || by_name("ngram+model"), gamma: Gamma::Auto, in_flight: None },
    Case {
        name: "model, gamma 1",
        make: || Box::new(drafters::Model),
        gamma: Gamma::Fixed(1),
        in_flight: Some(1),
    },
    Case {
        name: "model, gamma 15",
        make: || Box::new(drafters::Model),
        gamma: Gamma::Fixed(15),
        in_flight: Some(4),
    },
];

/// Generates 64 tokens for each of `prompts` with every drafter of `cases`, and compares them with plain decoding on an
/// engine of its own. Returns a line a difference, and what each drafter got through.
pub fn differences<E: Engine>(
    pair: &Pair,
    cases: &[Case],
    prompts: &[Vec<u32>],
    make: impl Fn(&Pair) -> E,
) -> (Vec<String>, Vec<Seen>) {
    let mut plain = Generator::new(make(pair));
    let mut speculative = Generator::new(make(pair));
    let mut differences = Vec::new();
    let mut seen = vec![Seen::default(); cases.len()];
    for (i, prompt) in prompts.iter().enumerate() {
        let options = || Options { max_tokens: TOKENS, ..Options::default() };
        let (expected, _) = generate(&mut plain, prompt, options());
        for (case, seen) in cases.iter().zip(&mut seen) {
            let (gamma, in_flight) = (case.gamma, case.in_flight);
            let options = Options { gamma, in_flight, drafter: (case.make)(), ..options() };
            let (ids, _) = generate(&mut speculative, prompt, options);
            let stats = speculative.stats();
            seen.drafted += stats.drafted;
            seen.accepted += stats.accepted;
            if ids != expected {
                let at = ids.iter().zip(&expected).take_while(|(a, b)| a == b).count();
                differences.push(format!("{}: prompt {i}, {}: token {at} differs", pair.name, case.name));
            }
        }
    }
    (differences, seen)
}

/// Fails where a drafter changes a token, or hardly drafts, so that nothing was tested.
pub fn assert_lossless<E: Engine>(
    pair: &Pair,
    cases: &[Case],
    prompts: &[Vec<u32>],
    make: impl Fn(&Pair) -> E,
) {
    let (differences, seen) = differences(pair, cases, prompts, make);
    assert!(differences.is_empty(), "{differences:#?}");
    for (Case { name, .. }, seen) in cases.iter().zip(seen) {
        println!("{}, {name}: {seen:?}", pair.name);
        assert!(seen.accepted > 100, "{}, {name} hardly drafts: {seen:?}", pair.name);
    }
}

fn by_name(name: &str) -> Box<dyn Drafter> {
    drafters::by_name(name).expect("a drafter")
}

/// A lookup in the caller's own copy of the context.
struct HostLookup(Lookup);

impl Drafter for HostLookup {
    fn name(&self) -> &'static str {
        "host"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 10, draft: 0 }
    }

    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal {
        Proposal::chain(self.0.find(context, limits.tokens))
    }
}

/// What a lookup finds, among siblings that are wrong, before it or behind it, with children of their own.
#[derive(Default)]
struct Bush {
    rounds: usize,
    lookup: Lookup,
}

impl Drafter for Bush {
    fn name(&self) -> &'static str {
        "bush"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 5, draft: 0 }
    }

    fn branches(&self) -> bool {
        true
    }

    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal {
        self.rounds += 1;
        let mut tree = Tree::default();
        let mut parent = None;
        for (i, id) in self.lookup.find(context, limits.tokens).into_iter().enumerate() {
            let mut wrong = |at| tree.push(at, (id + 1) % VOCAB);
            if (self.rounds + i).is_multiple_of(3) {
                let sibling = wrong(parent);
                wrong(Some(sibling));
            }
            let right = tree.push(parent, id);
            if (self.rounds + i) % 3 == 1 {
                tree.push(parent, (id + 2) % VOCAB);
            }
            parent = Some(right);
        }
        Proposal::Tokens(tree)
    }
}

/// Model, lookup and nobody in turn: a draft model that lags behind must catch up. The host looks up itself, so one round at a
/// time is in flight.
#[derive(Default)]
struct Alternating {
    rounds: usize,
    lookup: Lookup,
}

impl Drafter for Alternating {
    fn name(&self) -> &'static str {
        "alternating"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 4, draft: 4 }
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal {
        self.rounds += 1;
        match self.rounds % 4 {
            0 => Proposal::none(),
            1 | 2 => Proposal::chain(self.lookup.find(context, limits.tokens)),
            _ => Proposal::model(limits.draft),
        }
    }
}

/// The same on the device, with rounds in flight.
#[derive(Default)]
struct Relay {
    rounds: usize,
}

impl Drafter for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn default_limits(&self) -> Limits {
        Limits { tokens: 10, draft: 4 }
    }

    fn needs_draft_model(&self) -> bool {
        true
    }

    fn reads_context(&self) -> bool {
        false
    }

    fn propose(&mut self, _context: &[u32], Limits { tokens: lookup, draft: model }: Limits) -> Proposal {
        self.rounds += 1;
        match self.rounds % 7 {
            0 | 3 => Proposal::none(),
            1 | 4 => Proposal::lookup(lookup),
            2 => Proposal::model(model),
            _ => Proposal::Device { lookup, model },
        }
    }
}
