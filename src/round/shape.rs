//! How a drafted tree branches.

use super::{Error, MAX_ROWS};
use crate::verify::Replacement;

/// Children of each node, level by level: `2,2,1` is two tokens behind the context, two behind each of them and one behind each
/// of those, together 10. A draft that knows fewer tokens says fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    widths: Vec<usize>,
    replacement: Replacement,
}

impl Default for Shape {
    /// `2,1,1`, a pass of seven rows: most of what is refused is so at the first token.
    fn default() -> Self {
        Self { widths: vec![2, 1, 1], replacement: Replacement::Without }
    }
}

impl Shape {
    /// `widths[d]` children for each node of level `d`, drawn without replacement.
    ///
    /// # Errors
    /// [`Error::ProposalShape`] where a level has none, or there are more nodes than a pass verifies.
    pub fn new(widths: Vec<usize>) -> Result<Self, Error> {
        let shape = Self { widths, replacement: Replacement::Without };
        let sizes = shape.sizes().try_fold(0usize, |all, size| all.checked_add(size?));
        match sizes {
            Some(1..MAX_ROWS) if shape.widths.iter().all(|width| *width > 0) => Ok(shape),
            _ => Err(Error::ProposalShape { shape: shape.to_string() }),
        }
    }

    /// One token behind the other: the draft's usual proposal.
    pub fn chain(steps: usize) -> Self {
        Self { widths: vec![1; steps], replacement: Replacement::Without }
    }

    /// The same, drawn so above temperature 0.
    pub fn drawn(mut self, replacement: Replacement) -> Self {
        self.replacement = replacement;
        self
    }

    /// Nodes of each level; `None` beyond what can be counted.
    fn sizes(&self) -> impl Iterator<Item = Option<usize>> {
        self.widths.iter().scan(Some(1usize), |size, width| {
            *size = size.and_then(|size| size.checked_mul(*width));
            Some(*size)
        })
    }

    /// Children of each node, level by level.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// How siblings are drawn above temperature 0.
    pub fn replacement(&self) -> Replacement {
        self.replacement
    }

    /// Most nodes that it has.
    pub fn nodes(&self) -> usize {
        self.sizes().flatten().sum()
    }

    /// Whether no node has a sibling.
    pub fn is_chain(&self) -> bool {
        self.widths.iter().all(|width| *width == 1)
    }

    /// Leaves out all but the first `levels` levels.
    pub fn truncate(&mut self, levels: usize) {
        self.widths.truncate(levels);
    }
}

/// As in `2,2,1`.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        f.write_str(&widths.join(","))
    }
}

impl std::str::FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let widths = text.split(',').map(str::parse).collect::<Result<_, _>>();
        widths.map_or_else(|_| Err(Error::ProposalShape { shape: text.into() }), Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_counted() {
        for (text, nodes, levels) in [("2,2,1", 10, 3), ("3,1,1,1", 12, 4), ("15", 15, 1), ("1,1", 2, 2)] {
            let mut shape: Shape = text.parse().unwrap();
            assert_eq!(
                (shape.nodes(), shape.widths().len(), shape.to_string()),
                (nodes, levels, text.into())
            );
            assert_eq!(shape.is_chain(), nodes == levels);
            shape.truncate(1);
            assert_eq!(shape.nodes(), shape.widths()[0]);
        }
        assert_eq!(Shape::chain(4), "1,1,1,1".parse().unwrap());
        for refused in ["", "2,", "a", "0", "2,0", "16", "4,4", "2,-1", "99999999999,99999999999"] {
            let error = refused.parse::<Shape>().unwrap_err();
            assert_eq!(error.code(), "proposal-shape", "{refused}");
        }
    }
}
