//! Target-generated text, and with probability lambda the draft's own (f-Distill's data).

use super::{Mix, Strategy};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "mixed",
    about: "what the target says and, with probability lambda, what the draft says",
    mix: |lambda| Mix { fixed: 0.0, target: 1.0 - lambda, draft: lambda },
};
