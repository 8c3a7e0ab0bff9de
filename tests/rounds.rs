//! What may be asked of a round is the same on both devices; what cannot be served is refused and breaks nothing.

use crate::support;

use paceline::decode::{Abilities, Generator, Options};
use paceline::drafters::{self, DRAFTERS};
use paceline::load::{AnyEngine, Device};
use paceline::model::tiny::Tiny;
use paceline::round::{Engine, Proposal, Rules};
use paceline::sampling::Sampling;
use paceline::verify::{self, TokenWise, VERIFIERS, token_wise};
use pollster::block_on;
use support::devices::{DEVICES, engine};
use support::generate;

const PROMPT: [u32; 4] = [5, 6, 7, 8];

fn plain(device: Device) -> AnyEngine {
    engine(device, &Tiny::default().gguf(), None)
}

/// Tokens of a round of `proposal` behind the prompt.
fn round(engine: &mut AnyEngine, proposal: Proposal) -> Vec<u32> {
    block_on(async {
        engine.truncate(0).await.expect("a sequence");
        engine.append(&PROMPT).await.expect("a prompt that fits");
        engine.submit(proposal).expect("a round");
        engine.collect().await.expect("its outcome").tokens
    })
}

#[test]
fn a_proposal_that_branches_is_refused_on_the_gpu_and_a_tree_that_is_a_chain_is_none() {
    for device in DEVICES {
        let mut engine = plain(device);
        let said = round(&mut engine, Proposal::none());
        let right = round(&mut engine, Proposal::chain(said.clone()));
        assert_eq!((right.len(), right[0]), (2, said[0]), "{device:?}");
        let branches = Proposal::tree(vec![said[0], 3], vec![None, None]).expect("a tree");
        if engine.branches() {
            assert_eq!(round(&mut engine, branches), right, "{device:?}");
        } else {
            let error = engine.submit(branches).expect_err("it verifies chains");
            assert_eq!(error.code(), "proposal-tree", "{device:?}");
            assert!(error.to_string().contains("one token behind the other"), "{error}");
        }
        let chain = Proposal::tree(vec![said[0], 3], vec![None, Some(0)]).expect("a tree");
        let drafted = round(&mut engine, chain);
        assert_eq!(drafted[..2], right, "{device:?}");
        assert_eq!(engine.in_flight(), 0, "the refused one was never submitted");
    }
}

/// Speculative sampling that no kernel knows.
static HOST_ONLY: verify::Spec = verify::Spec {
    name: "host-only",
    about: "a test",
    make: || Box::new(TokenWise),
    kernel: None,
    tree: None,
};

fn sampled(verifier: &'static verify::Spec) -> Options {
    let sampling = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
    let drafter = drafters::by_name("ngram").expect("a drafter");
    let rules = Rules { sampling, verifier, ..Rules::default() };
    Options { max_tokens: 24, drafter, rules, ..Options::default() }
}

#[test]
fn a_verifier_without_a_kernel_is_refused_on_the_gpu_and_runs_on_the_host() {
    let [mut cpu, mut gpu] = [Device::Cpu, Device::WebGpu].map(|device| Generator::new(plain(device)));
    let said = generate(&mut cpu, &PROMPT, sampled(&HOST_ONLY));
    assert_eq!(said, generate(&mut cpu, &PROMPT, sampled(token_wise())));

    let before = generate(&mut gpu, &PROMPT, sampled(token_wise()));
    let error = gpu.start(&PROMPT, sampled(&HOST_ONLY)).expect_err("there is no kernel");
    assert_eq!(error.code(), "verifier-kernel");
    assert!(error.to_string().contains("\"host-only\"; use one of token, block"), "{error}");
    let mut engine = gpu.into_engine();
    let error =
        engine.begin(&sampled(&HOST_ONLY).rules, 100).expect_err("nor for those who drive it themselves");
    assert_eq!(error.code(), "verifier-kernel");
    assert_eq!(generate(&mut Generator::new(engine), &PROMPT, sampled(token_wise())), before);
}

#[test]
fn engines_tell_what_can_be_asked_of_them() {
    let names = |list: &serde_json::Value| -> Vec<String> {
        let list = list.as_array().expect("a list");
        assert!(list.iter().all(|line| line["about"].as_str().is_some_and(|about| !about.is_empty())));
        list.iter().map(|line| line["name"].as_str().expect("a name").into()).collect()
    };
    let target = Tiny::default().gguf();
    for device in DEVICES {
        let abilities = |draft| {
            let abilities = Abilities::of(&engine(device, &target, draft));
            serde_json::to_value(abilities).expect("plain data")
        };
        let with = abilities(Some(&target[..]));
        let chains = DRAFTERS.iter().filter(|spec| !(spec.make)().branches());
        let drafters: Vec<&str> = chains.map(|spec| spec.name).collect();
        assert_eq!(names(&with["drafters"]), drafters, "{device:?}");
        let runs = |spec: &&&verify::Spec| device == Device::Cpu || spec.kernel.is_some();
        let verifiers: Vec<&str> = VERIFIERS.iter().filter(runs).map(|spec| spec.name).collect();
        assert_eq!(names(&with["verifiers"]), verifiers, "{device:?}");
        assert_eq!(names(&with["lossy"]), ["linear", "square", "exponential"], "{device:?}");
        let line = |name: &str| {
            let at = drafters.iter().position(|known| *known == name).expect("a drafter");
            let line = &with["drafters"][at];
            (line["runs"].as_str(), line["needsDraft"].as_bool())
        };
        assert_eq!(line("model"), (Some("device"), Some(true)));
        assert_eq!(line("ngram"), (Some("device"), Some(false)));
        let without = names(&abilities(None)["drafters"]);
        assert_eq!(without, drafters.into_iter().filter(|name| *name != "model").collect::<Vec<_>>());
    }
}
