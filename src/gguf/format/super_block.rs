//! What the K formats share: 256 weights whose groups have small integer scales (and mins) in units of one
//! half-precision number for the whole block.

use super::parts::{as_half, bounds, extreme, half_at, inverse, put_half};

/// Weights in a super-block.
pub(super) const LEN: usize = 256;

/// Groups with a scale and a min: `weight = d * scale * code - dmin * min`.
pub(super) struct Affine {
    d: f32,
    dmin: f32,
    /// One a group.
    pub scales: Vec<u8>,
    /// One a group.
    pub mins: Vec<u8>,
}

impl Affine {
    /// Fits groups of `group` values with codes `0..=top_code` and scales and mins `0..=top_scale`.
    pub fn fit(values: &[f32], group: usize, top_code: u8, top_scale: u8) -> Self {
        let fit_one = |values: &[f32]| {
            let (low, high) = bounds(values);
            let low = low.min(0.0);
            ((high.max(low) - low) / f32::from(top_code), -low)
        };
        let (scales, mins): (Vec<f32>, Vec<f32>) = values.chunks(group).map(fit_one).unzip();
        let unit = |v: &[f32]| as_half(v.iter().copied().fold(0.0, f32::max) / f32::from(top_scale));
        let (d, dmin) = (unit(&scales), unit(&mins));
        let steps = |v: &[f32], unit: f32| -> Vec<u8> {
            v.iter().map(|v| ((v * inverse(unit)).round() as u8).min(top_scale)).collect()
        };
        Self { d, dmin, scales: steps(&scales, d), mins: steps(&mins, dmin) }
    }

    /// The codes `0..=top_code` nearest to `values`.
    pub fn codes(&self, values: &[f32], group: usize, top_code: u8) -> Vec<u8> {
        let code = |(i, v): (usize, &f32)| {
            let scale = self.d * f32::from(self.scales[i / group]);
            let min = self.dmin * f32::from(self.mins[i / group]);
            (((v + min) * inverse(scale)).round() as u8).min(top_code)
        };
        values.iter().enumerate().map(code).collect()
    }

    /// Appends `d` and `dmin`.
    pub fn put_units(&self, out: &mut Vec<u8>) {
        put_half(out, self.d);
        put_half(out, self.dmin);
    }
}

/// Groups with a signed scale alone: `weight = d * scale * code`.
pub(super) struct Symmetric {
    /// Unit of the scales.
    pub d: f32,
    /// One for each group of 16.
    pub scales: Vec<i8>,
}

impl Symmetric {
    /// Fits groups of 16 values with codes `low_code..` and scales `low_scale..-low_scale`.
    pub fn fit(values: &[f32], low_code: i8, low_scale: i8) -> Self {
        let scales: Vec<f32> = values.chunks(16).map(|v| extreme(v) / f32::from(low_code)).collect();
        let low_scale = f32::from(low_scale);
        let d = as_half(extreme(&scales) / low_scale);
        let step = |v: &f32| (v * inverse(d)).round().clamp(low_scale, -1.0 - low_scale) as i8;
        Self { d, scales: scales.iter().map(step).collect() }
    }

    /// The codes nearest to `values`, counted from `low_code`: `0..-2 * low_code`.
    pub fn codes(&self, values: &[f32], low_code: i8) -> Vec<u8> {
        let low = f32::from(low_code);
        let code = |(i, v): (usize, &f32)| {
            let scale = self.d * f32::from(self.scales[i / 16]);
            ((v * inverse(scale)).round().clamp(low, -1.0 - low) - low) as u8
        };
        values.iter().enumerate().map(code).collect()
    }
}

/// Unpacks what `Q4_K` and `Q5_K` begin with into the eight groups' `[scale, min]`: `d`, `dmin`, then eight scales
/// and eight mins of 6 bits in 12 bytes.
pub(super) fn unpack_params(block: &[u8], params: &mut [[f32; 2]]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let q = &block[4..16];
    for (j, params) in params.iter_mut().enumerate() {
        let (scale, min) = if j < 4 {
            (q[j] & 63, q[j + 4] & 63)
        } else {
            ((q[j + 4] & 15) | (q[j - 4] >> 6) << 4, (q[j + 4] >> 4) | (q[j] >> 6) << 4)
        };
        *params = [d * f32::from(scale), -dmin * f32::from(min)];
    }
}

/// Appends what [`unpack_params`] reads.
pub(super) fn put_params(fit: &Affine, out: &mut Vec<u8>) {
    fit.put_units(out);
    let (s, m) = (&fit.scales, &fit.mins);
    out.extend((0..4).map(|j| s[j] | (s[j + 4] >> 4) << 6));
    out.extend((0..4).map(|j| m[j] | (m[j + 4] >> 4) << 6));
    out.extend((0..4).map(|j| (s[j + 4] & 15) | m[j + 4] << 4));
}
