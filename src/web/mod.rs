//! The wasm-bindgen surface. No logic here: it turns JavaScript values into calls and results into plain objects.
//!
//! The TypeScript half is `pkg/src/engine/worker/backend.ts`; the signatures below name its types, and building the
//! package checks the two against each other.

mod engine;
mod error;
mod source;
mod value;

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use wasm_bindgen::prelude::*;

#[cfg(feature = "rigs")]
use crate::gpu;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "import type { BackendGenerateOptions, BackendLoadOptions, SequenceMemory, StepEvent, Tuning } from './engine/worker/backend.js';
import type { ByteStream } from './bytes/stream.js';
import type { Prompt } from './wire/protocol.js';
import type { ChatMessage } from './types/generate.js';
import type { EngineInfo, LoadProgress } from './types/load.js';";

/// What the first panic said, of the engine or of a helper of its.
static PANIC: AtomicPtr<String> = AtomicPtr::new(null_mut());

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| {
        let words = Box::into_raw(Box::new(info.to_string()));
        // Later ones are but what follows from it; whatever is kept is kept for good.
        _ = PANIC.compare_exchange(null_mut(), words, Ordering::AcqRel, Ordering::Relaxed);
        // A helper ends here: it cannot call this.
        console_error_panic_hook::hook(info);
    }));
}

/// What the module panicked with: JavaScript only sees a trap. Works after the panic too.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    // SAFETY: it is null, or a string that nobody changes or frees.
    unsafe { PANIC.load(Ordering::Acquire).as_ref() }.cloned()
}

/// Runs rounds of a made-up model on WebGPU and makes each of the sampler's decisions again on the host
/// ([`gpu::rigs::replay`]). Gives what was checked; throws where a decision differs.
#[cfg(feature = "rigs")]
#[wasm_bindgen]
pub async fn replay(rounds: usize, seed: u32) -> Result<JsValue, JsValue> {
    let check = async || -> Result<_, crate::Error> {
        let device = gpu::Device::open(gpu::DeviceOptions::default()).await?;
        Ok(gpu::rigs::replay::replay(&device, rounds, seed.into()).await?)
    };
    Ok(value::to_js(&check().await.map_err(error::Error::from)?)?)
}
