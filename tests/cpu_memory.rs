//! Loading keeps nothing beside the packed weights but a window.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use paceline::cpu::Model;
use paceline::gguf::Stream;
use paceline::model;
use paceline::source::FileSource;

/// Counts bytes, and the most there ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn loading_takes_the_weights_and_a_window() {
    let path = common::real_model();
    let file_bytes = std::fs::metadata(&path).expect("a file").len() as usize;
    let model = pollster::block_on(async {
        let mut stream = Stream::open(FileSource::open(&path).expect("a file")).await.expect("a GGUF file");
        let description = model::Model::describe(stream.header()).expect("a model we know");
        PEAK.store(NOW.load(Relaxed), Relaxed);
        let before = NOW.load(Relaxed);
        let model = Model::load(&mut stream, &description, 2048).await.expect("a whole file");
        let beside = PEAK.load(Relaxed) - before - model.bytes();
        println!("{} bytes packed of a file of {file_bytes}, {beside} beside them at most", model.bytes());
        assert!(beside < 8 << 20, "{beside} bytes beside the weights");
        model
    });
    assert!(model.bytes() <= file_bytes, "{} bytes packed, {file_bytes} in the file", model.bytes());
}
