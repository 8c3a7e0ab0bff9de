//! Divergences on tables: a law for each context, and a draft that is a table too.

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

use super::{Rows, by_name};

const CONTEXTS: usize = 25;
const VOCAB: usize = 5;

/// A random law for each context.
fn laws() -> Tensor<2> {
    let mut random = fastrand::Rng::with_seed(9);
    let mut values: Vec<f32> = (0..CONTEXTS * VOCAB).map(|_| random.f32().powi(3) + 0.01).collect();
    for row in values.chunks_exact_mut(VOCAB) {
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= sum);
    }
    Tensor::from_data(TensorData::new(values, [CONTEXTS, VOCAB]), &Device::flex())
}

fn rows(p: &Tensor<2>, logits: Tensor<2>) -> Rows {
    let log_q = log_softmax(logits, 1);
    let label = log_q.clone().narrow(1, 0, 1).squeeze_dim(1);
    Rows { p: p.clone(), sayable: Tensor::ones([CONTEXTS], &p.device()), label, log_q }
}

/// Adam on some tables, whose product (or the only one of them) is the logits: the mean overlap at the end.
fn train(name: &str, tables: &mut [Tensor<2>], steps: usize, lr: f32) -> f32 {
    let p = laws();
    let divergence = by_name(name, 0.5).unwrap();
    let logits = |tables: &[Tensor<2>]| match tables {
        [one] => one.clone(),
        [a, b] => a.clone().matmul(b.clone()),
        _ => panic!("one table or two"),
    };
    let mut moments: Vec<_> = tables.iter().map(|t| (t.zeros_like(), t.zeros_like())).collect();
    for step in 1..=steps {
        let leaves: Vec<Tensor<2>> = tables.iter().map(|t| t.clone().autodiff().require_grad()).collect();
        let grads = divergence.loss(&rows(&p, logits(&leaves))).mean().backward();
        for ((table, leaf), (first, second)) in tables.iter_mut().zip(&leaves).zip(&mut moments) {
            let g = leaf.grad(&grads).unwrap().inner();
            *first = first.clone() * 0.9 + g.clone() * 0.1;
            *second = second.clone() * 0.99 + g.square() * 0.01;
            let fair = |m: &Tensor<2>, beta: f32| m.clone() / (1.0 - beta.powi(step as i32));
            let rate = lr * (1.0 - step as f32 / (steps + 1) as f32);
            *table = table.clone() - fair(first, 0.9) / (fair(second, 0.99).sqrt() + 1e-8) * rate;
        }
    }
    rows(&p, logits(tables)).overlap().mean().into_scalar::<f32>()
}

fn noise(seed: u64, shape: [usize; 2]) -> Tensor<2> {
    let mut random = fastrand::Rng::with_seed(seed);
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| random.f32() - 0.5).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn a_table_that_can_be_the_target_becomes_it() {
    for name in ["fkl", "rkl", "jsd", "tvd", "lk", "tvdpp-global", "tvdpp-perpos"] {
        let before = rows(&laws(), noise(1, [CONTEXTS, VOCAB])).overlap().mean().into_scalar::<f32>();
        let alpha = train(name, &mut [noise(1, [CONTEXTS, VOCAB])], 600, 0.1);
        println!("{name}: {before} -> {alpha}");
        assert!(before < 0.8 && alpha > 0.98, "{name}: {before} -> {alpha}");
    }
}

#[test]
fn where_it_cannot_total_variation_gets_more_accepted_than_forward_kl() {
    let mut tables = [noise(1, [CONTEXTS, 1]), noise(2, [1, VOCAB])];
    let forward = train("fkl", &mut tables, 1500, 0.05);
    for name in ["tvd", "lk"] {
        let alpha = train(name, &mut tables.clone(), 1500, 0.02);
        println!("fkl {forward}, then {name} {alpha}");
        assert!(forward < 0.95, "the table is not limited: {forward}");
        assert!(alpha >= forward, "{name} ends at {alpha}, fkl at {forward}");
    }
}

#[test]
fn sampled_rewards_reach_the_optimum_too() {
    Device::flex().seed(4);
    let alpha = train("tvdpp-sampled", &mut [noise(1, [CONTEXTS, VOCAB])], 3000, 0.05);
    assert!(alpha > 0.93, "{alpha}");
}
