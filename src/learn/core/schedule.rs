//! The learning rate: up in a line, down in half a cosine to a tenth of the peak.

/// The learning rates of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The highest: the share of itself by which a weight changes in a step.
    pub peak: f64,
    /// Steps up to the peak.
    pub warmup: usize,
    /// Steps up to the last.
    pub steps: usize,
}

impl Schedule {
    /// The learning rate of `step`, from 0.
    pub fn at(&self, step: usize) -> f64 {
        const LAST: f64 = 0.1;
        let Self { peak, warmup, steps } = *self;
        if step < warmup {
            return peak * (step + 1) as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / steps.saturating_sub(warmup).max(1) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos());
        peak * (LAST + (1.0 - LAST) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_a_tenth() {
        let at = |step| Schedule { peak: 1.0, warmup: 10, steps: 110 }.at(step);
        assert!((at(0) - 0.1).abs() < 1e-12 && (at(9) - 1.0).abs() < 1e-12 && (at(10) - 1.0).abs() < 1e-12);
        assert!((at(60) - 0.55).abs() < 1e-12, "{}", at(60));
        assert!((at(110) - 0.1).abs() < 1e-12 && (at(500) - 0.1).abs() < 1e-12);
        assert!((1..110).all(|step| step <= 10 || at(step) <= at(step - 1)));
    }
}
