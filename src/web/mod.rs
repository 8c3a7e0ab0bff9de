//! The wasm-bindgen surface. No logic here: it turns JavaScript values into calls and results into plain objects.
//!
//! The TypeScript half is `pkg/src/worker/backend.ts`; the signatures below name its types, and building the package
//! checks the two against each other.

mod engine;
mod error;
mod source;
mod value;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "import type { BackendGenerateOptions, BackendLoadOptions, ByteStream, StepEvent } from './worker/backend.js';
import type { Prompt } from './protocol.js';
import type { ChatMessage, EngineInfo, LoadProgress } from './types.js';";

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
