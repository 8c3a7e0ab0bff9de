//! What the CPU engine takes: the weights, a window while it loads, and pages of caches as the text grows.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};

use paceline::cpu::{Logits, Model, PAGE, Session, TargetReader, Team};
use paceline::decode::{Event, Generator, Options};
use paceline::drafters;
use paceline::gguf::{Format, Stream};
use paceline::load::{self, Device, LoadOptions};
use paceline::model::{self, CacheType, tiny::Tiny};
use paceline::round::{Engine, Error, Tree};
use paceline::source::FileSource;
use pollster::block_on;

/// Counts bytes, the most there ever were, and what helpers ask for, and refuses some.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Bytes that there is no memory for; 0 for none.
static REFUSED: AtomicUsize = AtomicUsize::new(0);
/// How often helpers have allocated or freed.
static BY_HELPERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_HELPER: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: everything is passed on to the system's allocator, or refused.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == REFUSED.load(Relaxed) {
            return std::ptr::null_mut();
        }
        BY_HELPERS.fetch_add(IS_HELPER.get().into(), Relaxed);
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BY_HELPERS.fetch_add(IS_HELPER.get().into(), Relaxed);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Lets one test count at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

const MIB: usize = 1 << 20;

/// Reads `prompt`, then says `tokens` more.
fn say<E: Engine>(
    generator: &mut Generator<E>,
    prompt: &[u32],
    options: Options,
) -> Result<Vec<u32>, E::Error> {
    generator.start(prompt, options)?;
    while !matches!(block_on(generator.step())?, Event::Finished(_)) {}
    Ok(generator.generated().to_vec())
}

#[test]
fn loading_takes_the_weights_and_a_window() {
    let _alone = alone();
    let path = common::real_model();
    let file_bytes = std::fs::metadata(&path).expect("a file").len() as usize;
    let model = block_on(async {
        let mut stream = Stream::open(FileSource::open(&path).expect("a file")).await.expect("a GGUF file");
        let description = model::Model::describe(stream.header()).expect("a model we know");
        PEAK.store(NOW.load(Relaxed), Relaxed);
        let before = NOW.load(Relaxed);
        let model = Model::load(&mut stream, &description, 2048).await.expect("a whole file");
        let beside = PEAK.load(Relaxed) - before - model.bytes();
        println!("{} bytes packed of a file of {file_bytes}, {beside} beside them at most", model.bytes());
        assert!(beside < 8 * MIB, "{beside} bytes beside the weights");
        model
    });
    assert!(model.bytes() <= file_bytes, "{} bytes packed, {file_bytes} in the file", model.bytes());
}

/// A chat of 496 tokens with both models and the package's capacity: what it takes at its peak, and what the engine says.
#[test]
fn a_chat_takes_the_pages_that_it_needs() {
    let _alone = alone();
    let draft = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.draft.gguf");
    let open = |path: &Path| FileSource::open(path).expect("a file");
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let options = LoadOptions { device: Device::Cpu, ..LoadOptions::default() };
    let loaded = block_on(load::load(open(&common::real_model()), Some(open(&draft)), &options));
    let loaded = loaded.expect("both models");
    let (held, at_load) = (NOW.load(Relaxed) - before, PEAK.load(Relaxed) - before);
    let weights = loaded.engine.memory();
    assert_eq!((weights.target.caches, weights.target.states), (0, 0), "nothing up front");

    let text = loaded.tokenizer.encode(&"A long story of a heat pump and its village. ".repeat(50));
    let prompt = &text.expect("text")[..420];
    let mut generator = Generator::new(loaded.engine);
    let chat = Options {
        max_tokens: 76,
        drafter: drafters::by_name("ngram+model").expect("drafters"),
        ..Options::default()
    };
    let said = say(&mut generator, prompt, chat).expect("a chat");
    let (grown, peak) = (NOW.load(Relaxed) - before - held, PEAK.load(Relaxed) - before);
    let memory = generator.engine().memory();
    assert_eq!(said.len(), 76);
    println!("loaded {held}, {at_load} at the peak; a chat {grown} more, {peak} at the peak: {memory:?}");

    let told = (memory.total() - weights.total()) as usize;
    assert!(told.abs_diff(grown) < grown / 20, "{grown} bytes more, of which it tells {told}");
    // A round may look 15 tokens beyond the last.
    let (pages, per_page) = (496_usize.div_ceil(PAGE), 30 * 2 * 192 * 4 * PAGE);
    assert_eq!(memory.target.caches as usize, pages * per_page, "{pages} pages");
    assert!(peak < 160 * MIB, "{peak} bytes at the peak");
}

/// A session on a tiny model.
fn session(capacity: usize, kv_cache: CacheType) -> Session {
    let file = Tiny { layers: 3, kv_heads: 2, ..Tiny::default() }.gguf();
    block_on(async {
        let mut stream = Stream::open(&file[..]).await.expect("a header");
        let model = model::Model::describe(stream.header()).expect("a model");
        let model = Model::load(&mut stream, &model, capacity).await.expect("weights");
        Session::with_kv_cache(Rc::new(model), None, capacity, kv_cache)
    })
}

fn tokens(max_tokens: usize) -> Options {
    Options { max_tokens, ..Options::default() }
}

