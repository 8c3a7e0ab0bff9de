//! What earlier starts found out, as plain data for the caller to keep: losing it costs some time, and changes no text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decode::Knowledge;
use crate::gpu;

/// Pairs of models that are remembered.
const MOST: usize = 32;

/// What is known about adapters and about rounds on them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Which kernels run best.
    pub kernels: gpu::Tuning,
    /// What rounds cost and bring, by [`Loaded::pair`](super::Loaded::pair).
    rounds: BTreeMap<String, Knowledge>,
}

impl Tuning {
    /// What is known about rounds of a pair of models.
    pub fn rounds(&self, pair: &str) -> Option<&Knowledge> {
        self.rounds.get(pair)
    }

    /// Remembers that.
    pub fn remember(&mut self, pair: &str, knowledge: Knowledge) {
        let others = |known: &BTreeMap<_, _>| known.keys().find(|other| *other != pair).cloned();
        while self.rounds.len() >= MOST {
            let Some(other) = others(&self.rounds) else { break };
            self.rounds.remove(&other);
        }
        self.rounds.insert(pair.into(), knowledge);
    }
}

/// The name of target and draft on a device, for this version of the engine.
pub(super) fn pair(device: &str, target: &str, draft: Option<&str>) -> String {
    format!("{}, {device}: {target}, {}", env!("CARGO_PKG_VERSION"), draft.unwrap_or("no draft"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_as_text_and_does_not_grow_without_end() {
        let mut tuning = Tuning::default();
        for i in 0..100 {
            tuning.remember(&pair("cpu", &format!("target {i}"), None), Knowledge::default());
        }
        assert_eq!(tuning.rounds.len(), MOST);
        let last = pair("cpu", "target 99", None);
        assert!(tuning.rounds(&last).is_some() && tuning.rounds(&pair("cpu", "other", None)).is_none());
        assert_ne!(last, pair("cpu", "target 99", Some("draft")));
        let text = serde_json::to_string(&tuning).unwrap();
        assert_eq!(serde_json::from_str::<Tuning>(&text).unwrap(), tuning);
        // What an earlier version kept is no error.
        assert_eq!(serde_json::from_str::<Tuning>(r#"{"an adapter":"lane4"}"#).unwrap(), Tuning::default());
    }
}
