//! What is compared.

use std::rc::Rc;

use crate::decode::Gamma;
use crate::drafters::{Branches, DRAFTERS, Drafter};
use crate::round::{Engine, Growth, Shape};
use crate::verify::{self, VERIFIERS};

/// A drafter with its settings, and a verifier.
#[derive(Clone)]
pub struct Way {
    /// What it is called.
    pub drafter: String,
    /// Makes its drafter.
    pub make: Rc<dyn Fn() -> Box<dyn Drafter>>,
    /// How much the drafter may propose.
    pub gamma: Gamma,
    /// Who verifies; `None` at temperature 0.
    pub verifier: Option<&'static verify::Spec>,
}

impl Way {
    fn new(drafter: String, gamma: Gamma, make: impl Fn() -> Box<dyn Drafter> + 'static) -> Self {
        Self { drafter, make: Rc::new(make), gamma, verifier: None }
    }

    /// Whether its proposals are the draft model's chains.
    pub fn is_chain(&self) -> bool {
        let drafter = (self.make)();
        drafter.needs_draft_model() && !drafter.branches()
    }
}

/// Every drafter of the table that `engine` has, and its draft's trees of these shapes as far as they fit, each with every verifier that
/// judges its proposals; a pass of the target has at most `rows` rows. The first is plain decoding.
pub fn ways(engine: &impl Engine, rows: usize, shapes: &[Shape], greedy: bool) -> Vec<Way> {
    let most = rows - 1;
    let of_table = DRAFTERS.iter().filter(|spec| !(spec.make)().branches());
    let of_table = of_table.map(|spec| Way::new(spec.name.into(), Gamma::Fixed(most), spec.make));
    let trees = shapes.iter().filter(|shape| engine.branches() && shape.nodes() <= most).cloned();
    let trees = trees.map(|shape| {
        let name = format!("tree {shape}");
        Way::new(name, Gamma::Default, move || Box::new(Branches(shape.clone())))
    });
    let there = |way: &Way| engine.has_draft() || !(way.make)().needs_draft_model();
    let there: Vec<Way> = of_table.chain(trees).filter(there).collect();
    if greedy {
        return there;
    }
    let verified = there.into_iter().enumerate().flat_map(|(place, way)| {
        let branches = (way.make)().branches();
        let judges = move |spec: &&&verify::Spec| !branches || spec.tree.is_some();
        let verifiers = VERIFIERS.iter().filter(|spec| engine.verifies(spec)).filter(judges);
        // Of plain decoding there is one kind.
        let verifiers: Vec<_> = verifiers.take(if place == 0 { 1 } else { VERIFIERS.len() }).collect();
        verifiers.into_iter().map(move |verifier| Way { verifier: Some(verifier), ..way.clone() })
    });
    verified.collect()
}

/// Shapes of at most so many nodes that are worth a look: two or three tokens for the first position, or two for each of the first
/// two, and a chain behind each; and the likeliest nodes.
pub fn usual_shapes(nodes: usize) -> Vec<Shape> {
    let longest = |first: &[usize]| {
        let chains = (0..).map(|more| Shape::new(Growth::Levels([first, &vec![1; more]].concat())));
        chains.map_while(Result::ok).take_while(|shape| shape.nodes() <= nodes).last()
    };
    let fixed = [&[2][..], &[3], &[2, 2]].into_iter().filter_map(longest);
    let likeliest = |levels| Shape::new(Growth::Likeliest { nodes, levels }).ok();
    fixed.chain([3, 4, 6].into_iter().filter_map(likeliest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_shapes_fill_the_rows() {
        let names = |nodes| usual_shapes(nodes).iter().map(Shape::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(names(7), "2,1,1 3,1 2,2 likeliest=7,3 likeliest=7,4 likeliest=7,6");
        assert_eq!(names(11), "2,1,1,1,1 3,1,1 2,2,1 likeliest=11,3 likeliest=11,4 likeliest=11,6");
        assert_eq!(names(2), "2 likeliest=2,3 likeliest=2,4 likeliest=2,6");
        assert!(usual_shapes(0).is_empty());
    }
}
