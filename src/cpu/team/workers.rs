//! Helpers that are workers of the browser, on a memory that they share with the engine's.
//!
//! `pkg/src/engine/worker/helpers.ts` starts them and `pkg/src/thread-worker.ts` is what one does: each has an instance of
//! its own of this module, and calls nothing but the functions below. The standard library is that of one thread, so a
//! helper may run kernels only: it must not allocate, lock or call JavaScript. Where it panics all the same, the caller waits
//! meanwhile, and the engine ends.

use super::board::Board;

/// Bytes of a helper's stack. Kernels need little.
const STACK: usize = 128 << 10;

/// The one of a module: helpers end with it.
static BOARD: Board = Board::new();

/// Those who help.
pub(super) struct Helpers(usize);

impl Helpers {
    /// So many, which are there already.
    pub fn hire(count: usize) -> Self {
        Self(count)
    }

    pub fn board(&self) -> &Board {
        &BOARD
    }

    pub fn count(&self) -> usize {
        self.0
    }
}

/// Room for a helper's stack, for as long as the module lives: its upper end. Called by the engine.
#[unsafe(no_mangle)]
extern "C" fn team_stack() -> *mut u8 {
    let stack = vec![0_u128; STACK / size_of::<u128>()].leak();
    stack.as_mut_ptr_range().end.cast()
}

/// What changes with every job. Called by a helper.
#[unsafe(no_mangle)]
extern "C" fn team_state() -> *mut u32 {
    BOARD.state().as_ptr()
}

/// What a helper does until it had better sleep: until what [`team_state`] points to is something else than this gives.
/// `slept` says whether it did so, and `seen` what was given then; 0 at first.
#[unsafe(no_mangle)]
extern "C" fn team_help(member: u32, slept: bool, mut seen: u32) -> u32 {
    if slept {
        BOARD.get_up();
    }
    loop {
        BOARD.help(member as usize, &mut seen);
        BOARD.lie_down();
        let (state, is_new) = BOARD.look(seen);
        if !is_new {
            return state;
        }
        BOARD.get_up();
    }
}

/// What a helper does last, when [`team_help`] has trapped.
#[unsafe(no_mangle)]
extern "C" fn team_fall() {
    BOARD.fall();
}
