//! How a drafted tree branches.

use super::{Error, MAX_ROWS};
use crate::verify::Replacement;

/// How a drafted tree branches, and how siblings are drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    growth: Growth,
    replacement: Replacement,
}

/// Which nodes a tree has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Growth {
    /// So many children of each node, level by level: `2,2,1` is two tokens behind the context, two behind each of them and one
    /// behind each of those, together 10. A draft that knows fewer tokens says fewer.
    Levels(Vec<usize>),
    /// The nodes whose paths are the likeliest by the draft (EAGLE-2, arXiv 2406.16858): where it is sure a chain, where it is
    /// not a wide tree.
    Likeliest {
        /// Most nodes.
        nodes: usize,
        /// Most nodes of a path, each a pass of the draft.
        levels: usize,
    },
}

/// The word in front of a number of nodes in a shape's text.
const LIKELIEST: &str = "likeliest=";

/// Levels of the likeliest nodes where nothing else is said: beyond, few paths are likely enough to be worth a pass.
const LEVELS: usize = 5;

impl Default for Shape {
    /// `2,1,1`, a pass of seven rows: most of what is refused is so at the first token.
    fn default() -> Self {
        Self { growth: Growth::Levels(vec![2, 1, 1]), replacement: Replacement::Without }
    }
}

impl Shape {
    /// Of that growth, drawn without replacement.
    ///
    /// # Errors
    /// [`Error::ProposalShape`] where a level has no nodes, or there are more than a pass verifies.
    pub fn new(growth: Growth) -> Result<Self, Error> {
        let shape = Self { growth, replacement: Replacement::Without };
        let nodes = match &shape.growth {
            Growth::Levels(widths) if widths.contains(&0) => None,
            Growth::Levels(widths) => sizes(widths).try_fold(0usize, |all, size| all.checked_add(size?)),
            Growth::Likeliest { nodes, levels } => (*levels > 0).then_some(*nodes),
        };
        match nodes {
            Some(1..MAX_ROWS) => Ok(shape),
            _ => Err(Error::ProposalShape { shape: shape.to_string() }),
        }
    }

    /// One token behind the other: the draft's usual proposal.
    pub fn chain(steps: usize) -> Self {
        Self { growth: Growth::Levels(vec![1; steps]), replacement: Replacement::Without }
    }

    /// The same, drawn so above temperature 0. The likeliest nodes are not drawn.
    pub fn drawn(mut self, replacement: Replacement) -> Self {
        self.replacement = replacement;
        self
    }

    /// Which nodes it has.
    pub fn growth(&self) -> &Growth {
        &self.growth
    }

    /// How siblings are drawn above temperature 0.
    pub fn replacement(&self) -> Replacement {
        self.replacement
    }

    /// Most nodes of a path.
    pub fn levels(&self) -> usize {
        match &self.growth {
            Growth::Levels(widths) => widths.len(),
            Growth::Likeliest { nodes, levels } => *levels.min(nodes),
        }
    }

    /// Most nodes that it has.
    pub fn nodes(&self) -> usize {
        match &self.growth {
            Growth::Levels(widths) => sizes(widths).flatten().sum(),
            Growth::Likeliest { nodes, .. } => *nodes,
        }
    }

    /// Whether no node can have a sibling.
    pub fn is_chain(&self) -> bool {
        match &self.growth {
            Growth::Levels(widths) => widths.iter().all(|width| *width == 1),
            Growth::Likeliest { nodes, .. } => *nodes < 2,
        }
    }

    /// Leaves out what is more than `nodes` nodes, or stands behind the first `levels` of its path.
    pub fn truncate(&mut self, most: usize, first: usize) {
        match &mut self.growth {
            Growth::Levels(widths) => {
                widths.truncate(first);
                while sizes(widths).flatten().sum::<usize>() > most {
                    widths.pop();
                }
            }
            Growth::Likeliest { nodes, levels } => {
                *nodes = most.min(*nodes);
                *levels = first.min(*levels);
                if *levels == 0 {
                    *nodes = 0;
                }
            }
        }
    }
}

/// Nodes of each level; `None` beyond what can be counted.
fn sizes(widths: &[usize]) -> impl Iterator<Item = Option<usize>> {
    widths.iter().scan(Some(1usize), |size, width| {
        *size = size.and_then(|size| size.checked_mul(*width));
        Some(*size)
    })
}

/// As in `2,2,1`, or `likeliest=7,5`: nodes and levels.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.growth {
            Growth::Levels(widths) => {
                let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
                f.write_str(&widths.join(","))
            }
            Growth::Likeliest { nodes, levels } => write!(f, "{LIKELIEST}{nodes},{levels}"),
        }
    }
}

/// As it is displayed; the likeliest nodes also without their levels.
impl std::str::FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (numbers, likeliest) =
            text.strip_prefix(LIKELIEST).map_or((text, false), |numbers| (numbers, true));
        let numbers: Result<Vec<usize>, _> = numbers.split(',').map(str::parse).collect();
        let growth = match (numbers.as_deref(), likeliest) {
            (Ok(widths), false) => Growth::Levels(widths.to_vec()),
            (Ok(&[nodes]), true) => Growth::Likeliest { nodes, levels: LEVELS },
            (Ok(&[nodes, levels]), true) => Growth::Likeliest { nodes, levels },
            _ => return Err(Error::ProposalShape { shape: text.into() }),
        };
        Self::new(growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_counted() {
        for (text, nodes, levels) in [("2,2,1", 10, 3), ("3,1,1,1", 12, 4), ("15", 15, 1), ("1,1", 2, 2)] {
            let mut shape: Shape = text.parse().unwrap();
            assert_eq!((shape.nodes(), shape.levels(), shape.to_string()), (nodes, levels, text.into()));
            assert_eq!(shape.is_chain(), nodes == levels);
            let first = text.split(',').next().and_then(|width| width.parse().ok());
            shape.truncate(15, 1);
            assert_eq!((Some(shape.nodes()), shape.levels()), (first, 1));
            shape.truncate(0, 1);
            assert_eq!((shape.nodes(), shape.levels()), (0, 0));
        }
        assert_eq!(Shape::chain(4), "1,1,1,1".parse().unwrap());
        for (text, nodes, levels) in
            [("likeliest=7,3", 7, 3), ("likeliest=3,9", 3, 3), ("likeliest=15", 15, LEVELS)]
        {
            let mut shape: Shape = text.parse().unwrap();
            assert_eq!((shape.nodes(), shape.levels(), shape.is_chain()), (nodes, levels, false));
            assert_eq!(shape.to_string().parse::<Shape>().unwrap(), shape);
            shape.truncate(2, 1);
            assert_eq!((shape.nodes(), shape.levels()), (2, 1));
            shape.truncate(2, 0);
            assert_eq!((shape.nodes(), shape.levels()), (0, 0));
        }
        for refused in [
            "",
            "2,",
            "a",
            "0",
            "2,0",
            "16",
            "4,4",
            "2,-1",
            "99999999999,99999999999",
            "likeliest=",
            "likeliest=0",
            "likeliest=16",
            "likeliest=4,0",
            "likeliest=4,2,1",
            "likeliest",
        ] {
            let error = refused.parse::<Shape>().unwrap_err();
            assert_eq!(error.code(), "proposal-shape", "{refused}");
        }
    }
}
