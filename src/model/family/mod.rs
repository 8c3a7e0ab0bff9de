//! The families we run: what turns a header into a [`Plan`], one file and one line of [`FAMILIES`] each.

mod gemma2;
mod gemma3;
mod llama;
mod phi3;
mod qwen2;
mod qwen3;
#[cfg(test)]
mod tests;

use super::keys::Shape;
use super::{Error, Plan, Role};

/// What sets a family apart.
pub struct Family {
    /// `general.architecture`, also the prefix of its metadata keys.
    pub name: &'static str,
    /// What its header asks for.
    pub(super) plan: fn(&Shape<'_>) -> Result<Plan, Error>,
    /// Keys of [`super::features`] that `plan` reads.
    pub(super) computes: &'static [&'static str],
    /// Names of its layers' tensors that are not llama's; with a name for [`Role::Qkv`] or [`Role::GateUp`] it has those in
    /// place of their parts.
    pub(super) tensors: &'static [(Role, &'static str)],
    /// What the header of a small model says beyond what all say ([`super::tiny`]).
    #[cfg_attr(
        not(any(test, feature = "rigs")),
        allow(dead_code, reason = "for models made of random weights")
    )]
    pub(super) example: &'static [(&'static str, f32)],
}

impl Family {
    /// Layers that are all alike, rope over neighbouring elements, nothing unusual.
    const USUAL: Self = Self {
        name: "",
        plan: |shape| shape.uniform(shape.layer(), super::RopeStyle::Interleaved),
        computes: &[],
        tensors: &[],
        example: &[],
    };

    /// The family called `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name).copied()
    }
}

/// Families are told apart by their names.
impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every family we run.
pub static FAMILIES: &[&Family] =
    &[&llama::FAMILY, &qwen2::FAMILY, &qwen3::FAMILY, &gemma2::FAMILY, &gemma3::FAMILY, &phi3::FAMILY];

/// The family whose layers the drafts of [`super::draft`] have.
pub(super) fn of_drafts() -> &'static Family {
    &llama::FAMILY
}
