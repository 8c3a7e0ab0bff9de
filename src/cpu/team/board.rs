//! Where the caller pins up a job, and helpers take its parts.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// In [`Board::state`]: how many helpers are at the job.
const INSIDE: u32 = 0xff;
/// In [`Board::state`]: helpers may come.
const OPEN: u32 = 0x100;
/// In [`Board::state`]: the rest counts the jobs, so that a helper knows one that it has seen.
const NUMBER: u32 = 0x200;

/// How often somebody who waits looks again before he lets others run between two looks: some 10 us, about what a pass of
/// one row does between two jobs.
const PATIENCE: u32 = 200;
/// How often a helper looks before it falls asleep: some 100 us, more than what longer passes do between two jobs.
const AWAKE: u32 = 400;

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
    dismissed: AtomicBool,
    /// Helpers that sleep, or are about to.
    sleepers: AtomicU32,
    bed: Mutex<()>,
    alarm: Condvar,
}

// SAFETY: `job` is written and read as it says, and what it points to may be called by any thread.
unsafe impl Sync for Board {}
// SAFETY: likewise.
unsafe impl Send for Board {}

impl Default for Board {
    fn default() -> Self {
        Self {
            state: AtomicU32::new(0),
            next: AtomicUsize::new(0),
            job: UnsafeCell::new(Job { parts: 0, work: &|_, _| {} }),
            panicked: AtomicBool::new(false),
            dismissed: AtomicBool::new(false),
            sleepers: AtomicU32::new(0),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
        }
    }
}

impl Board {
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
            self.wake();
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

    /// What a helper does until it is dismissed.
    pub fn help(&self, member: usize) {
        let mut seen = 0;
        let mut looks = 0;
        while !self.dismissed.load(Ordering::Relaxed) {
            let state = self.state.load(Ordering::Acquire);
            if Self::is_new(state, seen) {
                if self.enter(state) {
                    seen = state & !INSIDE;
                    looks = 0;
                    let parts = std::panic::AssertUnwindSafe(|| self.take_parts(member));
                    if std::panic::catch_unwind(parts).is_err() {
                        self.panicked.store(true, Ordering::Relaxed);
                    }
                    self.state.fetch_sub(1, Ordering::Release);
                }
            } else if looks < AWAKE {
                look_again(&mut looks);
            } else {
                looks = 0;
                self.sleep(seen);
            }
        }
    }

    fn is_new(state: u32, seen: u32) -> bool {
        state & OPEN != 0 && state & !INSIDE != seen
    }

    /// Whether it came in while the job was still open.
    fn enter(&self, state: u32) -> bool {
        self.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Sleeps until there is a job that was not `seen`.
    fn sleep(&self, seen: u32) {
        let mut bed = self.lock_bed();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // Whoever opens the board after this look sees a sleeper, and has to wait for the bed to wake it.
        while !Self::is_new(self.state.load(Ordering::SeqCst), seen) && !self.dismissed.load(Ordering::SeqCst)
        {
            bed = self.alarm.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake(&self) {
        drop(self.lock_bed());
        self.alarm.notify_all();
    }

    fn lock_bed(&self) -> MutexGuard<'_, ()> {
        self.bed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the helpers home.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
        self.wake();
    }
}

fn look_again(looks: &mut u32) {
    if *looks < PATIENCE {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
    *looks = looks.saturating_add(1);
}

/// Lets nobody in any more when it is dropped, and waits for those who are inside.
struct Closing<'a>(&'a Board);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let state = &self.0.state;
        let mut looks = 0;
        let mut inside = state.fetch_and(!OPEN, Ordering::Acquire) & INSIDE;
        while inside != 0 {
            look_again(&mut looks);
            inside = state.load(Ordering::Acquire) & INSIDE;
        }
    }
}
