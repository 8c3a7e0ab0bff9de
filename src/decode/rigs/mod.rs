//! A machine that is made of its times alone: what a controller does on a GPU can be tried where there is none. For tests
//! and benches, and in no product (the feature `rigs`).

mod machine;
mod simulator;
mod text;

pub use machine::Machine;
pub use simulator::Simulator;
pub use text::{Style, Text};
