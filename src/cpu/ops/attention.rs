//! Attention of one row of queries over the cached positions, the query heads that share a key/value head together.
//!
//! Scores are summed over the head's elements in ascending order, outputs over positions in ascending order, each in a
//! lane of its own. The softmax subtracts the maximum; its denominator is summed in eight lanes, position `p` in lane
//! `p mod 8`. A row's result depends on nothing but its query and the positions it sees, wherever they are kept: a row of a tree
//! gathers its ancestors from their slots, in their order. Scores are computed of all slots, which costs less than to gather
//! keys, and then put at their positions.

use std::ops::Range;

use super::softcap::softcap;
use crate::cpu::math::{exp, sum};
use crate::cpu::simd::{Lanes, Level, Op, dispatch, each};
use crate::cpu::{Head, PAGE};
use crate::model::Attention;

/// Where a row stands, and where that is kept which it sees.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Its position.
    pub position: usize,
    /// The slots of the last positions up to its own, in ascending order, none before its position: the row's path in a tree.
    /// Positions before them are in slots of their own number, as all are where this is empty.
    pub path: &'a [usize],
}

impl Sight<'_> {
    /// Where the row itself is kept: the last slot that it sees.
    pub fn slot(&self) -> usize {
        self.path.last().copied().unwrap_or(self.position)
    }
}

/// `out[h] = softmax(scale * q[h] . keys) . values` over the positions that a row sees, its own the last, for each of the query
/// heads in `q`. `scratch` has [`scratch_len`] values.
pub fn attend(
    level: Level,
    attention: &Attention,
    head: Head<'_>,
    sight: Sight<'_>,
    q: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let (first, len) = (attention.first_seen(sight.position), sight.position + 1);
    // Keys come in groups of eight positions.
    let base = first / 8 * 8;
    let (room, scores) = scratch.split_at_mut(8 * Head::room(attention.head_dim));
    let room = room.as_chunks_mut().0;
    let Sight { path, .. } = sight;
    let slots = sight.slot() + 1 - base;
    let (before, len) = (first - base, len - base);
    dispatch(level, Attend { attention, head, base, before, len, slots, path, q, room, scores, out });
}

/// Scratch that [`attend`] needs for `heads` query heads over so many slots.
pub fn scratch_len(attention: &Attention, heads: usize, slots: usize) -> usize {
    8 * Head::room(attention.head_dim) + heads * slots.next_multiple_of(8)
}

/// Positions and slots count from `base`: the first `before` of `len` positions are not seen, and they are in `slots` slots.
struct Attend<'a> {
    attention: &'a Attention,
    head: Head<'a>,
    base: usize,
    before: usize,
    len: usize,
    slots: usize,
    /// From the beginning.
    path: &'a [usize],
    q: &'a [f32],
    /// For pages in single precision.
    room: &'a mut [[f32; 8]],
    scores: &'a mut [f32],
    out: &'a mut [f32],
}

impl Op for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let heads = self.q.len() / self.attention.head_dim;
        let mut first = 0;
        while first < heads {
            match heads - first {
                1 => first += self.heads::<L, 1>(lanes, first),
                2 => first += self.heads::<L, 2>(lanes, first),
                3 => first += self.heads::<L, 3>(lanes, first),
                _ => first += self.heads::<L, 4>(lanes, first),
            }
        }
    }
}

