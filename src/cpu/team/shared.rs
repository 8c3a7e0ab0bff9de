//! A slice whose elements several threads write.

use std::marker::PhantomData;
use std::ops::Range;

/// A borrowed slice, of which each part of a job writes elements of its own.
#[derive(Clone, Copy)]
pub struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it gives slices to elements only by `slice`, whose callers see to it that no two threads have the same ones.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: likewise.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// All of `slice`.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), borrowed: PhantomData }
    }

    /// Its elements in `range`.
    ///
    /// # Safety
    /// While the result lives, nobody else may have a slice of any of them.
    ///
    /// # Panics
    /// When they are beyond the end.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "that is what it is for")]
    pub unsafe fn slice(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        // SAFETY: the range is within the slice that was borrowed for `'a`, and nobody else has these elements.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
