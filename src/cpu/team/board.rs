//! Where the caller pins up a job, and helpers take its parts.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::pauses::{AWAKE, Bed, look_again, wait_again};

/// In [`Board::state`]: how many helpers are at the job.
const INSIDE: u32 = 0xff;
/// In [`Board::state`]: helpers may come.
const OPEN: u32 = 0x100;
/// In [`Board::state`]: the rest counts the jobs, so that a helper knows one that it has seen.
const NUMBER: u32 = 0x200;

/// What there is to do.
#[derive(Clone, Copy)]
struct Job {
    parts: usize,
    /// It lives as long as somebody is at the job.
    work: *const (dyn Fn(usize, usize) + Sync),
}

/// One job at a time.
pub(super) struct Board {
    state: AtomicU32,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    /// Written by the caller while it is not open and nobody is inside; read by those who are inside.
    job: UnsafeCell<Job>,
    /// A part has panicked.
    panicked: AtomicBool,
    /// Helpers that sleep, or are about to.
    sleepers: AtomicU32,
    /// Where they sleep.
    pub bed: Bed,
}

// SAFETY: `job` is written and read as it says, and what it points to may be called by any thread.
unsafe impl Sync for Board {}
// SAFETY: likewise.
unsafe impl Send for Board {}

impl Board {
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            next: AtomicUsize::new(0),
            job: UnsafeCell::new(Job { parts: 0, work: &|_, _| {} }),
            panicked: AtomicBool::new(false),
            sleepers: AtomicU32::new(0),
            bed: Bed::new(),
        }
    }

    /// Has the parts done by the caller, who is member 0, and by those helpers who come. One caller at a time.
    pub fn run(&self, parts: usize, work: &(dyn Fn(usize, usize) + Sync)) {
        // SAFETY: only the lifetime changes. `Closing` waits for all who could call it, however this function ends.
        let work: *const (dyn Fn(usize, usize) + Sync) = unsafe { std::mem::transmute(work) };
        // SAFETY: the board is not open, and the last caller waited until nobody was inside.
        unsafe { *self.job.get() = Job { parts, work } };
        self.next.store(0, Ordering::Relaxed);
        self.panicked.store(false, Ordering::Relaxed);
        let number = self.state.load(Ordering::Relaxed) & !(OPEN | INSIDE);
        self.state.store(number.wrapping_add(NUMBER) | OPEN, Ordering::SeqCst);
        let closing = Closing(self);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.bed.wake(&self.state);
        }
        self.take_parts(0);
        drop(closing);
        assert!(!self.panicked.load(Ordering::Relaxed), "a helper's part panicked");
    }

    /// Does parts until all are taken. Only for who is inside, and for the caller.
    fn take_parts(&self, member: usize) {
        // SAFETY: nobody writes it while it is open or somebody is inside.
        let Job { parts, work } = unsafe { *self.job.get() };
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            // SAFETY: the caller waits for everybody who is inside.
            unsafe { (*work)(part, member) };
        }
    }

    /// What a helper does until nothing has come for a while: it had better sleep then. `seen` is how things were at its
    /// last job; 0 at first.
    pub fn help(&self, member: usize, seen: &mut u32) {
        let mut looks = 0;
        while looks < AWAKE {
            let state = self.state.load(Ordering::Acquire);
            if !Self::is_new(state, *seen) {
                look_again(&mut looks);
            } else if self.enter(state) {
                *seen = state;
                looks = 0;
                let parts = std::panic::AssertUnwindSafe(|| self.take_parts(member));
                if std::panic::catch_unwind(parts).is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
                self.leave();
            }
        }
    }

    /// Says that a helper has panicked, where that cannot be caught: it never leaves.
    #[cfg(target_arch = "wasm32")]
    pub fn fall(&self) {
        self.panicked.store(true, Ordering::Release);
    }

    fn is_new(state: u32, seen: u32) -> bool {
        state & OPEN != 0 && (state ^ seen) & !INSIDE != 0
    }

    /// Whether it came in while the job was still open.
    fn enter(&self, state: u32) -> bool {
        self.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn leave(&self) {
        self.state.fetch_sub(1, Ordering::Release);
    }

    /// Tells the caller that a helper goes to sleep, which must not if there is a job that was not `seen`: look after this.
    /// Whoever pins one up later sees the sleeper, and wakes it.
    pub fn lie_down(&self) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
    }

    /// The same when it is up again.
    pub fn get_up(&self) {
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// How things are; whether there is a job that was not `seen`.
    pub fn look(&self, seen: u32) -> (u32, bool) {
        let state = self.state.load(Ordering::SeqCst);
        (state, Self::is_new(state, seen))
    }

    /// What changes with every job.
    #[cfg(target_arch = "wasm32")]
    pub fn state(&self) -> &AtomicU32 {
        &self.state
    }
}

/// Lets nobody in any more when it is dropped, and waits for those who are inside; in the browser not for who has panicked,
/// which is the end of all.
struct Closing<'a>(&'a Board);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let Board { state, panicked, .. } = self.0;
        let mut looks = 0;
        let mut inside = state.fetch_and(!OPEN, Ordering::Acquire) & INSIDE;
        while inside != 0 && !(cfg!(target_arch = "wasm32") && panicked.load(Ordering::Acquire)) {
            wait_again(&mut looks);
            inside = state.load(Ordering::Acquire) & INSIDE;
        }
    }
}
