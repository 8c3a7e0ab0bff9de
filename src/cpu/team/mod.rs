//! Threads that share the parts of a job: the products and the heads of a pass.
//!
//! A pass is some hundred jobs of a tenth of a millisecond, so handing one out must cost microseconds: helpers wait for the
//! next one awake, for a while, and then asleep. Whoever is free takes the next part, so that a helper that the machine
//! does not run costs nothing. Which thread computes a part changes nothing about its result.

mod board;
#[cfg(target_arch = "wasm32")]
mod heap;
#[cfg(not(target_arch = "wasm32"))]
mod pauses;
mod shared;
#[cfg(not(target_arch = "wasm32"))]
mod threads;
#[cfg(target_arch = "wasm32")]
mod worker_pauses;
#[cfg(target_arch = "wasm32")]
mod workers;

use std::sync::{Arc, Mutex, TryLockError};

use helpers::Helpers;
pub use shared::Shared;
#[cfg(not(target_arch = "wasm32"))]
use threads as helpers;
#[cfg(target_arch = "wasm32")]
use {worker_pauses as pauses, workers as helpers};

/// Most threads of a team.
pub const MOST: usize = 64;

/// More threads than this find no more memory bandwidth on most machines: what is chosen where nobody chooses.
const DEFAULT_MOST: usize = 8;

/// How many threads there are where nobody says: as many as run at once, up to eight.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(DEFAULT_MOST))
}

/// The caller and its helpers. Cloning gives another handle of the same team, which lives as long as its last handle.
#[derive(Clone)]
pub struct Team(Arc<Members>);

struct Members {
    helpers: Helpers,
    /// Held by whoever has the helpers: the others work alone meanwhile.
    turn: Mutex<()>,
}

impl Team {
    /// The caller alone.
    pub fn alone() -> Self {
        Self::new(1)
    }

    /// Threads, the caller among them. Where the system gives fewer than were asked for, there are fewer; in the browser
    /// all but the caller must be there already, and this is called once.
    pub fn new(threads: usize) -> Self {
        let helpers = Helpers::hire(threads.clamp(1, MOST) - 1);
        Self(Arc::new(Members { helpers, turn: Mutex::new(()) }))
    }

    /// How many threads it has, the caller among them.
    pub fn threads(&self) -> usize {
        self.0.helpers.count() + 1
    }

    /// Calls `work(part, member)` once for each part below `parts`. `member`, below [`threads`](Self::threads), is who does
    /// it: nobody does two parts at once.
    ///
    /// # Panics
    /// When `work` does.
    pub fn run(&self, parts: usize, work: &(dyn Fn(usize, usize) + Sync)) {
        let turn = match self.0.turn.try_lock() {
            Ok(turn) => Some(turn),
            // Whoever panicked has left the board clean.
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        match turn {
            Some(_turn) if parts > 1 && self.threads() > 1 => self.0.helpers.board().run(parts, work),
            _ => (0..parts).for_each(|part| work(part, 0)),
        }
    }
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team({})", self.threads())
    }
}

#[cfg(test)]
mod tests;
