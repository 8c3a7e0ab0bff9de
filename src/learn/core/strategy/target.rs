//! Target-generated text.

use super::{Mix, Strategy};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "target",
    about: "what the target says",
    mix: |_| Mix { fixed: 0.0, target: 1.0, draft: 0.0 },
};
