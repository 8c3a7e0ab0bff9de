//! What several integration tests need.

pub mod devices;
pub mod edit;
pub mod law;
pub mod lossless;
pub mod memory;
pub mod slow;
pub mod table;

use paceline::decode::{Event, FinishReason, Generator, Options};
use paceline::round::Engine;

/// Generates to the end: the tokens, and why it ended.
pub fn generate<E: Engine>(
    generator: &mut Generator<E>,
    prompt: &[u32],
    options: Options,
) -> (Vec<u32>, FinishReason) {
    generator.start(prompt, options).expect("a prompt that fits");
    loop {
        if let Event::Finished(reason) = pollster::block_on(generator.step()).expect("a step") {
            return (generator.generated().to_vec(), reason);
        }
    }
}
