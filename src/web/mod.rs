//! The wasm-bindgen surface. No logic here.
