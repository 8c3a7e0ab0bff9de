//! Fixed texts, and with probability lambda the draft's own (ImitKD).

use super::{Mix, Strategy};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "imitkd",
    about: "texts from files and, with probability lambda, what the draft says",
    mix: |lambda| Mix { fixed: 1.0 - lambda, target: 0.0, draft: lambda },
};
