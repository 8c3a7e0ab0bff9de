//! Fixed texts: ground truth from files.

use super::{Mix, Strategy};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "fixed",
    about: "texts from files, as they are (supervised KD)",
    mix: |_| Mix { fixed: 1.0, target: 0.0, draft: 0.0 },
};
