//! Activations as int16: what the integer dot products read.
//!
//! A row is cut into groups of 32; a group is `scale * q` with `scale = absmax / 32767` and `q` rounded to nearest, ties
//! to even. The error is below `absmax / 65534`, far below what float32 sums differ by.

use super::math::round;
use super::simd::{Lanes, Level, Op, dispatch};

/// Activations in a group.
pub const GROUP: usize = 32;

/// Thirty-two activations.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub struct Group {
    /// Elements `2i` (low half) and `2i + 1` (high half), four pairs together.
    pub pairs: [[i32; 4]; 4],
    /// Sums of all, of the first and of the second sixteen.
    pub sums: [i32; 3],
    /// What one unit is worth.
    pub scale: f32,
}

impl Group {
    const ZERO: Self = Self { pairs: [[0; 4]; 4], sums: [0; 3], scale: 0.0 };
}

/// Quantized rows.
#[derive(Debug, Default)]
pub struct Activations {
    groups: Vec<Group>,
    row_groups: usize,
}

impl Activations {
    /// Replaces the content with `x`, rows of `columns` values each; `columns` is a multiple of 32.
    pub fn quantize(&mut self, level: Level, x: &[f32], columns: usize) {
        debug_assert!(columns.is_multiple_of(GROUP) && x.len().is_multiple_of(columns));
        self.row_groups = columns / GROUP;
        self.groups.resize(x.len() / GROUP, Group::ZERO);
        dispatch(level, Quantize { x, groups: &mut self.groups });
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<Group>()
    }

    /// The groups of one row.
    pub fn row(&self, row: usize) -> &[Group] {
        &self.groups[row * self.row_groups..][..self.row_groups]
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    groups: &'a mut [Group],
}

impl Op for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (x, group) in self.x.as_chunks::<GROUP>().0.iter().zip(self.groups) {
            // As integers, NaN is the largest: it reaches the scale and so the output.
            let absmax = x.iter().fold(0, |m, x| m.max((x.to_bits() & 0x7fff_ffff) as i32));
            let absmax = f32::from_bits(absmax as u32);
            let inverse = if absmax < 1e-30 { 0.0 } else { 32767.0 / absmax };
            let mut q = [0; GROUP];
            for (q, x) in q.iter_mut().zip(x) {
                *q = round(x * inverse);
            }
            for (pair, q) in group.pairs.as_flattened_mut().iter_mut().zip(q.as_chunks::<2>().0) {
                *pair = (q[0] & 0xffff) | q[1] << 16;
            }
            let total = |q: &[i32]| q.iter().fold(0_i32, |s, q| s.wrapping_add(*q));
            let (first, second) = (total(&q[..16]), total(&q[16..]));
            group.sums = [first.wrapping_add(second), first, second];
            group.scale = absmax * (1.0 / 32767.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest() {
        let x: Vec<f32> = (0..64).map(|i| if i < 32 { 0.0 } else { (i as f32 - 40.3) * 0.7 }).collect();
        let mut a = Activations::default();
        a.quantize(Level::best(), &x, 64);
        let [zero, group] = a.row(0) else { panic!("two groups") };
        assert_eq!(*zero, Group::ZERO);
        let mut sum = 0;
        for (i, x) in x[32..].iter().enumerate() {
            let q = group.pairs[i / 8][i / 2 % 4] >> (16 * (i % 2)) << 16 >> 16;
            assert!((q as f32 * group.scale - x).abs() <= group.scale * 0.5001);
            sum += q;
        }
        assert_eq!(sum, group.sums[0]);
        assert_eq!(sum, group.sums[1] + group.sums[2]);
    }

    #[test]
    fn extremes_survive() {
        let mut a = Activations::default();
        for x in [f32::MAX, f32::MIN, 1e-29, 1e-38] {
            a.quantize(Level::best(), &[x; 32], 32);
            let group = a.row(0)[0];
            let q = group.pairs[0][0] >> 16;
            assert!((q as f32 * group.scale - x).abs() <= x.abs() * 1e-4 + 1e-30, "{x}: {group:?}");
        }
        a.quantize(Level::best(), &[f32::NAN; 32], 32);
        assert!(a.row(0)[0].scale.is_nan());
    }
}
