//! Helpers that are workers of the browser, on a memory that they share with the engine's.
//!
//! `pkg/src/engine/worker/helpers.ts` starts them and `pkg/src/thread-worker.ts` is what one does: each has an instance of
//! its own of this module, with a stack of its own, and calls nothing but the functions below.
//!
//! The standard library is the one for a single thread: its locks lock nothing, and what should be a thread's own is shared. So
//! that belongs to the engine's thread, and a helper uses nothing of it. That holds because
//!
//! - this crate, and what it inlines of `core`, is compiled with atomics: a [`Board`] is a synchronization like any other;
//! - helpers run kernels only, the parts of jobs: they read weights, activations and caches, and write elements of
//!   [`Shared`](super::Shared) slices. They neither lock nor call JavaScript (their imports throw), and they do not allocate
//!   (`tests/cpu_memory.rs`);
//! - the one exception is a kernel that panics. The standard library counts that, in plain words that any value is good for,
//!   and makes its message, for which `heap.rs` keeps memory apart. Then the helper traps for good, says so by [`team_fall`], and
//!   the caller, who waits for it, panics as well: the engine ends, with the helper's message as its error's.

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
