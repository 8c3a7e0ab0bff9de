//! How workers of the browser wait for one another.

use std::sync::atomic::AtomicU32;

use js_sys::{Atomics, Int32Array, WebAssembly};
use wasm_bindgen::JsCast;

/// How often the caller looks before it rests between two looks: some 50 us. A helper that takes longer has not got the
/// core that it needs.
const PATIENCE: u32 = 50_000;
/// How long it rests then, in ms.
const REST: f64 = 0.05;
/// How often a helper looks before it sleeps: some 100 us, more than what passes do between two jobs.
pub(super) const AWAKE: u32 = 100_000;

/// Between two looks of a helper.
pub(super) fn look_again(looks: &mut u32) {
    std::hint::spin_loop();
    *looks += 1;
}

/// Between two looks of the caller.
pub(super) fn wait_again(looks: &mut u32) {
    if *looks < PATIENCE {
        look_again(looks);
    } else {
        // Nobody wakes it before its time.
        static NEVER: AtomicU32 = AtomicU32::new(0);
        let (view, index) = seen_by_javascript(&NEVER);
        // Where waiting is not allowed, it goes on looking.
        let _ = Atomics::wait_with_timeout(&view, index, 0, REST);
    }
}

/// Where helpers sleep: `Atomics.wait` in JavaScript.
pub(super) struct Bed;

impl Bed {
    pub const fn new() -> Self {
        Self
    }

    pub fn wake(&self, state: &AtomicU32) {
        let (view, index) = seen_by_javascript(state);
        // It refuses nothing that is within the view.
        let _ = Atomics::notify(&view, index);
    }
}

/// The memory, and where in it `word` is.
fn seen_by_javascript(word: &AtomicU32) -> (Int32Array, u32) {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    (Int32Array::new(&memory.buffer()), word.as_ptr() as u32 / 4)
}
