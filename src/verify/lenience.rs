//! Lenience: lossy speculative decoding (arXiv 2310.08461, appendix). Off unless asked for.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sampling::{Error, ONE};

/// How much more of a proposal is accepted than the target's law allows: a token `x` with probability
/// `min(1, f(p(x)) / q(x))` in place of `min(1, p(x) / q(x))`, where `f(p) >= p`.
///
/// With the residual `norm((p - q)_+)` every point of extra acceptance costs exactly one point of total variation from the
/// target's law at that position: `TV = sum min(q, f(p)) - sum min(q, p)`. Engines report it
/// (`round::Outcome::excess`).
///
/// At temperature 0 a proposed token is accepted where `f(p(x))` reaches the greatest probability, both at temperature 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lenience {
    /// `f`.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub kind: &'static Kind,
    /// 0.01 to 1; 1 is without loss.
    pub epsilon: f32,
}

/// A function of the paper that can be chosen by name.
#[derive(Debug)]
pub struct Kind {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    raise: Raise,
}

/// How `f` is computed: what the kernels are built for.
#[derive(Debug, Clone, Copy)]
enum Raise {
    /// `f(p) = gain p`, the gain a whole number of 2^-16; `margin` is the logarithm of what it allows at temperature 0: the
    /// least logit that is accepted, less the greatest.
    Factor { gain: fn(f32) -> f32, margin: fn(f32) -> f32 },
    /// `f(p) = p^epsilon`, for temperatures above 0: engines have no probabilities there.
    Power,
}

/// Every function.
pub static KINDS: [Kind; 3] = [
    Kind {
        name: "linear",
        about: "p / epsilon: no token becomes more than 1 / epsilon times as likely",
        raise: Raise::Factor { gain: |epsilon| 1.0 / epsilon, margin: |epsilon| epsilon.ln() },
    },
    Kind {
        name: "square",
        about: "p / epsilon^2",
        raise: Raise::Factor { gain: |epsilon| epsilon.powi(-2), margin: |epsilon| 2.0 * epsilon.ln() },
    },
    Kind {
        name: "exponential",
        about: "p^epsilon, above temperature 0 only: rare tokens gain most, without a bound",
        raise: Raise::Power,
    },
];

/// Gains of [`Raise::Factor`] are whole numbers of 2^-16.
const FACTOR_BITS: u32 = 16;

impl Lenience {
    /// Checks epsilon; and that a function of probabilities is not asked for at temperature 0, where engines have none.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::GreedyExponential`].
    pub fn validate(&self, greedy: bool) -> Result<(), Error> {
        if !(0.01..=1.0).contains(&self.epsilon) {
            let allowed = "0.01 to 1; 1 is without loss";
            return Err(Error::Range { parameter: "lossy epsilon", value: self.epsilon, allowed });
        }
        if greedy && !self.kind.is_factor() {
            return Err(Error::GreedyExponential);
        }
        Ok(())
    }

    /// `f(p)`, between `p` and [`ONE`].
    pub fn raised(&self, p: u32) -> u32 {
        let raised = match self.kind.raise {
            Raise::Factor { gain, .. } => {
                ((u64::from(p) * u64::from(factor(gain(self.epsilon)))) >> FACTOR_BITS) as f64
            }
            Raise::Power => {
                let one = f64::from(ONE);
                (f64::from(p) / one).powf(self.epsilon.into()) * one
            }
        };
        (raised.min(ONE.into()) as u32).max(p)
    }

    /// At temperature 0: the least logit that is accepted, less the greatest. At most 0.
    pub fn margin(&self) -> f32 {
        match self.kind.raise {
            Raise::Factor { margin, .. } => margin(self.epsilon),
            Raise::Power => 0.0,
        }
    }

