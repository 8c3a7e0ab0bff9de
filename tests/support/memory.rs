//! An allocator that counts, for tests of what reading takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most since [`peak`] began.
    static USED: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
struct Counting;

impl Counting {
    fn count(bytes: isize) {
        let (now, peak) = USED.get();
        USED.set((now + bytes, peak.max(now + bytes)));
    }
}

// SAFETY: passes everything on to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `run` gives and the most memory it held at once.
pub fn peak<T>(run: impl FnOnce() -> T) -> (T, isize) {
    let before = USED.get().0;
    USED.set((before, before));
    let result = run();
    (result, USED.get().1 - before)
}
