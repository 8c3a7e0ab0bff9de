//! Kernel sources: real `.wgsl` files, unrolled and put together by `minijinja`.

use minijinja::{Environment, UndefinedBehavior, Value};

macro_rules! sources {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("kernels/", $name)))),*] };
}

const SOURCES: &[(&str, &str)] = sources![
    "accept.wgsl",
    "adjust.wgsl",
    "argmax.wgsl",
    "attention.wgsl",
    "attention_merge.wgsl",
    "best.wgsl",
    "best_of_row.wgsl",
    "cache.wgsl",
    "commit.wgsl",
    "draw.wgsl",
    "embed.wgsl",
    "embed_block.wgsl",
    "epilogues/bias.wgsl",
    "epilogues/gate.wgsl",
    "epilogues/heads.wgsl",
    "epilogues/pairs.wgsl",
    "epilogues/residual.wgsl",
    "epilogues/softcap.wgsl",
    "epilogues/store.wgsl",
    "faulty.wgsl",
    "fuse.wgsl",
    "gather.wgsl",
    "heads.wgsl",
    "integers.wgsl",
    "keep.wgsl",
    "layouts/bf16.wgsl",
    "layouts/f16.wgsl",
    "layouts/f32.wgsl",
    "layouts/q4.wgsl",
    "layouts/q8.wgsl",
    "layouts/two_a_word.wgsl",
    "lenient.wgsl",
    "logprob.wgsl",
    "lookup.wgsl",
    "mass_of_row.wgsl",
    "matvec_bindings.wgsl",
    "matvec_block.wgsl",
    "matvec_group.wgsl",
    "matvec_lane.wgsl",
    "merge.wgsl",
    "merged.wgsl",
    "norm.wgsl",
    "orders/row_major.wgsl",
    "orders/word_major.wgsl",
    "pass.wgsl",
    "philox.wgsl",
    "pick.wgsl",
    "renormalise.wgsl",
    "residual.wgsl",
    "result.wgsl",
    "rope.wgsl",
    "row_shape.wgsl",
    "sampling.wgsl",
    "select.wgsl",
    "settle.wgsl",
    "settle_row.wgsl",
    "softmax.wgsl",
    "sound.wgsl",
    "spread.wgsl",
    "state.wgsl",
    "truncate.wgsl",
    "verifiers/block.wgsl",
    "verifiers/token.wgsl",
    "verify.wgsl",
    "weight.wgsl",
    "wide.wgsl",
];

/// Those of [`super::rigs`].
#[cfg(any(test, feature = "rigs"))]
const RIGS: &[(&str, &str)] = sources!["rigs/peak.wgsl", "rigs/record.wgsl", "rigs/table.wgsl"];
#[cfg(not(any(test, feature = "rigs")))]
const RIGS: &[(&str, &str)] = &[];

/// The kernels' templates.
pub(super) struct Templates(Environment<'static>);

impl Templates {
    pub(super) fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in SOURCES.iter().chain(RIGS) {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// The WGSL of `kernel` for these parameters.
    pub(super) fn render(&self, kernel: &str, context: &Value) -> Result<String, minijinja::Error> {
        self.0.get_template(kernel)?.render(context)
    }
}
