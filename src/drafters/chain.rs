//! Several drafters, the first of which that has something to say proposes (the horizontal cascade of arXiv 2312.11462): a
//! lookup costs nothing, so it is asked before a model.

use super::{Drafter, Limits, Runs};
use crate::round::{Outcome, Proposal};

/// Asks its drafters in order.
pub struct Chain {
    drafters: Vec<Box<dyn Drafter>>,
}

impl Chain {
    /// A chain of these.
    pub fn new(drafters: Vec<Box<dyn Drafter>>) -> Self {
        Self { drafters }
    }
}

impl Drafter for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn default_limits(&self) -> Limits {
        let limits = self.drafters.iter().map(|drafter| drafter.default_limits());
        limits.fold(Limits::default(), |a, b| Limits {
            tokens: a.tokens.max(b.tokens),
            draft: a.draft.max(b.draft),
        })
    }

    fn runs(&self) -> Runs {
        let device = self.drafters.iter().any(|drafter| drafter.runs() == Runs::Device);
        if device { Runs::Device } else { Runs::Host }
    }

    fn needs_draft_model(&self) -> bool {
        self.drafters.iter().any(|drafter| drafter.needs_draft_model())
    }

    fn reads_context(&self) -> bool {
        self.drafters.iter().any(|drafter| drafter.reads_context())
    }

    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal {
        let proposals = self.drafters.iter_mut().map(|drafter| drafter.propose(context, limits));
        proposals.into_iter().find(|proposal| !proposal.is_empty()).unwrap_or(Proposal::none())
    }

    fn observe(&mut self, outcome: &Outcome) {
        self.drafters.iter_mut().for_each(|drafter| drafter.observe(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::super::by_name;
    use super::*;

    #[test]
    fn the_first_that_proposes_is_heard() {
        let mut chain = by_name("ngram+model").unwrap();
        assert!(chain.needs_draft_model() && chain.reads_context() && chain.runs() == Runs::Device);
        let limits = Limits { tokens: 10, draft: 3 };
        assert_eq!(chain.propose(&[1, 2, 3, 1, 2], limits), Proposal::chain(vec![3, 1]));
        assert_eq!(chain.propose(&[1, 2, 3, 4], limits), Proposal::model(3));
        assert_eq!(chain.propose(&[1, 2, 3, 4], Limits { draft: 0, ..limits }), Proposal::none());
        assert!(by_name("ngram+nobody").is_err());
    }
}
