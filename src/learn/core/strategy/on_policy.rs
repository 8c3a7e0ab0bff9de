//! The draft's own text, judged by the target (on-policy GKD).

use super::{Mix, Strategy};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "on-policy",
    about: "what the draft itself says",
    mix: |_| Mix { fixed: 0.0, target: 0.0, draft: 1.0 },
};
