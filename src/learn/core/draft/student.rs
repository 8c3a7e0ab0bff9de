//! A draft that learns: its description, its net, and what it shares with the target.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::net::{Inputs, Net};
use super::weights::{Weights, transpose};
use crate::learn::core::error::Error;
use crate::learn::core::target::Matrices;
use crate::model::draft::{Draft, Input, Origin};

/// Matrices of the target's that a draft reads and does not change.
#[derive(Debug, Clone, Default)]
pub struct Frozen {
    /// The token embedding, `[vocab][width]`, on the host: rows are looked up there.
    embedding: Option<Vec<f32>>,
    /// The head's rows of the draft's ids, `[width, draft ids]`.
    head: Option<Tensor<2>>,
}

impl Frozen {
    /// What `draft` shares with `target`.
    pub fn of(draft: &Draft, target: &dyn Matrices, device: &Device) -> Self {
        let width = target.config().width;
        let embedding = (draft.embedding == Origin::Target).then(|| {
            let ids: Vec<u32> = (0..target.config().vocab as u32).collect();
            let mut table = vec![0.0; ids.len() * width];
            target.embedding_rows(&ids, &mut table);
            table
        });
        let head = (draft.head == Origin::Target).then(|| {
            let count = draft.config.head_vocab;
            let all = || (0..count as u32).collect();
            let ids: Vec<u32> = draft.ids.clone().unwrap_or_else(all);
            let mut table = vec![0.0; count * width];
            target.head_rows(&ids, &mut table);
            Tensor::from_data(TensorData::new(transpose(&table, width), [width, count]), device)
        });
        Self { embedding, head }
    }
}

/// Logits over a draft's ids, and the way back for their gradient.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one of them a pass")]
pub enum Spoken {
    /// The head is the target's: gradients end at the rows that it reads.
    Frozen {
        /// Those rows, `[rows, width]`.
        normed: Tensor<2>,
        /// The head, `[width, draft ids]`.
        head: Tensor<2>,
    },
    /// The head is the draft's own, and learns: logits that track gradients.
    Own(Tensor<2>),
}

impl Spoken {
    /// The logits, `[rows, draft ids]`, without gradients.
    pub fn logits(&self) -> Tensor<2> {
        match self {
            Self::Frozen { normed, head } => normed.clone().inner().matmul(head.clone()),
            Self::Own(logits) => logits.clone().inner(),
        }
    }

    /// Something whose `backward` carries `gradient`, that of the logits, on to the weights.
    pub fn surrogate(&self, gradient: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Frozen { normed, head } => {
                (normed.clone() * gradient.matmul(head.clone().transpose())).sum()
            }
            Self::Own(logits) => (logits.clone() * gradient).sum(),
        }
    }
}

/// A draft that learns.
#[derive(Debug, Clone)]
pub struct Student {
    /// What it is.
    pub draft: Draft,
    /// What it learns.
    pub net: Net,
    /// What it shares.
    pub frozen: Frozen,
    /// Whether what it reads of the target's states ends with the last layer's, so that its own can be held against them.
    pub reads_last: bool,
    /// Where its tensors are; those of the net track gradients there.
    pub device: Device,
}

impl Student {
    /// A student of `weights` for `target`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the draft does not fit the target or a tensor is missing.
    pub fn new(
        draft: Draft,
        weights: &Weights,
        target: &dyn Matrices,
        device: &Device,
    ) -> Result<Self, Error> {
        let beside = draft.clone().beside(target.config());
        let beside =
            beside.map_err(|why| Error::Shape(format!("the draft does not fit the target: {why}")))?;
        if beside != draft {
            return Err(Error::Shape("the draft was made for a target of another vocabulary".into()));
        }
        if draft.head == Origin::Target && target.has_head_bias() {
            return Err(Error::Shape("a draft that learns has no biases, and the target's head has".into()));
        }
        let net = Net::new(&draft, weights, &device.clone().autodiff());
        let net = net.ok_or_else(|| Error::Shape("the draft's weights are incomplete".into()))?;
        let frozen = Frozen::of(&draft, target, device);
        let reads_last = draft.reads_last(target.config());
        Ok(Self { draft, net, frozen, reads_last, device: device.clone() })
    }

    /// Inputs of `batch` sequences of equal length: their tokens one after the other, and (where the draft reads them) the
    /// target's states one position before each, `state_width` values each.
    pub fn inputs(&self, batch: usize, tokens: &[u32], states: Vec<f32>) -> Inputs {
        let length = tokens.len() / batch.max(1);
        let width = self.draft.embedding_width();
        let embedded = self.frozen.embedding.as_ref().map(|table| {
            let rows = tokens.iter().flat_map(|t| &table[*t as usize * width..][..width]);
            let values: Vec<f32> = rows.copied().collect();
            Tensor::from_data(TensorData::new(values, [batch, length, width]), &self.device)
        });
        let states = (self.draft.input == Input::Hidden).then(|| {
            let shape = [batch, length, self.draft.state_width()];
            Tensor::from_data(TensorData::new(states, shape), &self.device)
        });
        let ids: Vec<i32> = tokens.iter().map(|t| *t as i32).collect();
        let tokens = Tensor::from_data(TensorData::new(ids, [batch, length]), &self.device);
        Inputs { tokens, embedded, states, keep: None }
    }

    /// What rows of states, `[rows, width]`, say about the next token.
    pub fn speak(&self, states: Tensor<2>) -> Spoken {
        let normed = self.net.normed(states);
        match (&self.frozen.head, self.net.head()) {
            (Some(head), _) => Spoken::Frozen { normed, head: head.clone() },
            (None, Some(head)) => Spoken::Own(normed.matmul(head)),
            (None, None) => Spoken::Own(normed),
        }
    }

    /// Its weights in the file's layout.
    pub fn weights(&self) -> Weights {
        self.net.export(&self.draft)
    }

    /// The same without gradients, to be judged.
    pub fn still(&self) -> Self {
        Self { net: self.net.valid(), ..self.clone() }
    }

    /// How many numbers it learns.
    pub fn parameters(&self) -> usize {
        self.net.num_params()
    }
}
