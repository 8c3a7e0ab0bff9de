//! WebAssembly simd128: four lanes a vector.

use core::arch::wasm32::*;

use super::{Block, Lanes};

/// The module was compiled with simd128.
#[derive(Clone, Copy)]
pub struct Simd128;

/// 2^112: what a half's bits, shifted into a float's place, are too small by.
const HALF_SCALE: f32 = 5.192_296_858_534_828e33;

/// The `part`-th half of eight 16-bit elements, sign-extended.
#[inline(always)]
fn widen(x: &[u16; 8], part: usize) -> v128 {
    let (halves, _) = x.as_chunks::<4>();
    // SAFETY: four u16 are the eight bytes that are read, at any alignment.
    unsafe { i32x4_load_extend_i16x4(halves[part].as_ptr().cast()) }
}

impl Lanes for Simd128 {
    type I = v128;
    type F = v128;
    const PARTS: usize = 2;

    #[inline(always)]
    fn splat_i(self, x: i32) -> v128 {
        i32x4_splat(x)
    }

    #[inline(always)]
    fn load_i(self, x: &Block, part: usize) -> v128 {
        let (halves, _) = x.0.as_chunks::<16>();
        // SAFETY: sixteen bytes are read, at any alignment.
        unsafe { v128_load(halves[part].as_ptr().cast()) }
    }

    #[inline(always)]
    fn and(self, a: v128, b: v128) -> v128 {
        v128_and(a, b)
    }

    #[inline(always)]
    fn shr16<const N: i32>(self, a: v128) -> v128 {
        u16x8_shr(a, N as u32)
    }

    #[inline(always)]
    fn dot16(self, a: v128, b: v128) -> v128 {
        i32x4_dot_i16x8(a, b)
    }

    #[inline(always)]
    fn add_i(self, a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }

    #[inline(always)]
    fn mul_i(self, a: v128, b: v128) -> v128 {
        i32x4_mul(a, b)
    }

    #[inline(always)]
    fn to_f32(self, a: v128) -> v128 {
        f32x4_convert_i32x4(a)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn load(self, x: &[f32; 8], part: usize) -> v128 {
        let (halves, _) = x.as_chunks::<4>();
        // SAFETY: four f32 are the sixteen bytes that are read, at any alignment.
        unsafe { v128_load(halves[part].as_ptr().cast()) }
    }

    /// Exact for every finite half; infinities and NaNs, which no weight is, become finite.
    #[inline(always)]
    fn load_f16(self, x: &[u16; 8], part: usize) -> v128 {
        // Sign, exponent and mantissa in a float's place, less the copies of the sign in between.
        let bits = v128_and(i32x4_shl(widen(x, part), 13), i32x4_splat(0x8fff_ffff_u32 as i32));
        f32x4_mul(bits, f32x4_splat(HALF_SCALE))
    }

    #[inline(always)]
    fn load_bf16(self, x: &[u16; 8], part: usize) -> v128 {
        i32x4_shl(widen(x, part), 16)
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn store(self, a: v128, out: &mut [f32; 8], part: usize) {
        let (halves, _) = out.as_chunks_mut::<4>();
        // SAFETY: four f32 are the sixteen bytes that are written, at any alignment.
        unsafe { v128_store(halves[part].as_mut_ptr().cast(), a) }
    }
}
