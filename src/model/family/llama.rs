//! Llama (arXiv 2302.13971) and what shares its layers: Mistral, TinyLlama, SmolLM2.

use super::Family;

pub(super) static FAMILY: Family = Family { name: "llama", ..Family::USUAL };
