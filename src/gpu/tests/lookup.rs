//! The lookup on the device: what the host's rule finds, token for token.

use bytemuck::Zeroable as _;

use super::{device, storage};
use crate::drafters::{Lookup, MAX_MATCH};
use crate::gpu::ops;
use crate::gpu::plan::Plan;
use crate::gpu::words::{self, State};

/// Most tokens that are asked for.
const MOST: usize = 15;

/// Texts in which much repeats, little, and nothing; around every size that the kernel treats in its own way.
fn texts() -> Vec<Vec<u32>> {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut texts = vec![(0..300).collect(), vec![7], vec![7; 2], vec![7; 3], vec![7; 600]];
    for length in (1..40).chain([255, 256, 257, 258, 259, 512, 700, 5000]) {
        for vocab in [2, 3, 5, 40, 300] {
            texts.push((0..length).map(|_| rng.u32(..vocab)).collect());
        }
    }
    // Matches about as long as the longest that counts, an early and a late one.
    for longer in 0..4 {
        let phrase: Vec<u32> = (100..100 + (MAX_MATCH + longer) as u32 - 2).collect();
        texts.push([&phrase[..], &[1], &phrase[1..], &[2], &phrase].concat());
        texts.push([&phrase[1..], &[1], &phrase, &[2], &phrase].concat());
    }
    texts
}

#[test]
fn the_device_finds_what_the_host_finds() {
    let device = device();
    let (mut found, mut nothing) = (0, 0);
    for min_match in [1, 2, 3] {
        for (i, text) in texts().iter().enumerate() {
            let asked = [MOST, 10, 1, 0][i % 4];
            let length = text.len() as u32 - 1;
            let before = State {
                length,
                cursor: length,
                drafted: 3,
                model: 3,
                lookup: asked as u32,
                ..State::zeroed()
            };
            let state = storage(&device, words::of(&before));
            // What stands behind the text is of a proposal before.
            let tokens = storage(&device, &[&text[..], &[7; MOST]].concat());
            Plan { steps: vec![ops::lookup(&device, &tokens, &state, min_match).unwrap()] }.run(&device);
            let after: State =
                words::read(&pollster::block_on(device.download(&state, words::count::<State>())).unwrap());
            let proposed = pollster::block_on(device.download(&tokens, text.len() + MOST)).unwrap();
            let expected = Lookup::new(min_match).find(text, asked);
            let what = format!("text {i}, {min_match} and more, {asked} asked for");
            assert_eq!(proposed[..text.len()], text[..], "{what}");
            if expected.is_empty() {
                nothing += 1;
                assert_eq!(after, before, "{what}");
                continue;
            }
            found += 1;
            const FOUND: u32 = 5;
            let drafted = expected.len() as u32;
            assert_eq!(proposed[text.len()..][..expected.len()], expected, "{what}");
            assert_eq!(after, State { drafted, point_mass: 1, halted: [0, FOUND], ..before }, "{what}");
        }
    }
    assert!(found > 200 && nothing > 100, "{found} found, {nothing} times nothing");
}

#[test]
fn nothing_is_looked_up_behind_the_end() {
    let device = device();
    let halted = State { length: 5, lookup: 10, halted: [1; 2], ..State::zeroed() };
    let state = storage(&device, words::of(&halted));
    let tokens = storage(&device, &[1, 2, 3, 4, 1, 2, 0, 0]);
    Plan { steps: vec![ops::lookup(&device, &tokens, &state, 2).unwrap()] }.run(&device);
    let after = pollster::block_on(device.download(&state, words::count::<State>())).unwrap();
    assert_eq!(words::read::<State>(&after), halted);
}