    /// The word of `sampling.wgsl`.
    pub(crate) fn word(&self, greedy: bool) -> u32 {
        match self.kind.raise {
            _ if greedy => self.margin().to_bits(),
            Raise::Factor { gain, .. } => factor(gain(self.epsilon)),
            Raise::Power => self.epsilon.to_bits(),
        }
    }
}

/// `gain` in units of 2^-16, at least 1.
fn factor(gain: f32) -> u32 {
    ((f64::from(gain) * f64::from(1 << FACTOR_BITS)).round() as u32).max(1 << FACTOR_BITS)
}

impl Kind {
    /// The function called `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Whether devices agree on it bit by bit: it is a product of whole numbers. It then holds at temperature 0, too.
    pub fn is_factor(&self) -> bool {
        matches!(self.raise, Raise::Factor { .. })
    }

    /// The option of `lenient.wgsl`.
    pub(crate) fn kernel(&self) -> &'static str {
        if self.is_factor() { "factor" } else { "power" }
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn write_name<S: Serializer>(kind: &&'static Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name)
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Kind, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = || KINDS.iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ");
    let unknown = || format!("unknown variant `{name}`, expected one of {}", known());
    Kind::by_name(&name).ok_or_else(|| serde::de::Error::custom(unknown()))
}

/// As in `linear=0.5`.
impl std::str::FromStr for Lenience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, epsilon)| {
            Some(Self { kind: Kind::by_name(name)?, epsilon: epsilon.parse().ok()? })
        });
        parts.ok_or_else(|| {
            let forms: Vec<String> = KINDS.iter().map(|kind| format!("{}=E", kind.name)).collect();
            let (last, others) =
                forms.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
            format!("{text} is not {} or {last}", others.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenience(kind: &str, epsilon: f32) -> Lenience {
        Lenience { kind: Kind::by_name(kind).unwrap(), epsilon }
    }

    #[test]
    fn f_is_the_papers() {
        for (kind, expected) in [("linear", 0.2), ("square", 0.4), ("exponential", 0.1f64.sqrt())] {
            let f =
                |p: f64| f64::from(lenience(kind, 0.5).raised((p * f64::from(ONE)) as u32)) / f64::from(ONE);
            assert!((f(0.1) - expected).abs() < 1e-6, "{kind}");
            assert_eq!(f(0.9), if kind == "exponential" { f(0.9) } else { 1.0 });
        }
        for kind in &KINDS {
            for p in [0, 1, 12345, ONE / 3, ONE] {
                let raised = |epsilon| Lenience { kind, epsilon }.raised(p);
                assert!((p..=ONE).contains(&raised(0.3)), "{kind:?} {p}");
                assert_eq!(raised(1.0), p, "{kind:?} without loss");
            }
            assert!(!kind.is_factor() || Lenience { kind, epsilon: 0.3 }.margin() < 0.0, "{kind:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for epsilon in [0.0, 0.009, 1.01, f32::NAN] {
            assert!(lenience("linear", epsilon).validate(false).is_err());
        }
        assert!(lenience("exponential", 0.5).validate(true).is_err());
        assert!(lenience("exponential", 0.5).validate(false).is_ok());
        assert_eq!("square=0.25".parse(), Ok(lenience("square", 0.25)));
        let error = "cubic=0.25".parse::<Lenience>().unwrap_err();
        assert_eq!(error, "cubic=0.25 is not linear=E, square=E or exponential=E");
        assert!("square".parse::<Lenience>().is_err());
    }

    #[test]
    fn on_the_wire_a_kind_is_its_name() {
        let text = r#"{"kind":"square","epsilon":0.5}"#;
        let read: Lenience = serde_json::from_str(text).unwrap();
        assert_eq!((read, serde_json::to_string(&read).unwrap()), (lenience("square", 0.5), text.into()));
        let error = serde_json::from_str::<Lenience>(r#"{"kind":"cubic","epsilon":1}"#).unwrap_err();
        assert!(error.to_string().contains("`linear`, `square`, `exponential`"), "{error}");
    }
}
