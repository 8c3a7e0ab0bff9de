//! lenience: lossy speculative decoding (arXiv 2310.08461, appendix; ALGORITHMS 3.5). Off unless asked for.

use super::{Error, ONE};

/// How much more of a proposal is accepted than the target's law allows: a token `x` with probability
/// `min(1, f(p(x)) / q(x))` in place of `min(1, p(x) / q(x))`, where `f(p) >= p`.
///
/// With the residual `norm((p - q)_+)` every point of extra acceptance costs exactly one point of total variation from the
/// target's law at that position: `TV = sum min(q, f(p)) - sum min(q, p)`. Engines report it
/// ([`Round::excess`](crate::decode::Round::excess)).
///
/// At temperature 0 a proposed token is accepted where `f(p(x))` reaches the greatest probability, both at temperature 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Lenience {
    /// `f`.
    pub kind: Kind,
    /// 0.01 to 1; 1 is without loss.
    pub epsilon: f32,
}

/// The functions of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `f(p) = p / epsilon`: no token becomes more than `1 / epsilon` times as likely.
    Linear,
    /// `f(p) = p / epsilon^2`
    Square,
    /// `f(p) = p^epsilon`: rare tokens gain most, without a bound.
    Exponential,
}

/// The factors of [`Kind::Linear`] and [`Kind::Square`] are whole numbers of 2^-16.
const FACTOR_BITS: u32 = 16;

impl Lenience {
    /// Checks epsilon; and that [`Kind::Exponential`] is not asked for at temperature 0, where engines have no
    /// probabilities.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::GreedyExponential`].
    pub fn validate(&self, greedy: bool) -> Result<(), Error> {
        if !(0.01..=1.0).contains(&self.epsilon) {
            let allowed = "0.01 to 1; 1 is without loss";
            return Err(Error::Range { parameter: "lossy epsilon", value: self.epsilon, allowed });
        }
        if greedy && self.kind == Kind::Exponential {
            return Err(Error::GreedyExponential);
        }
        Ok(())
    }

    /// `f(p)`, between `p` and [`ONE`].
    pub fn raised(&self, p: u32) -> u32 {
        let raised = match self.kind {
            Kind::Linear | Kind::Square => (u64::from(p) * u64::from(self.factor()) >> FACTOR_BITS) as f64,
            Kind::Exponential => {
                let one = f64::from(ONE);
                (f64::from(p) / one).powf(self.epsilon.into()) * one
            }
        };
        (raised.min(ONE.into()) as u32).max(p)
    }

    /// What [`Kind::Linear`] and [`Kind::Square`] multiply by, in units of 2^-16.
    fn factor(&self) -> u32 {
        let gain = if self.kind == Kind::Square { self.epsilon.powi(-2) } else { 1.0 / self.epsilon };
        ((f64::from(gain) * f64::from(1 << FACTOR_BITS)).round() as u32).max(1 << FACTOR_BITS)
    }

    /// At temperature 0: the least logit that is accepted, less the greatest. At most 0.
    pub fn margin(&self) -> f32 {
        if self.kind == Kind::Square { 2.0 * self.epsilon.ln() } else { self.epsilon.ln() }
    }

    /// The word of `sampling.wgsl`.
    pub(crate) fn word(&self, greedy: bool) -> u32 {
        match self.kind {
            _ if greedy => self.margin().to_bits(),
            Kind::Linear | Kind::Square => self.factor(),
            Kind::Exponential => self.epsilon.to_bits(),
        }
    }
}

impl Kind {
    /// Every kind, with what users call it.
    pub const ALL: [(&str, Self); 3] =
        [("linear", Self::Linear), ("square", Self::Square), ("exponential", Self::Exponential)];
}

/// As in `linear=0.5`.
impl std::str::FromStr for Lenience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, epsilon)| {
            let kind = Kind::ALL.into_iter().find(|(known, _)| *known == name)?.1;
            Some(Self { kind, epsilon: epsilon.parse().ok()? })
        });
        parts.ok_or_else(|| format!("{text} is not linear=E, square=E or exponential=E"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_is_the_papers() {
        let f = |kind, epsilon, p: f64| {
            f64::from(Lenience { kind, epsilon }.raised((p * f64::from(ONE)) as u32)) / f64::from(ONE)
        };
        for (kind, expected) in [(Kind::Linear, 0.2), (Kind::Square, 0.4), (Kind::Exponential, 0.1f64.sqrt())]
        {
            assert!((f(kind, 0.5, 0.1) - expected).abs() < 1e-6, "{kind:?}");
            assert_eq!(f(kind, 0.5, 0.9), if kind == Kind::Exponential { f(kind, 0.5, 0.9) } else { 1.0 });
            for p in [0, 1, 12345, ONE / 3, ONE] {
                let raised = |epsilon| Lenience { kind, epsilon }.raised(p);
                assert!((p..=ONE).contains(&raised(0.3)), "{kind:?} {p}");
                assert_eq!(raised(1.0), p, "{kind:?} without loss");
            }
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let lenience = |kind, epsilon| Lenience { kind, epsilon };
        for epsilon in [0.0, 0.009, 1.01, f32::NAN] {
            assert!(lenience(Kind::Linear, epsilon).validate(false).is_err());
        }
        assert!(lenience(Kind::Exponential, 0.5).validate(true).is_err());
        assert!(lenience(Kind::Exponential, 0.5).validate(false).is_ok());
        assert_eq!("square=0.25".parse(), Ok(lenience(Kind::Square, 0.25)));
        assert!("cubic=0.25".parse::<Lenience>().is_err() && "square".parse::<Lenience>().is_err());
    }
}
