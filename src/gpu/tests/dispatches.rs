//! How much a round asks of the device: dispatches, submits, read-backs, and nothing made.

use super::device;
use super::session::{fed, load, load_pair, wide};
use crate::gpu::{Device, Session, Variant};
use crate::model::tiny::Tiny;
use crate::round::{Engine as _, Proposal};

/// Dispatches of a round of `gamma` drafted tokens, which is one submit and one read-back and creates nothing.
async fn lean_round(device: &Device, session: &mut Session, proposal: Proposal) -> u64 {
    let before = device.counters();
    session.round(proposal).await.unwrap();
    let after = device.counters();
    assert_eq!(after.submits - before.submits, 1);
    assert_eq!(after.readbacks - before.readbacks, 1);
    assert_eq!(after.objects - before.objects, 0);
    after.dispatches - before.dispatches
}

#[test]
fn a_round_is_one_submit_one_read_back_and_nothing_created() {
    let device = device();
    let tiny = Tiny { layers: 3, ..Tiny::default() };
    let draft = Tiny { layers: 1, ..tiny.clone() };
    pollster::block_on(async {
        let target = load(&device, &tiny, Variant::ALL[0]).await;
        let draft = load(&device, &draft, Variant::ALL[0]).await;
        let mut session = Session::new(target, Some(draft)).unwrap();
        session.append(&[5, 6, 7, 8]).await.unwrap();
        let gamma = 3;
        session.round(Proposal::model(gamma)).await.unwrap();
        // Embedding, layers, head, argmax and accept or select: 6 dispatches a layer are within the budgets of 7 and 6.
        let around = 4;
        let target = 3 * 6 + around;
        let expected = target + gamma as u64 * (6 + around);
        assert_eq!(lean_round(&device, &mut session, Proposal::model(gamma)).await, expected);
        // A lookup is one more, whatever comes of it.
        let both = Proposal::Device { lookup: gamma, model: gamma };
        for missed in [0, 2, 6] {
            for _ in 0..missed {
                session.round(Proposal::none()).await.unwrap();
            }
            session.round(both.clone()).await.unwrap();
        }
        for _ in 0..20 {
            assert_eq!(lean_round(&device, &mut session, Proposal::lookup(gamma)).await, target + 1);
            assert_eq!(lean_round(&device, &mut session, both.clone()).await, expected + 1);
        }
    });
}

#[test]
fn rounds_of_a_draft_that_reads_states_create_nothing_either() {
    let device = device();
    let tiny = Tiny { layers: 3, ..Tiny::default() };
    let small = Tiny { layers: 1, ..tiny.clone() };
    pollster::block_on(async {
        let parts = fed(Some((0..200).collect()));
        let (target, draft) = load_pair(&device, (&tiny, &small), &parts, Variant::ALL[0]).await;
        let mut session = Session::new(target, Some(draft)).unwrap();
        session.append(&[5, 6, 7, 8]).await.unwrap();
        let gamma = 3;
        for _ in 0..2 {
            session.round(Proposal::model(gamma)).await.unwrap();
        }
        for _ in 0..10 {
            // As above, and for each step of the draft: the fusing matrix, and spreading its logits.
            let around = 4;
            let expected = (3 * 6 + around) + gamma as u64 * (6 + around + 2);
            assert_eq!(lean_round(&device, &mut session, Proposal::model(gamma)).await, expected);
        }
    });
}

#[test]
fn on_a_wide_machine_a_layer_is_five_dispatches_and_a_step_of_the_draft_nine() {
    let device = wide();
    let group = Variant::Group { lanes: 8, rows: 2 };
    for (family, gammas) in [("llama", &[0, 4][..]), ("qwen2", &[0])] {
        let tiny = Tiny { layers: 30, family, ..Tiny::default() };
        let small = Tiny { layers: 1, ..Tiny::default() };
        pollster::block_on(async {
            let parts = fed(Some((0..200).collect()));
            let (target, draft) = load_pair(&device, (&tiny, &small), &parts, group).await;
            let mut session = Session::new(target, Some(draft)).unwrap();
            session.append(&[5, 6, 7, 8]).await.unwrap();
            for &gamma in gammas {
                for _ in 0..2 {
                    session.round(Proposal::model(gamma)).await.unwrap();
                }
                let expected = 30 * 5 + 4 + gamma as u64 * 9;
                assert_eq!(lean_round(&device, &mut session, Proposal::model(gamma)).await, expected);
            }
        });
    }
}
