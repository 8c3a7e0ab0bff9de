//! Proposals, and what is refused before a round.

use super::*;
use crate::model::Config;
use crate::verify;

#[test]
fn a_chain_is_a_tree_without_branches() {
    let chain = Tree::chain(vec![7, 8, 9]);
    assert_eq!(chain, Tree::new(vec![7, 8, 9], vec![None, Some(0), Some(1)]).unwrap());
    assert!(chain.is_chain() && Tree::default().is_chain());
    for parents in [[None, Some(0), Some(0)], [None, None, Some(1)], [None, Some(0), None]] {
        assert!(!Tree::new(vec![7, 8, 9], parents.into()).unwrap().is_chain(), "{parents:?}");
    }
}

#[test]
fn parents_come_before_their_children() {
    let refused = |parents: &[Option<usize>]| {
        let error = Proposal::tree(vec![1, 2], parents.to_vec()).unwrap_err();
        assert_eq!(error.code(), "proposal-parents", "{parents:?}");
    };
    refused(&[Some(0), Some(0)]);
    refused(&[Some(1), None]);
    refused(&[None, Some(2)]);
    refused(&[None]);
    refused(&[None, Some(0), Some(1)]);
}

#[test]
fn what_is_left_of_a_tree_is_a_tree() {
    let mut tree = Proposal::tree(vec![7, 8, 9], vec![None, None, Some(0)]).unwrap();
    assert!(tree.branches());
    tree.truncate(2, 9);
    assert_eq!(tree, Proposal::tree(vec![7, 8], vec![None, None]).unwrap());
    tree.truncate(1, 9);
    assert_eq!((tree.len(), tree.branches(), tree), (1, false, Proposal::chain(vec![7])));
    let mut drafted = Proposal::model(4);
    drafted.truncate(9, 9);
    assert_eq!(drafted, Proposal::model(4));
    drafted.truncate(9, 2);
    assert_eq!(drafted, Proposal::model(2));
    drafted.truncate(0, 9);
    assert!(drafted.is_empty() && Proposal::none().is_empty());
    let mut shape = Proposal::Branches("2,2,1".parse().unwrap());
    assert_eq!((shape.len(), shape.branches()), (10, true));
    shape.truncate(15, 2);
    assert_eq!(shape, Proposal::Branches("2,2".parse().unwrap()));
    shape.truncate(5, 2);
    assert_eq!(shape, Proposal::Branches("2".parse().unwrap()));
    shape.truncate(1, 2);
    assert!(shape.is_empty() && !Proposal::Branches(Shape::chain(3)).branches());
}

/// An engine that is asked and never run.
struct Asked {
    config: Config,
    len: usize,
    has_draft: bool,
    kernels: bool,
    branches: bool,
}

impl Engine for Asked {
    type Error = Error;
    type Draft = ();

