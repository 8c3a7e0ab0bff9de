//! Eight lanes at a time: what the kernels are written in.
//!
//! A kernel is an [`Op`], written once over [`Lanes`]; [`dispatch`] runs it on the best instruction set there is. Every
//! implementation of a method gives bitwise the same result (integers are exact, floats are rounded once an operation,
//! nothing is fused), so a model computes the same numbers on every machine that has IEEE floats.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

/// 32 aligned bytes: one vector of packed weight codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Block(pub [u8; 32]);

/// Runs `body` for each `i` below `count`, at most 8, unrolled: only with constant indices are accumulators kept in
/// registers, and unlike a closure the body is compiled with the instructions of the function it stands in.
macro_rules! each {
    ($count:ident, |$i:ident| $body:block) => {
        $crate::cpu::simd::each!(@ $count, $i, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (@ $count:ident, $i:ident, $body:block, $($index:literal),*) => {
        $(if $index < $count {
            let $i: usize = $index;
            $body
        })*
    };
}
pub(super) use each;

/// A kernel, written over any instruction set.
pub trait Op {
    /// What it returns.
    type Output;
    /// The kernel. Mark it `#[inline(always)]`: only then is it compiled with `L`'s instructions.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Vectors of eight 32-bit lanes. A value of the implementing type proves that the machine has the instructions.
pub trait Lanes: Copy {
    /// Eight i32, also seen as sixteen i16: element `2i` is the low half of lane `i`.
    type I: Copy;
    /// Eight f32.
    type F: Copy;

    /// All lanes `x`.
    fn splat_i(self, x: i32) -> Self::I;
    /// 32 bytes, little-endian.
    fn load_i(self, x: &Block) -> Self::I;
    /// Bitwise and.
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    /// Shifts each u16 right by `N`.
    fn shr16<const N: i32>(self, a: Self::I) -> Self::I;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]` of the i16 elements, in lane `i`.
    fn dot16(self, a: Self::I, b: Self::I) -> Self::I;
    /// `sum + dot16(a, b)`, wrapping.
    #[inline(always)]
    fn add_dot16(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        self.add_i(sum, self.dot16(a, b))
    }
    /// Wrapping sum.
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping product.
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// Rounds each i32 to the nearest f32.
    fn to_f32(self, a: Self::I) -> Self::F;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::F;
    /// Eight f32.
    fn load(self, x: &[f32; 8]) -> Self::F;
    /// Eight halves (IEEE binary16), widened.
    fn load_f16(self, x: &[u16; 8]) -> Self::F;
    /// Eight bfloat16, widened.
    fn load_bf16(self, x: &[u16; 8]) -> Self::F;
    /// Sum.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// Product.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? b : a`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lanes, in order.
    fn to_array(self, a: Self::F) -> [f32; 8];
}

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Plain Rust.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Scalar,
    /// x86-64 with AVX2 and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with AVX-VNNI, whose instruction multiplies and adds up pairs of i16 at once.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// WebAssembly with simd128, chosen when the module is compiled.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Level {
    /// The best that this machine has.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub fn best() -> Self {
        Self::Simd128
    }

    /// The best that this machine has.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Scalar)
    }

    /// Those that this machine has, the best one last.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx2::Avx2::<false>::detect().map(|_| Self::Avx2));
            all.extend(avx2::Avx2::<true>::detect().map(|_| Self::Vnni));
        }
        all
    }

    /// Its name, as shown to users.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => "AVX-VNNI",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => "WebAssembly SIMD",
        }
    }

    /// How many of `rows` rows of activations a product takes at once: what fits in the registers.
    pub(super) fn tile(self, rows: usize) -> usize {
        match (self, rows) {
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2 | Self::Vnni, 8..) => 8,
            (_, 5) => 3,
            (_, 4..) => 4,
            _ => rows,
        }
    }
}

/// Runs `op` with the instructions of `level`; without them, in plain Rust.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub fn dispatch<O: Op>(level: Level, op: O) -> O::Output {
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Scalar => {}
        Level::Avx2 => {
            if let Some(lanes) = avx2::Avx2::<false>::detect() {
                return lanes.run(op);
            }
        }
        Level::Vnni => {
            if let Some(lanes) = avx2::Avx2::<true>::detect() {
                return lanes.run(op);
            }
        }
    }
    let _ = level;
    op.run(scalar::Scalar)
}

/// Runs `op` with simd128.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
pub fn dispatch<O: Op>(_: Level, op: O) -> O::Output {
    op.run(wasm::Simd128)
}
