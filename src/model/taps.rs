//! Taps: which of the target's states a draft reads (EAGLE-3, arXiv 2503.01840).

use super::Config;

/// A *state* of a position is the residual stream after each of these layers, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taps {
    layers: Vec<usize>,
    width: usize,
}

impl Taps {
    /// What goes into the output norm: the residual stream after the last layer.
    pub fn last(config: &Config) -> Self {
        Self { layers: vec![config.plan.layers.len() - 1], width: config.width }
    }

    /// The residual streams after `layers` (from 0, ascending) of a model.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn new(layers: Vec<usize>, config: &Config) -> Result<Self, String> {
        let count = config.plan.layers.len();
        if layers.is_empty() || layers.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(format!("its taps {layers:?} are no ascending list of layers"));
        }
        match layers.last() {
            Some(last) if *last >= count => {
                Err(format!("it reads the target's layer {last}, and the target has {count}"))
            }
            _ => Ok(Self { layers, width: config.width }),
        }
    }

    /// These and those of `other`, which are of the same model.
    pub fn and(&self, other: &Self) -> Self {
        let mut layers = [&self.layers[..], &other.layers].concat();
        layers.sort_unstable();
        layers.dedup();
        Self { layers, width: self.width }
    }

    /// All of `every`; `None` where there are none.
    pub fn union<'a>(every: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        every
            .into_iter()
            .fold(None, |all: Option<Self>, taps| Some(all.map_or_else(|| taps.clone(), |all| all.and(taps))))
    }

    /// The tapped layers, ascending.
    pub fn layers(&self) -> &[usize] {
        &self.layers
    }

    /// Where in a state what `layer` leaves stands, in taps; `None` for layers that are not tapped.
    pub fn position(&self, layer: usize) -> Option<usize> {
        self.layers.iter().position(|tapped| *tapped == layer)
    }

    /// Values of what one layer leaves.
    pub fn layer_width(&self) -> usize {
        self.width
    }

    /// Values of a state.
    pub fn width(&self) -> usize {
        self.layers.len() * self.width
    }
}
