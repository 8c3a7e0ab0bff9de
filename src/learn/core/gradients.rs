//! The size of a gradient.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The Euclidean norm of all of `gradients`, those of `module`'s parameters; 0 where there are none.
pub fn norm<M: Module>(module: &M, gradients: &GradientsParams) -> f32 {
    let mut squares = Squares { gradients, sum: None };
    module.visit(&mut squares);
    squares.sum.map_or(0.0, |sum| sum.into_scalar::<f32>().sqrt())
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(parameter.id) else { return };
        let square = gradient.square().sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + square,
            None => square,
        });
    }
}
