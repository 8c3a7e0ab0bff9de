//! Plain Rust: the definition that the other instruction sets are tested against.

use super::{Block, Lanes};

/// Eight lanes in an array.
#[derive(Clone, Copy)]
pub struct Scalar;

/// The two i16 elements of a lane.
fn halves(x: i32) -> [i16; 2] {
    [x as i16, (x >> 16) as i16]
}

impl Lanes for Scalar {
    type I = [i32; 8];
    type F = [f32; 8];

    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [x; 8]
    }

    #[inline(always)]
    fn load_i(self, x: &Block) -> Self::I {
        let (lanes, _) = x.0.as_chunks::<4>();
        std::array::from_fn(|i| i32::from_le_bytes(lanes[i]))
    }

    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i] & b[i])
    }

    #[inline(always)]
    fn shr16<const N: i32>(self, a: Self::I) -> Self::I {
        let low = (0xffff_u32 >> N) as i32;
        std::array::from_fn(|i| (a[i] as u32 >> N) as i32 & (low | low << 16))
    }

    #[inline(always)]
    fn dot16(self, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let (a, b) = (halves(a[i]), halves(b[i]));
            (i32::from(a[0]) * i32::from(b[0])).wrapping_add(i32::from(a[1]) * i32::from(b[1]))
        })
    }

    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i].wrapping_mul(b[i]))
    }

    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        a.map(|x| x as f32)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; 8]
    }

    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> Self::F {
        *x
    }

    #[inline(always)]
    fn load_f16(self, x: &[u16; 8]) -> Self::F {
        x.map(|x| half::f16::from_bits(x).to_f32())
    }

    #[inline(always)]
    fn load_bf16(self, x: &[u16; 8]) -> Self::F {
        x.map(|x| f32::from_bits(u32::from(x) << 16))
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| if a[i] < b[i] { b[i] } else { a[i] })
    }

    #[inline(always)]
    fn to_array(self, a: Self::F) -> [f32; 8] {
        a
    }
}
