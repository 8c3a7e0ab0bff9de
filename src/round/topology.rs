//! Which token of a proposal follows which. Everything about it is here, once: engines, drafters and verifiers ask.
//!
//! A pass over a tree has a row for the context's last token, row 0, and one for each node: row `n + 1` is of node `n`. A node
//! has a *position* in the text, that of its depth, which it shares with its siblings; and a *slot* in what engines keep of
//! each row, which is its own. Where the context has `length` tokens node `n` is at position `length + depth(n)` and in slot
//! `length + n`. Once a path is accepted, its slots become its positions ([`Memory::accept`](super::Memory::accept)).

use super::Error;

/// Tokens, and which of them each follows. A chain is the tree in which each node's parent is the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    tokens: Vec<u32>,
    parents: Vec<Option<usize>>,
    depths: Vec<usize>,
}

impl Tree {
    /// `tokens[i]` follows `tokens[parents[i]]`, or the context where there is no parent.
    ///
    /// # Errors
    /// [`Error::ProposalParents`] where there are not as many parents as tokens, or one does not come before its child.
    pub fn new(tokens: Vec<u32>, parents: Vec<Option<usize>>) -> Result<Self, Error> {
        let before = |(node, parent): (usize, &Option<usize>)| parent.is_none_or(|parent| parent < node);
        if tokens.len() != parents.len() || !parents.iter().enumerate().all(before) {
            return Err(Error::ProposalParents);
        }
        let mut tree = Self::default();
        tokens.into_iter().zip(parents).for_each(|(token, parent)| {
            tree.push(parent, token);
        });
        Ok(tree)
    }

    /// Each token follows the one before.
    pub fn chain(tokens: Vec<u32>) -> Self {
        let parents = (0..tokens.len()).map(|node| node.checked_sub(1)).collect();
        let depths = (0..tokens.len()).collect();
        Self { tokens, parents, depths }
    }

    /// Adds a last child to `parent`, or to the context: the new node.
    ///
    /// # Panics
    /// When there is no such parent.
    pub fn push(&mut self, parent: Option<usize>, token: u32) -> usize {
        self.depths.push(parent.map_or(0, |parent| self.depths[parent] + 1));
        self.parents.push(parent);
        self.tokens.push(token);
        self.tokens.len() - 1
    }

    /// Nodes.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens, parents before their children.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Whom each follows; `None` is the context.
    pub fn parents(&self) -> &[Option<usize>] {
        &self.parents
    }

    /// How many nodes are in front of `node` on its path: it stands so many positions behind the first proposed token.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn depth(&self, node: usize) -> usize {
        self.depths[node]
    }

    /// Nodes of the longest path.
    pub fn levels(&self) -> usize {
        self.depths.iter().max().map_or(0, |depth| depth + 1)
    }

    /// From the context to `node` and with it, each node after its parent. Node numbers rise along a path.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn path(&self, node: usize) -> Vec<usize> {
        let mut path = vec![node; self.depths[node] + 1];
        let mut at = node;
        for place in path.iter_mut().rev() {
            *place = at;
            at = self.parents[at].unwrap_or(at);
        }
        path
    }

    /// The tokens of [`path`](Self::path) to the node of `row`; none for row 0.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn said(&self, row: usize) -> Vec<u32> {
        let path = row.checked_sub(1).map_or_else(Vec::new, |node| self.path(node));
        path.into_iter().map(|node| self.tokens[node]).collect()
    }

    /// The children of each row, in order: those of the context, then those of each node.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.len() + 1];
        for (node, parent) in self.parents.iter().enumerate() {
            children[parent.map_or(0, |parent| parent + 1)].push(node);
        }
        children
    }

    /// Whether each token follows the one before.
    pub fn is_chain(&self) -> bool {
        self.depths.iter().enumerate().all(|(node, depth)| *depth == node)
    }

    /// Leaves out all but the first `nodes` of those that are among the first `levels` of their paths.
    pub fn truncate(&mut self, nodes: usize, levels: usize) {
        let mut kept = Self::default();
        let mut names = vec![None; self.len()];
        for node in (0..self.len()).filter(|node| self.depths[*node] < levels).take(nodes) {
            let parent = self.parents[node].and_then(|parent| names[parent]);
            names[node] = Some(kept.push(parent, self.tokens[node]));
        }
        *self = kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree() -> impl Strategy<Value = Tree> {
        prop::collection::vec((any::<prop::sample::Index>(), 0u32..9), 0..40).prop_map(|nodes| {
            let mut tree = Tree::default();
            for (parent, token) in nodes {
                // One of the nodes before, or the context.
                let parent = parent.index(tree.len() + 1).checked_sub(1);
                tree.push(parent, token);
            }
            tree
        })
    }

    proptest! {
        #[test]
        fn a_path_leads_from_the_context_to_its_node(tree in tree()) {
            for node in 0..tree.len() {
                let path = tree.path(node);
                prop_assert_eq!(path.len(), tree.depth(node) + 1);
                prop_assert_eq!(path.last(), Some(&node));
                prop_assert!(path.is_sorted_by(|a, b| a < b));
                let parents: Vec<_> = path.iter().map(|at| tree.parents()[*at]).collect();
                let before = std::iter::once(None).chain(path.iter().map(|at| Some(*at)));
                prop_assert_eq!(parents, before.take(path.len()).collect::<Vec<_>>());
                let tokens: Vec<_> = path.iter().map(|at| tree.tokens()[*at]).collect();
                prop_assert_eq!(tree.said(node + 1), tokens);
            }
            prop_assert!(tree.said(0).is_empty());
        }

        #[test]
        fn siblings_share_a_position_and_are_in_order(tree in tree()) {
            let children = tree.children();
            prop_assert_eq!(children.iter().map(Vec::len).sum::<usize>(), tree.len());
            for (row, children) in children.iter().enumerate() {
                prop_assert!(children.is_sorted_by(|a, b| a < b));
                for child in children {
                    prop_assert_eq!(tree.parents()[*child], row.checked_sub(1));
                    prop_assert_eq!(tree.depth(*child), row.checked_sub(1).map_or(0, |at| tree.depth(at) + 1));
                }
            }
        }

        #[test]
        fn what_is_left_of_a_tree_is_its_beginning(whole in tree(), nodes in 0usize..20, levels in 0usize..6) {
            let mut tree = whole.clone();
            tree.truncate(nodes, levels);
            prop_assert!(tree.len() <= nodes && tree.levels() <= levels);
            let left: Vec<usize> = (0..whole.len()).filter(|node| whole.depth(*node) < levels).take(nodes).collect();
            prop_assert_eq!(tree.len(), left.len());
            for (now, before) in left.into_iter().enumerate() {
                prop_assert_eq!(tree.said(now + 1), whole.said(before + 1));
            }
            let mut again = tree.clone();
            again.truncate(nodes, levels);
            prop_assert_eq!(&again, &tree);
            prop_assert_eq!(Tree::new(tree.tokens().to_vec(), tree.parents().to_vec()).unwrap(), tree);
        }

        #[test]
        fn a_chain_is_what_no_node_branches_in(tree in tree()) {
            let chain = tree.children().iter().rev().skip(1).all(|children| children.len() == 1);
            prop_assert_eq!(tree.is_chain(), chain || tree.is_empty());
            prop_assert_eq!(tree.is_chain(), tree == Tree::chain(tree.tokens().to_vec()));
        }
    }
}
