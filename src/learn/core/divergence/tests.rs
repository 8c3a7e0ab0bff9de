//! Values and gradients against the closed forms.

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

use super::{DIVERGENCES, Rows, by_name};

const P: [f32; 4] = [0.5, 0.3, 0.15, 0.05];
const Q: [f32; 4] = [0.1, 0.2, 0.3, 0.4];

fn device() -> Device {
    Device::flex().autodiff()
}

fn rows(p: &[[f32; 4]], logits: Tensor<2>) -> Rows {
    let p = Tensor::<2>::from_data(TensorData::new(p.concat(), [p.len(), 4]), &logits.device());
    let log_q = log_softmax(logits, 1);
    let label = log_q.clone().slice([0..p.dims()[0], 1..2]).squeeze_dim(1);
    let sayable = label.clone().ones_like();
    Rows { p, log_q, label, sayable }
}

/// Loss and gradient of the logits `log q`.
fn evaluate(name: &str, beta: f32, p: &[[f32; 4]], q: &[[f32; 4]]) -> (Vec<f32>, Vec<f32>) {
    let logits: Vec<f32> = q.concat().iter().map(|q| q.ln() + 0.7).collect();
    let logits = Tensor::<2>::from_data(TensorData::new(logits, [q.len(), 4]), &device()).require_grad();
    let loss = by_name(name, beta).unwrap().loss(&rows(p, logits.clone()));
    let grads = loss.clone().sum().backward();
    let gradient = logits.grad(&grads).unwrap();
    (loss.try_into_vec_as().unwrap(), gradient.try_into_vec_as().unwrap())
}

fn assert_near(name: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < tolerance, "{name}: {got}, expected {expected}");
    }
}

#[test]
fn values_are_the_golden_numbers() {
    for (name, beta, expected) in [
        ("fkl", 0.0, 0.718414),
        ("rkl", 0.0, 0.797684),
        ("jsd", 0.1, 0.062530),
        ("jsd", 0.5, 0.168023),
        ("jsd", 0.9, 0.067126),
        ("tvd", 0.0, 0.5),
        ("lk", 0.0, 0.5f32.ln().abs()),
        ("ce", 0.0, 0.2f32.ln().abs()),
        ("g2sd", 0.0, (0.718414 + 0.2f32.ln().abs()) / 2.0),
    ] {
        assert_near(name, &evaluate(name, beta, &[P], &[Q]).0, &[expected], 2e-6);
    }
}

#[test]
fn gradients_are_the_golden_numbers() {
    for (name, expected) in [
        ("fkl", [-0.4, -0.1, 0.15, 0.35]),
        ("rkl", [-0.240712, -0.240630, -0.031361, 0.512703]),
        ("tvd", [-0.07, -0.14, 0.09, 0.12]),
        ("ce", [0.1, 0.2 - 1.0, 0.3, 0.4]),
        ("g2sd", [-0.15, -0.45, 0.225, 0.375]),
        // TVD's gradient over the overlap.
        ("lk", [-0.14, -0.28, 0.18, 0.24]),
    ] {
        assert_near(name, &evaluate(name, 0.0, &[P], &[Q]).1, &expected, 2e-6);
    }
}

/// Random distributions with everything positive.
fn random(seed: u64, rows: usize) -> Vec<[f32; 4]> {
    let mut random = fastrand::Rng::with_seed(seed);
    let row = |_| {
        let weights: [f32; 4] = std::array::from_fn(|_| 0.02 + random.f32());
        weights.map(|w| w / weights.iter().sum::<f32>())
    };
    (0..rows).map(row).collect()
}

#[test]
fn gradients_follow_the_closed_forms() {
    let (p, q) = (random(1, 50), random(2, 50));
    for (name, beta) in [("fkl", 0.0), ("rkl", 0.0), ("jsd", 0.1), ("jsd", 0.5), ("jsd", 0.9), ("tvd", 0.0)] {
        let (_, gradient) = evaluate(name, beta, &p, &q);
        for ((p, q), got) in p.iter().zip(&q).zip(gradient.chunks_exact(4)) {
            let form = |x: usize| -> f32 {
                let mixed = |i: usize| beta * p[i] + (1.0 - beta) * q[i];
                match name {
                    "fkl" => q[x] - p[x],
                    "rkl" => {
                        let kl: f32 = (0..4).map(|i| q[i] * (q[i] / p[i]).ln()).sum();
                        q[x] * ((q[x] / p[x]).ln() - kl)
                    }
                    "jsd" => {
                        let g = |i: usize| (1.0 - beta) * (q[i] / mixed(i)).ln();
                        q[x] * (g(x) - (0..4).map(|i| q[i] * g(i)).sum::<f32>())
                    }
                    _ => {
                        let r = |i: usize| f32::from(u8::from(p[i] > q[i]));
                        -q[x] * (r(x) - (0..4).map(|i| q[i] * r(i)).sum::<f32>())
                    }
                }
            };
            let expected: Vec<f32> = (0..4).map(form).collect();
            let size = expected.iter().fold(0.0f32, |m, e| m.max(e.abs()));
            assert_near(name, got, &expected, 1e-3 * size.max(1e-3));
        }
    }
}

#[test]
fn tvdpp_is_tvd_over_the_deviation() {
    let (p, q) = (random(3, 40), random(4, 40));
    let tvd = evaluate("tvd", 0.0, &p, &q).1;
    let reward = |i: usize| -> f32 { (0..4).map(|x| if p[i][x] > q[i][x] { q[i][x] } else { 0.0 }).sum() };
    let mean = (0..40).map(reward).sum::<f32>() / 40.0;
    let global: Vec<f32> = tvd.iter().map(|g| g / (mean * (1.0 - mean)).sqrt()).collect();
    assert_near("global", &evaluate("tvdpp-global", 0.0, &p, &q).1, &global, 1e-4);
    let sigma = |i: usize| (reward(i) * (1.0 - reward(i))).sqrt().max(0.05);
    let each: Vec<f32> = tvd.iter().enumerate().map(|(i, g)| g / sigma(i / 4)).collect();
    assert_near("perpos", &evaluate("tvdpp-perpos", 0.0, &p, &q).1, &each, 1e-4);
}

#[test]
fn sampled_tvdpp_points_the_same_way_on_average() {
    let device = device();
    device.seed(5);
    const DRAWS: usize = 40_000;
    let (p, q) = (vec![P; DRAWS], vec![Q; DRAWS]);
    let gradient = evaluate("tvdpp-sampled", 0.0, &p, &q).1;
    let mean: Vec<f32> =
        (0..4).map(|x| gradient.iter().skip(x).step_by(4).sum::<f32>() / DRAWS as f32).collect();
    let sigma = (0.3f32 * 0.7).sqrt();
    let expected = [-0.07, -0.14, 0.09, 0.12].map(|g: f32| g / sigma);
    assert_near("sampled", &mean, &expected, 0.02);
}

#[test]
fn every_name_is_found_and_no_other() {
    for spec in &DIVERGENCES {
        assert!(by_name(spec.name, 0.5).is_ok());
    }
    let error = by_name("kl", 0.5).err().unwrap();
    assert_eq!(error.code(), "learn-unknown");
    assert!(error.to_string().contains("tvdpp-perpos"), "{error}");
}

#[test]
fn overlap_is_the_acceptance() {
    let logits = Tensor::<2>::from_data(TensorData::new(Q.map(f32::ln).to_vec(), [1, 4]), &device());
    assert_near("overlap", &rows(&[P], logits).overlap().try_into_vec_as::<f32>().unwrap(), &[0.5], 1e-6);
}
