//! What a round is to verify.

use super::Error;

/// Who proposes the tokens of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// These tokens, found by the caller. Without any a round is one plain step of the target.
    Tokens(Tree),
    /// The engine's drafters, next to the tokens, weights and caches that they need: what the lookup finds, else what the draft
    /// model says. Either may propose less than it is asked for.
    Device {
        /// Most tokens wanted of the lookup (`drafters::Lookup` is its rule); 0: it is not asked.
        lookup: usize,
        /// Most steps wanted of the loaded draft model; 0: it is not asked.
        model: usize,
    },
}

impl Proposal {
    /// Nothing: one plain step of the target.
    pub fn none() -> Self {
        Self::Tokens(Tree::default())
    }

    /// Tokens one behind the other.
    pub fn chain(tokens: Vec<u32>) -> Self {
        Self::Tokens(Tree::chain(tokens))
    }

    /// Tokens that may have several continuations: see [`Tree::new`].
    ///
    /// # Errors
    /// As [`Tree::new`].
    pub fn tree(tokens: Vec<u32>, parents: Vec<Option<usize>>) -> Result<Self, Error> {
        Tree::new(tokens, parents).map(Self::Tokens)
    }

    /// At most so many steps of the loaded draft model.
    pub fn model(steps: usize) -> Self {
        Self::Device { lookup: 0, model: steps }
    }

    /// At most so many tokens that followed the longest earlier match of the context's end.
    pub fn lookup(tokens: usize) -> Self {
        Self::Device { lookup: tokens, model: 0 }
    }

    /// This one, and `other` where it proposes nothing. Of two tries only a lookup before the model is one the engine can make:
    /// otherwise this one stands, if it wants anything.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Device { lookup, model: 0 }, Self::Device { lookup: 0, model }) => {
                Self::Device { lookup, model }
            }
            (this, other) if this.is_empty() => other,
            (this, _) => this,
        }
    }

    /// Most tokens that it can have.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(tree) => tree.tokens.len(),
            Self::Device { lookup, model } => *lookup.max(model),
        }
    }

    /// Whether nothing is proposed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out all but the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        match self {
            Self::Tokens(tree) => {
                tree.tokens.truncate(len);
                tree.parents.truncate(len);
            }
            Self::Device { lookup, model } => {
                [*lookup, *model] = [*lookup, *model].map(|wanted| wanted.min(len))
            }
        }
    }
}

/// Tokens, and which of them each follows. A chain is the tree in which each node's parent is the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    tokens: Vec<u32>,
    parents: Vec<Option<usize>>,
}

impl Tree {
    /// `tokens[i]` follows `tokens[parents[i]]`, or the context where there is no parent.
    ///
    /// # Errors
    /// [`Error::ProposalParents`] where there are not as many parents as tokens, or one does not come before its child.
    pub fn new(tokens: Vec<u32>, parents: Vec<Option<usize>>) -> Result<Self, Error> {
        let before = |(node, parent): (usize, &Option<usize>)| parent.is_none_or(|parent| parent < node);
        if tokens.len() == parents.len() && parents.iter().enumerate().all(before) {
            Ok(Self { tokens, parents })
        } else {
            Err(Error::ProposalParents)
        }
    }

    /// Each token follows the one before.
    pub fn chain(tokens: Vec<u32>) -> Self {
        let parents = (0..tokens.len()).map(|node| node.checked_sub(1)).collect();
        Self { tokens, parents }
    }

    /// The tokens, parents before their children.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Whom each follows; `None` is the context.
    pub fn parents(&self) -> &[Option<usize>] {
        &self.parents
    }

    /// Whether each token follows the one before.
    pub fn is_chain(&self) -> bool {
        self.parents.iter().enumerate().all(|(node, parent)| *parent == node.checked_sub(1))
    }
}
