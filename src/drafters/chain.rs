//! Several drafters, the first of which that has something to say proposes (the horizontal cascade of arXiv 2312.11462): a
//! lookup costs nothing, so it is asked before a model. Between those two the engine decides ([`Proposal::or`]).

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

    fn branches(&self) -> bool {
        self.drafters.iter().any(|drafter| drafter.branches())
    }

    fn reads_context(&self) -> bool {
        self.drafters.iter().any(|drafter| drafter.reads_context())
    }

    fn propose(&mut self, context: &[u32], limits: Limits) -> Proposal {
        let proposals = self.drafters.iter_mut().map(|drafter| drafter.propose(context, limits));
        proposals.fold(Proposal::none(), Proposal::or)
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
        assert!(chain.needs_draft_model() && !chain.reads_context() && chain.runs() == Runs::Device);
        let mut propose = |tokens, draft| chain.propose(&[1, 2, 3, 1, 2], Limits { tokens, draft });
        assert_eq!(propose(10, 3), Proposal::Device { lookup: 10, model: 3 });
        assert_eq!(propose(0, 3), Proposal::model(3));
        assert_eq!(propose(10, 0), Proposal::lookup(10));
        assert!(propose(0, 0).is_empty());
        // Nothing is asked of a lookup behind a model, which always has something to say.
        let limits = Limits { tokens: 10, draft: 3 };
        assert_eq!(by_name("model+ngram").unwrap().propose(&[1, 2, 3], limits), Proposal::model(3));
        let found = Proposal::chain(vec![7]);
        assert_eq!(found.clone().or(Proposal::model(3)), found);
        assert_eq!(Proposal::none().or(found.clone()), found);
        assert!(by_name("ngram+nobody").is_err());
    }
}