impl Attend<'_> {
    /// Query heads `first..first + H`.
    #[inline(always)]
    fn heads<L: Lanes, const H: usize>(&mut self, lanes: L, first: usize) -> usize {
        let dim = self.attention.head_dim;
        let mut q = [[].as_slice(); H];
        each!(H, |h| {
            q[h] = &self.q[(first + h) * dim..][..dim];
        });
        let padded = self.slots.next_multiple_of(8);
        let scores = &mut self.scores[..H * padded];
        let scale = self.attention.scale;

        for (page, seen) in pages(self.base..self.base + padded) {
            let keys = self.head.keys(page, self.room)[seen.start / 8 * dim..].chunks_exact(dim);
            for (i, keys) in keys.take(seen.len() / 8).enumerate() {
                let at = page * PAGE + seen.start + 8 * i - self.base;
                let mut acc = [lanes.splat(0.0); H];
                for (d, key) in keys.iter().enumerate() {
                    let key = lanes.load(key);
                    each!(H, |h| {
                        acc[h] = lanes.add(acc[h], lanes.mul(key, lanes.splat(q[h][d])));
                    });
                }
                each!(H, |h| {
                    let values = lanes.to_array(lanes.mul(acc[h], lanes.splat(scale)));
                    scores[h * padded + at..][..8].copy_from_slice(&values);
                });
            }
        }

        softcap(self.attention.softcap, scores);

        // The first position that is kept elsewhere, and those of them that are seen.
        let fork = self.base + self.len - self.path.len();
        let path = &self.path[(self.base + self.before).saturating_sub(fork)..];
        let first_of_path = self.len - path.len();
        let mut inverse = [0.0; H];
        for (inverse, scores) in inverse.iter_mut().zip(scores.chunks_exact_mut(padded)) {
            for (i, slot) in path.iter().enumerate() {
                scores[first_of_path + i] = scores[slot - self.base];
            }
            let scores = &mut scores[..self.len.next_multiple_of(8)];
            *inverse = 1.0 / softmax_numerators(lanes, scores, self.before..self.len);
        }

        for j in 0..dim.div_ceil(8) {
            let mut acc = [lanes.splat(0.0); H];
            for (page, seen) in pages(self.base + self.before..self.base + first_of_path) {
                let first = page * PAGE + seen.start - self.base;
                let mut p = [[].as_slice(); H];
                each!(H, |h| {
                    p[h] = &scores[h * padded + first..][..seen.len()];
                });
                for (i, value) in self.head.values(page, j, self.room)[seen].iter().enumerate() {
                    let value = lanes.load(value);
                    each!(H, |h| {
                        acc[h] = lanes.add(acc[h], lanes.mul(value, lanes.splat(p[h][i])));
                    });
                }
            }
            let mut at = first_of_path;
            for slots in path.chunk_by(|a, b| a / PAGE == b / PAGE) {
                let values = self.head.values(slots[0] / PAGE, j, self.room);
                for slot in slots {
                    let value = lanes.load(&values[slot % PAGE]);
                    each!(H, |h| {
                        acc[h] = lanes.add(acc[h], lanes.mul(value, lanes.splat(scores[h * padded + at])));
                    });
                    at += 1;
                }
            }
            each!(H, |h| {
                let values = lanes.to_array(lanes.mul(acc[h], lanes.splat(inverse[h])));
                let out = &mut self.out[(first + h) * dim..][..dim][8 * j..];
                out.iter_mut().zip(values).for_each(|(o, v)| *o = v);
            });
        }
        H
    }
}

/// The pages that `positions` are on, in order, and which of each page's positions those are.
fn pages(positions: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    (positions.start / PAGE..positions.end.div_ceil(PAGE)).map(move |page| {
        let first = page * PAGE;
        (page, positions.start.max(first) - first..positions.end.min(first + PAGE) - first)
    })
}

/// Replaces the scores of what is `seen` by `e^(score - max)`, the rest by 0, and returns the sum.
#[inline(always)]
fn softmax_numerators<L: Lanes>(lanes: L, scores: &mut [f32], seen: Range<usize>) -> f32 {
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    let mut max = lanes.splat(f32::NEG_INFINITY);
    for chunk in scores.as_chunks::<8>().0 {
        max = lanes.max(max, lanes.load(chunk));
    }
    let max = lanes.to_array(max).into_iter().fold(f32::NEG_INFINITY, |m, s| if m < s { s } else { m });
    for s in scores.iter_mut() {
        *s = exp(*s - max);
    }
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    let mut total = lanes.splat(0.0);
    for chunk in scores.as_chunks::<8>().0 {
        total = lanes.add(total, lanes.load(chunk));
    }
    sum(lanes.to_array(total))
}
