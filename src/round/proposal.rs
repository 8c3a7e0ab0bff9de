//! What a round is to verify.

use super::{Error, Shape, Tree};

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
    /// A tree of that shape, of the loaded draft model. Only engines that [verify branches](super::Engine::branches) can.
    Branches(Shape),
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
            Self::Tokens(tree) => tree.len(),
            Self::Device { lookup, model } => *lookup.max(model),
            Self::Branches(shape) => shape.nodes(),
        }
    }

    /// Whether a token may have a sibling.
    pub fn branches(&self) -> bool {
        match self {
            Self::Tokens(tree) => !tree.is_chain(),
            Self::Device { .. } => false,
            Self::Branches(shape) => !shape.is_chain(),
        }
    }

    /// Whether nothing is proposed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out what is more than `nodes` tokens, or stands behind the first `levels` of its path.
    pub fn truncate(&mut self, nodes: usize, levels: usize) {
        match self {
            Self::Tokens(tree) => tree.truncate(nodes, levels),
            Self::Device { lookup, model } => {
                [*lookup, *model] = [*lookup, *model].map(|wanted| wanted.min(nodes.min(levels)))
            }
            Self::Branches(shape) => {
                shape.truncate(levels);
                while shape.nodes() > nodes {
                    shape.truncate(shape.widths().len() - 1);
                }
            }
        }
    }
}