#[test]
fn the_engine_tells_what_it_takes() {
    let _alone = alone();
    let path = common::real_model();
    let before = NOW.load(Relaxed);
    let session = block_on(async {
        let mut stream = Stream::open(FileSource::open(&path).expect("a file")).await.expect("a GGUF file");
        let model = model::Model::describe(stream.header()).expect("a model we know");
        Session::new(Rc::new(Model::load(&mut stream, &model, 2048).await.expect("weights")), None, 2048)
    });
    let (held, told) = (NOW.load(Relaxed) - before, session.memory().total() as usize);
    assert!(told.abs_diff(held) < held / 50, "{held} bytes, of which it tells {told}");
}

#[test]
fn caches_grow_by_pages_and_are_given_back() {
    let _alone = alone();
    for (kv_cache, per_page) in CacheType::ALL.map(|of| (of, 3 * 2 * 2 * 16 * PAGE * of.bytes())) {
        let mut generator = Generator::new(session(512, kv_cache));
        let pages = |generator: &Generator<Session>| {
            let bytes = generator.engine().memory().target.caches as usize;
            assert_eq!(bytes % per_page, 0, "whole pages of {per_page} of {bytes} bytes");
            bytes / per_page
        };
        assert_eq!(pages(&generator), 0);
        let long = [7; 3 * PAGE + 1];
        say(&mut generator, &long, tokens(1)).expect("a text");
        assert_eq!((pages(&generator), generator.stats().pages), (4, 4));
        // Another text of which the first tokens are the same takes nothing but what is new.
        let said = say(&mut generator, &long[..PAGE + 1], tokens(PAGE + 1)).expect("a text");
        assert_eq!((said.len(), pages(&generator), generator.stats().pages), (PAGE + 1, 3, 1));
        say(&mut generator, &[8], tokens(1)).expect("a text");
        assert_eq!((pages(&generator), generator.stats().pages), (1, 1));
    }
}

#[test]
fn without_memory_a_text_ends_with_an_error_and_the_next_one_is_said() {
    let _alone = alone();
    let per_page = 2 * 2 * 16 * PAGE * 4;
    let prompt = [3; PAGE - 20];
    let expected =
        say(&mut Generator::new(session(256, CacheType::F32)), &prompt, tokens(60)).expect("a text");
    let is_full = |result: Result<Vec<u32>, Error>| match result {
        Err(error @ Error::OutOfMemory { .. }) => assert_eq!(error.code(), "memory-full"),
        other => panic!("{other:?} without memory"),
    };
    let mut generator = Generator::new(session(256, CacheType::F32));
    REFUSED.store(per_page, Relaxed);
    is_full(say(&mut generator, &prompt, tokens(60)));
    assert_eq!(generator.engine().memory().target.caches, 0);
    REFUSED.store(0, Relaxed);
    assert_eq!(say(&mut generator, &prompt, tokens(60)).expect("memory"), expected);

    // In the middle of a text.
    let mut generator = Generator::new(session(256, CacheType::F32));
    say(&mut generator, &prompt, tokens(4)).expect("a page");
    REFUSED.store(per_page, Relaxed);
    is_full(say(&mut generator, &prompt, tokens(60)));
    REFUSED.store(0, Relaxed);
    assert_eq!(say(&mut generator, &prompt, tokens(60)).expect("memory"), expected);
}

/// In the browser the allocator is that of a single thread, so that helpers must not use it (`src/cpu/team/workers.rs`).
#[test]
fn helpers_allocate_nothing() {
    let _alone = alone();
    let team = Team::new(3);
    let everybody = |work: &(dyn Fn(usize) + Sync)| {
        let there = AtomicUsize::new(0);
        team.run(3, &|_, member| {
            there.fetch_add(1, SeqCst);
            while there.load(SeqCst) < 3 {
                std::thread::yield_now();
            }
            work(member);
        });
    };
    everybody(&|member| IS_HELPER.set(member > 0));
    everybody(&|member| drop(black_box(Box::new(member))));
    assert_eq!(BY_HELPERS.swap(0, Relaxed), 4, "two helpers allocate and free");

    // So wide that products and attention of a single row are shared.
    let wide = Tiny { width: 256, heads: 8, kv_heads: 4, head_dim: 64, ff: 512, ..Tiny::default() };
    let formats = [Format::Q4_0, Format::Q8_0, Format::F32, Format::F16, Format::BF16];
    let mut models = formats.map(|format| Tiny { format, ..wide.clone() }).to_vec();
    models.push(Tiny { family: "gemma2", ..wide });
    for tiny in models {
        let file = tiny.gguf();
        let model = block_on(async {
            let mut stream = Stream::open(&file[..]).await.expect("a header");
            let model = model::Model::describe(stream.header()).expect("a model");
            let mut model = Model::load(&mut stream, &model, 256).await.expect("weights");
            model.set_team(team.clone());
            Rc::new(model)
        });
        for kv_cache in CacheType::ALL {
            let mut reader = TargetReader::new(Rc::clone(&model), 256, None).with_kv_cache(kv_cache);
            for rows in [100, 1, 2, 5, 16, 36] {
                reader.read(&vec![7; rows], Logits::All);
            }
            let mut tree = Tree::chain(vec![1, 2, 3]);
            tree.push(Some(0), 4);
            reader.read_tree(7, &tree);
        }
    }
    assert_eq!(BY_HELPERS.load(Relaxed), 0);
}
