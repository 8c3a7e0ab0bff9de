//! Texts that grow beyond a page: what is kept of them moves, and nothing that is said changes.

use std::rc::Rc;

use super::device;
use super::session::{CAPACITY, fed, load_pair, wide};
use crate::gpu::session::PAGE;
use crate::gpu::{Device, Error, Session, Variant};
use crate::model::tiny::Tiny;
use crate::round::{self, Engine as _, Proposal};

/// A target and a draft that reads its states, which come in pages, too.
async fn session(device: &Rc<Device>) -> Session {
    let tiny = Tiny { layers: 2, context: CAPACITY, ..Tiny::default() };
    let small = Tiny { layers: 1, ..tiny.clone() };
    let (target, draft) = load_pair(device, (&tiny, &small), &fed(None), Variant::ALL[3]).await;
    Session::new(target, Some(draft)).unwrap()
}

/// Keeps rounds in flight until the text has `length` tokens, or there is no room for more.
async fn say(session: &mut Session, text: &mut Vec<u32>, length: usize) -> Result<(), Error> {
    let mut refused = Ok(());
    loop {
        let proposal = || Proposal::model(3);
        while refused.is_ok() && text.len() < length && session.in_flight() < 4 && session.ready(&proposal())
        {
            refused = session.submit(proposal());
        }
        if session.in_flight() == 0 {
            return refused;
        }
        text.extend(session.collect().await?.tokens);
    }
}

/// The logits behind a text, once all of it has been read.
async fn logits(session: &mut Session) -> Vec<u32> {
    session.round(Proposal::none()).await.unwrap();
    session.logits(1).await.unwrap()
}

#[test]
fn a_text_that_grows_is_the_text() {
    // Where sums of chunks come in pages as well.
    let device = wide();
    pollster::block_on(async {
        let mut session = session(&device).await;
        let small = session.memory();
        let mut text = vec![5, 6, 7, 8];
        session.append(&text).await.unwrap();
        say(&mut session, &mut text, 40).await.unwrap();
        let before = device.counters();
        say(&mut session, &mut text, 2 * PAGE + 20).await.unwrap();
        let after = device.counters();
        assert_eq!((after.objects, after.pipelines), (before.objects, before.pipelines));
        // Two pages for two models.
        assert_eq!(after.pages - before.pages, 4);
        let large = session.memory();
        assert!(
            large.target.caches > 2 * small.target.caches && large.target.states > 2 * small.target.states
        );
        assert!(large.draft.unwrap().caches > 2 * small.draft.unwrap().caches);

        let mut other = session.another().unwrap();
        for length in [2 * PAGE + 10, PAGE + 1, PAGE, PAGE - 1] {
            session.truncate(length).await.unwrap();
            other.truncate(0).await.unwrap();
            other.append(&text[..length]).await.unwrap();
            assert!(logits(&mut session).await == logits(&mut other).await, "behind {length}");
        }
        assert_eq!(other.memory().target.caches, large.target.caches);
    });
}

#[test]
fn without_memory_for_a_page_a_text_ends_and_another_goes_on() {
    let device = device();
    pollster::block_on(async {
        let mut session = session(&device).await;
        let full = |refused: Result<(), Error>| {
            assert!(matches!(refused, Err(Error::Round(round::Error::OutOfMemory { .. }))), "{refused:?}");
        };
        let mut text = vec![5, 6, 7, 8];
        session.append(&text).await.unwrap();
        device.full.set(true);
        full(say(&mut session, &mut text, CAPACITY).await);
        assert!((PAGE - 16..=PAGE).contains(&text.len()), "{} tokens", text.len());
        full(session.append(&[9; 20]).await);
        assert_eq!(session.len(), text.len());

        session.truncate(100).await.unwrap();
        text.truncate(100);
        say(&mut session, &mut text, 120).await.unwrap();
        device.full.set(false);
        say(&mut session, &mut text, PAGE + 30).await.unwrap();
        let mut other = session.another().unwrap();
        other.append(&text).await.unwrap();
        assert!(logits(&mut session).await == logits(&mut other).await);
    });
}
