//! WebAssembly simd128: two 128-bit vectors a vector, lanes 0..4 in the first.

use core::arch::wasm32::*;

use super::{Block, Lanes};

/// The module was compiled with simd128.
#[derive(Clone, Copy)]
pub struct Simd128;

/// 2^112: what a half's bits, shifted into a float's place, are too small by.
const HALF_SCALE: f32 = f32::from_bits((127 + 112) << 23);

/// Eight 16-bit elements, sign-extended.
#[inline(always)]
fn widen(x: &[u16; 8]) -> [v128; 2] {
    let p: *const i16 = x.as_ptr().cast();
    // SAFETY: each load reads four of the eight elements, at any alignment.
    unsafe { [i32x4_load_extend_i16x4(p), i32x4_load_extend_i16x4(p.add(4))] }
}

impl Lanes for Simd128 {
    type I = [v128; 2];
    type F = [v128; 2];

    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [i32x4_splat(x); 2]
    }

    #[inline(always)]
    fn load_i(self, x: &Block) -> Self::I {
        let p: *const v128 = x.0.as_ptr().cast();
        // SAFETY: a `Block` is 32 bytes.
        unsafe { [v128_load(p), v128_load(p.add(1))] }
    }

    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        [v128_and(a[0], b[0]), v128_and(a[1], b[1])]
    }

    #[inline(always)]
    fn shr16<const N: i32>(self, a: Self::I) -> Self::I {
        [u16x8_shr(a[0], N as u32), u16x8_shr(a[1], N as u32)]
    }

    #[inline(always)]
    fn dot16(self, a: Self::I, b: Self::I) -> Self::I {
        [i32x4_dot_i16x8(a[0], b[0]), i32x4_dot_i16x8(a[1], b[1])]
    }

    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        [i32x4_add(a[0], b[0]), i32x4_add(a[1], b[1])]
    }

    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        [i32x4_mul(a[0], b[0]), i32x4_mul(a[1], b[1])]
    }

    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        [f32x4_convert_i32x4(a[0]), f32x4_convert_i32x4(a[1])]
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [f32x4_splat(x); 2]
    }

    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> Self::F {
        let p: *const v128 = x.as_ptr().cast();
        // SAFETY: eight f32 are 32 bytes, read at any alignment.
        unsafe { [v128_load(p), v128_load(p.add(1))] }
    }

    /// Exact for every finite half; infinities and NaNs, which no weight is, become finite.
    #[inline(always)]
    fn load_f16(self, x: &[u16; 8]) -> Self::F {
        // Sign, exponent and mantissa in a float's place, less the copies of the sign in between.
        let mask = i32x4_splat(0x8fff_ffff_u32 as i32);
        widen(x).map(|x| f32x4_mul(v128_and(i32x4_shl(x, 13), mask), f32x4_splat(HALF_SCALE)))
    }

    #[inline(always)]
    fn load_bf16(self, x: &[u16; 8]) -> Self::F {
        widen(x).map(|x| i32x4_shl(x, 16))
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        [f32x4_add(a[0], b[0]), f32x4_add(a[1], b[1])]
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        [f32x4_mul(a[0], b[0]), f32x4_mul(a[1], b[1])]
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        [f32x4_pmax(a[0], b[0]), f32x4_pmax(a[1], b[1])]
    }

    #[inline(always)]
    fn to_array(self, a: Self::F) -> [f32; 8] {
        let mut out = [0.0; 8];
        let p: *mut v128 = out.as_mut_ptr().cast();
        // SAFETY: eight f32 are 32 bytes, written at any alignment.
        unsafe {
            v128_store(p, a[0]);
            v128_store(p.add(1), a[1]);
        }
        out
    }
}
