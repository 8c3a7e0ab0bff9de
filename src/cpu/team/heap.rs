//! The allocator in the browser: the standard library's, which is that of a single thread and therefore the engine's alone.
//!
//! A helper allocates only to say why it panics. It is given scraps for that, which nobody gives back, so that it cannot
//! spoil the engine's memory, nor can several that panic at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes for scraps: a panic takes some hundred.
const SCRAPS: usize = 16 << 10;

struct Heap {
    scraps: UnsafeCell<[u8; SCRAPS]>,
    /// How many of them are given out, or asked for.
    used: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { scraps: UnsafeCell::new([0; SCRAPS]), used: AtomicUsize::new(0) };

// SAFETY: a scrap is given out once.
unsafe impl Sync for Heap {}

impl Heap {
    /// Zeros; null where none are left, which ends the helper.
    fn scrap(&self, layout: Layout) -> *mut u8 {
        let room = layout.size().saturating_add(layout.align());
        if room > SCRAPS {
            return std::ptr::null_mut();
        }
        let used = self.used.fetch_add(room, Ordering::Relaxed);
        if used > SCRAPS - room {
            return std::ptr::null_mut();
        }
        let scrap = self.scraps.get().cast::<u8>().wrapping_add(used);
        scrap.wrapping_add(scrap.align_offset(layout.align()))
    }
}

// SAFETY: the engine's thread is alone with the system's allocator, and scraps are no part of that.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_helper() {
            true => self.scrap(layout),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_helper() {
            true => self.scrap(layout),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !is_helper() {
            // SAFETY: the caller's promise; what a helper allocated is its own, but for a panic's words, which stay.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_helper() {
            // SAFETY: as in `dealloc`.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // SAFETY: the caller's promise.
        let new = self.scrap(unsafe { Layout::from_size_align_unchecked(size, layout.align()) });
        if !new.is_null() {
            // SAFETY: both are there, and apart.
            unsafe { pointer.copy_to_nonoverlapping(new, size.min(layout.size())) };
        }
        new
    }
}

/// Whether it is a helper that calls: their stacks are on the heap, the engine's lies below it.
fn is_helper() -> bool {
    unsafe extern "C" {
        /// The linker's.
        static __heap_base: u8;
    }
    let on_stack = 0_u8;
    (&raw const on_stack).addr() > (&raw const __heap_base).addr()
}
