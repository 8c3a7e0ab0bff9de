//! How threads of the system wait for one another.

use std::sync::atomic::AtomicU32;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How often somebody who waits looks again before he lets others run between two looks: some 10 us, about what a pass of
/// one row does between two jobs.
const PATIENCE: u32 = 200;
/// How often a helper looks before it falls asleep: some 100 us, more than what longer passes do between two jobs.
pub(super) const AWAKE: u32 = 400;

/// Between two looks of a helper.
pub(super) fn look_again(looks: &mut u32) {
    if *looks < PATIENCE {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
    *looks = looks.saturating_add(1);
}

/// Between two looks of the caller.
pub(super) use look_again as wait_again;

/// Where helpers sleep.
pub(super) struct Bed {
    /// Whether they are sent home.
    dismissed: Mutex<bool>,
    alarm: Condvar,
}

impl Bed {
    pub const fn new() -> Self {
        Self { dismissed: Mutex::new(false), alarm: Condvar::new() }
    }

    pub fn wake(&self, _: &AtomicU32) {
        // Whoever has looked in vain is asleep once it has let go of this.
        drop(self.lock());
        self.alarm.notify_all();
    }

    pub fn dismiss(&self) {
        *self.lock() = true;
        self.alarm.notify_all();
    }

    pub fn lock(&self) -> MutexGuard<'_, bool> {
        self.dismissed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until somebody is woken.
    pub fn sleep<'a>(&self, dismissed: MutexGuard<'a, bool>) -> MutexGuard<'a, bool> {
        self.alarm.wait(dismissed).unwrap_or_else(PoisonError::into_inner)
    }
}
