//! What Python does with characters and numbers, whatever a template is.

pub mod case;
pub mod characters;
pub mod numbers;
