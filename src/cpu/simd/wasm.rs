//! WebAssembly simd128: two 128-bit vectors a vector. Lanes 0..4 are in the first.

use core::arch::wasm32::*;

use super::{Block, Lanes};

/// The module was compiled with simd128.
#[derive(Clone, Copy)]
pub struct Simd128;

/// 2^112: what a half's bits, shifted into a float's place, are too small by.
const HALF_SCALE: f32 = 5.192_296_858_534_828e33;

/// Four halves in the low 16 bits of each lane, widened. Exact for every finite half; infinities and NaNs, which no
/// weight is, become finite.
#[inline(always)]
fn widen(x: v128) -> v128 {
    let magnitude = i32x4_shl(v128_and(x, i32x4_splat(0x7fff)), 13);
    let sign = i32x4_shl(v128_and(x, i32x4_splat(0x8000)), 16);
    v128_or(f32x4_mul(magnitude, f32x4_splat(HALF_SCALE)), sign)
}

impl Lanes for Simd128 {
    type I = [v128; 2];
    type F = [v128; 2];
    const TILE: usize = 4;

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
        // SAFETY: eight f32 are 32 bytes, and `v128_load` needs no alignment.
        unsafe { [v128_load(p), v128_load(p.add(1))] }
    }

    #[inline(always)]
    fn load_f16(self, x: &[u16; 8]) -> Self::F {
        // SAFETY: eight u16 are 16 bytes, and `v128_load` needs no alignment.
        let x = unsafe { v128_load(x.as_ptr().cast()) };
        [widen(u32x4_extend_low_u16x8(x)), widen(u32x4_extend_high_u16x8(x))]
    }

    #[inline(always)]
    fn load_bf16(self, x: &[u16; 8]) -> Self::F {
        // SAFETY: as in `load_f16`.
        let x = unsafe { v128_load(x.as_ptr().cast()) };
        [i32x4_shl(u32x4_extend_low_u16x8(x), 16), i32x4_shl(u32x4_extend_high_u16x8(x), 16)]
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
    fn to_array(self, a: Self::F) -> [f32; 8] {
        let mut out = [0.0; 8];
        let p: *mut v128 = out.as_mut_ptr().cast();
        // SAFETY: eight f32 are 32 bytes, and `v128_store` needs no alignment.
        unsafe {
            v128_store(p, a[0]);
            v128_store(p.add(1), a[1]);
        }
        out
    }
}