    fn info(&self) -> EngineInfo {
        EngineInfo::default()
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn capacity(&self) -> usize {
        8
    }

    fn max_proposal(&self) -> usize {
        4
    }

    fn has_draft(&self) -> bool {
        self.has_draft
    }

    fn branches(&self) -> bool {
        self.branches
    }

    fn verifies(&self, verifier: &verify::Spec) -> bool {
        self.kernels || verifier.kernel.is_some()
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn memory(&self) -> MemoryUse {
        MemoryUse::default()
    }
    fn len(&self) -> usize {
        self.len
    }

    fn in_flight(&self) -> usize {
        0
    }

    async fn truncate(&mut self, _len: usize) -> Result<(), Error> {
        Ok(())
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), Error> {
        check_growth(self, tokens.len())
    }

    fn begin(&mut self, rules: &Rules, _limit: usize) -> Result<(), Error> {
        check_rules(self, rules)
    }

    async fn replace_draft(&mut self, _draft: ()) -> Result<(), Error> {
        Ok(())
    }

    fn ready(&self, _proposal: &Proposal) -> bool {
        true
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), Error> {
        admit(self, proposal).map(drop)
    }

    async fn collect(&mut self) -> Result<Outcome, Error> {
        Ok(Outcome::default())
    }
}

fn asked(len: usize) -> Asked {
    let config = crate::model::tiny::Tiny::default().config();
    Asked { config, len, has_draft: false, kernels: true, branches: false }
}

#[test]
fn proposals_are_cut_to_the_room() {
    let admitted = |len, proposal| admit(&asked(len), proposal).unwrap();
    let chain = |tokens: std::ops::Range<u32>| Proposal::chain(tokens.collect());
    assert_eq!(admitted(1, chain(0..9)), chain(0..4), "what a round can verify");
    assert_eq!(admitted(5, chain(0..9)), chain(0..2), "the context, and a token of the target's own");
    assert_eq!(admitted(7, chain(0..9)), Proposal::none());
    let drafted = Asked { has_draft: true, ..asked(5) };
    assert_eq!(admit(&drafted, Proposal::model(9)).unwrap(), Proposal::model(2));
}

#[test]
fn what_no_round_can_serve_is_refused() {
    let code = |result: Result<Proposal, Error>| result.unwrap_err().code();
    assert_eq!(code(admit(&asked(0), Proposal::none())), "prompt-empty");
    assert_eq!(code(admit(&asked(8), Proposal::none())), "prompt-too-long");
    assert_eq!(code(admit(&asked(3), Proposal::model(2))), "draft-missing");
    let branches = || Proposal::tree(vec![1, 2], vec![None, None]).unwrap();
    assert_eq!(code(admit(&asked(3), branches())), "proposal-tree");
    let drafted = || Proposal::Branches("2,1".parse().unwrap());
    assert_eq!(code(admit(&Asked { branches: true, ..asked(3) }, drafted())), "draft-missing");
    assert_eq!(code(admit(&Asked { has_draft: true, ..asked(3) }, drafted())), "proposal-tree");
    assert!(check_growth(&asked(3), 5).is_ok());
    assert_eq!(check_growth(&asked(3), 6).unwrap_err().code(), "prompt-too-long");
    let vocab = asked(0).config.vocab as u32;
    assert_eq!(check_prompt(&asked(0), &[vocab]).unwrap_err().code(), "token-range");
    assert!(check_prompt(&asked(0), &[vocab - 1; 7]).is_ok());
}

static TOY: verify::Spec = verify::Spec {
    name: "toy",
    about: "only on the host",
    make: || Box::new(verify::TokenWise),
    kernel: None,
    tree: None,
};

#[test]
fn a_verifier_without_a_kernel_is_never_replaced() {
    let warm = crate::sampling::Sampling { temperature: 1.0, ..Default::default() };
    let rules = Rules { sampling: warm, verifier: &TOY, ..Rules::default() };
    assert!(check_rules(&asked(0), &rules).is_ok(), "the host needs none");
    let device = Asked { kernels: false, ..asked(0) };
    let error = check_rules(&device, &rules).unwrap_err();
    assert_eq!(error.code(), "verifier-kernel");
    assert!(error.to_string().contains("\"toy\"; use one of token, block"), "{error}");
    // What does not verify by it does not need it.
    let kind = &verify::KINDS[0];
    let lenient = Rules { lenience: Some(verify::Lenience { kind, epsilon: 0.5 }), ..rules };
    assert!(check_rules(&device, &lenient).is_ok());
    assert!(check_rules(&device, &Rules { verifier: &TOY, ..Rules::default() }).is_ok());
}

#[test]
fn branches_need_an_engine_and_a_verifier() {
    let able = Asked { branches: true, ..asked(3) };
    let admitted = admit(&able, Proposal::tree(vec![1, 2, 3], vec![None, None, Some(0)]).unwrap()).unwrap();
    assert_eq!(admitted.len(), 3);
    let near_the_end = Asked { branches: true, ..asked(6) };
    let cut =
        admit(&near_the_end, Proposal::tree(vec![1, 2, 3], vec![None, Some(0), None]).unwrap()).unwrap();
    assert_eq!(cut, Proposal::tree(vec![1, 3], vec![None, None]).unwrap(), "as deep as there is room");

    let warm = crate::sampling::Sampling { temperature: 1.0, ..Default::default() };
    let rules = |verifier| Rules { sampling: warm.clone(), verifier, ..Rules::default() };
    let code = |engine: &Asked, rules: &Rules| check_branches(engine, rules).unwrap_err().code();
    assert!(check_branches(&able, &Rules::default()).is_ok());
    assert!(check_branches(&able, &rules(verify::token_wise())).is_ok());
    assert_eq!(code(&asked(3), &Rules::default()), "proposal-tree");
    let error = check_branches(&able, &rules(verify::best())).unwrap_err();
    assert_eq!(error.code(), "verifier-tree");
    assert!(error.to_string().contains("\"block\" verifies chains; use one of token"), "{error}");
    for sampling in [warm.clone(), Default::default()] {
        let lenience = Some(verify::Lenience { kind: &verify::KINDS[0], epsilon: 0.5 });
        assert_eq!(code(&able, &Rules { sampling, lenience, ..Rules::default() }), "verifier-tree");
    }
}

#[test]
fn tokens_are_kept_to_a_stop_and_to_the_limit() {
    let rules = Rules { stop_ids: vec![9], ..Rules::default() };
    assert_eq!(rules.kept(5, 100, &[1, 2, 3]), 3);
    assert_eq!(rules.kept(5, 100, &[1, 9, 3]), 2);
    assert_eq!(rules.kept(5, 7, &[1, 2, 9]), 2);
    assert_eq!(rules.kept(5, 5, &[1, 2, 9]), 1, "a round commits something");
}
