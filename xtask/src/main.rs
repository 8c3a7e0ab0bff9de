//! `cargo xtask`: set-up, build, demo, tests and benches behind one command.
fn main() {}
