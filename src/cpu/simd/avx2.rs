//! x86-64 with AVX2 and F16C, and where there is AVX-VNNI with that: one 256-bit register a vector.

use std::arch::x86_64::*;

use super::{Block, Lanes, Op};

/// Proof that the machine has AVX2 and F16C, and AVX-VNNI where `VNNI` says so: only `detect` makes one.
#[derive(Clone, Copy)]
pub struct Avx2<const VNNI: bool>(());

impl Avx2<false> {
    /// The proof, where the machine has both.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")).then_some(Self(()))
    }

    /// Runs `op` compiled for AVX2.
    pub fn run<O: Op>(self, op: O) -> O::Output {
        #[target_feature(enable = "avx2,f16c")]
        fn inside<O: Op>(op: O) -> O::Output {
            op.run(Avx2::<false>(()))
        }
        // SAFETY: `self` proves that the machine has these features.
        unsafe { inside(op) }
    }
}

impl Avx2<true> {
    /// The proof, where the machine has all three.
    pub fn detect() -> Option<Self> {
        (Avx2::<false>::detect().is_some() && is_x86_feature_detected!("avxvnni")).then_some(Self(()))
    }

    /// Runs `op` compiled for AVX2 and AVX-VNNI.
    pub fn run<O: Op>(self, op: O) -> O::Output {
        #[target_feature(enable = "avx2,f16c,avxvnni")]
        fn inside<O: Op>(op: O) -> O::Output {
            op.run(Avx2::<true>(()))
        }
        // SAFETY: `self` proves that the machine has these features.
        unsafe { inside(op) }
    }
}

/// Eight u16 as a vector.
#[inline(always)]
fn bits(x: &[u16; 8]) -> __m128i {
    // SAFETY: both are any 16 bytes.
    unsafe { std::mem::transmute::<[u16; 8], __m128i>(*x) }
}

// SAFETY of every block below: `self` proves that the machine has the features that the intrinsic needs.
impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type I = __m256i;
    type F = __m256;

    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi32(x) }
    }

    #[inline(always)]
    fn load_i(self, x: &Block) -> Self::I {
        // SAFETY: both are any 32 bytes. Not a load intrinsic: those check their pointers in debug builds.
        unsafe { std::mem::transmute::<[u8; 32], __m256i>(x.0) }
    }

    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn shr16<const N: i32>(self, a: Self::I) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_srli_epi16::<N>(a) }
    }

    #[inline(always)]
    fn dot16(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_madd_epi16(a, b) }
    }

    #[inline(always)]
    fn add_dot16(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        if VNNI {
            // SAFETY: see above.
            unsafe { _mm256_dpwssd_avx_epi32(sum, a, b) }
        } else {
            self.add_i(sum, self.dot16(a, b))
        }
    }

    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: see above.
        unsafe { _mm256_mullo_epi32(a, b) }
    }

    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        // SAFETY: see above.
        unsafe { _mm256_cvtepi32_ps(a) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, x: &[f32; 8]) -> Self::F {
        // SAFETY: both are any eight f32.
        unsafe { std::mem::transmute::<[f32; 8], __m256>(*x) }
    }

    #[inline(always)]
    fn load_f16(self, x: &[u16; 8]) -> Self::F {
        // SAFETY: see above.
        unsafe { _mm256_cvtph_ps(bits(x)) }
    }

    #[inline(always)]
    fn load_bf16(self, x: &[u16; 8]) -> Self::F {
        // SAFETY: see above.
        unsafe {
            let wide = _mm256_cvtepu16_epi32(bits(x));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: see above. The instruction returns its second operand unless the first is larger.
        unsafe { _mm256_max_ps(b, a) }
    }

    #[inline(always)]
    fn to_array(self, a: Self::F) -> [f32; 8] {
        // SAFETY: both are any eight f32.
        unsafe { std::mem::transmute::<__m256, [f32; 8]>(a) }
    }
}
