//! What the host and the kernels tell each other, word by word: the structs of `state.wgsl`, `sampling.wgsl`, `result.wgsl`
//! and `pass.wgsl`, which say what each member means. The tests compare every name and place with them.

use std::mem::offset_of;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use minijinja::{Value, context};

use crate::round::Rules;
use crate::sampling::{MAX_BIAS, MAX_PENALTY_WINDOW, MAX_STOPS, fixed};

/// Most rows of a verify pass.
pub const MAX_ROWS: usize = 16;

/// 32-bit words of a `T`.
pub(super) const fn count<T>() -> usize {
    size_of::<T>() / 4
}

/// The words of `value`.
pub(super) fn of<T: Pod>(value: &T) -> &[u32] {
    bytemuck::cast_slice(std::slice::from_ref(value))
}

/// The `T` that these words begin with.
///
/// # Panics
/// When there are fewer.
pub(super) fn read<T: Pod>(words: &[u32]) -> T {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&words[..count::<T>()]))
}

/// How long the structs' arrays are.
pub(super) fn lengths() -> Value {
    context! { max_rows => MAX_ROWS, max_stops => MAX_STOPS, max_biases => MAX_BIAS }
}

/// Where a sequence stands.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct State {
    pub length: u32,
    pub cursor: u32,
    pub drafted: u32,
    pub point_mass: u32,
    pub lookup: u32,
    pub model: u32,
    pub limit: u32,
    pub epoch: u32,
    /// Low and high word.
    pub seed: [u32; 2],
    pub halted: [u32; 2],
    pub read: u32,
    pub own: u32,
}

impl State {
    /// What the host says of a proposal: `drafted`, `point_mass`, `lookup` and `model`.
    pub(super) const PROPOSAL: Range<usize> = offset_of!(Self, drafted) / 4..offset_of!(Self, limit) / 4;
}

/// `state.wgsl`: why a sequence is halted when the target's logits were not finite.
pub(super) const FAULT: u32 = 4;

/// Which rows a pass has.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Pass {
    /// [`Kind`]
    pub kind: u32,
    pub capacity: u32,
}

/// What a pass is for, in the order of `pass.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fill,
    Verify,
    CatchUp,
    Draft,
}

/// What a round did.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(super) struct Result {
    pub accepted: u32,
    pub committed: u32,
    pub length: u32,
    pub halted: u32,
    pub drafted: u32,
    pub point_mass: u32,
    pub epoch: u32,
    pub tokens: [u32; MAX_ROWS],
    pub overlaps: [u32; MAX_ROWS],
    pub excess: [u32; MAX_ROWS],
    pub logprobs: [f32; MAX_ROWS],
}

impl Result {
    /// Words in front of the tokens.
    pub(super) const HEADER: usize = offset_of!(Self, tokens) / 4;
}

/// What is asked of the sampler.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(super) struct Sampling {
    pub inverse_temperature: f32,
    pub top_k: u32,
    pub top_p: u32,
    pub min_p: u32,
    pub repeat: f32,
    pub presence: f32,
    pub frequency: f32,
    pub window: u32,
    pub biases: u32,
    pub stops: u32,
    pub confidence: f32,
    pub lenience: u32,
    pub stop: [u32; MAX_STOPS],
    /// Ids, and the bits of what is added.
    pub bias: [[u32; 2]; MAX_BIAS],
}

impl Sampling {
    /// What `rules` ask for.
    pub(super) fn new(rules: &Rules) -> Self {
        let s = &rules.sampling;
        let stops = &rules.stop_ids[..rules.stop_ids.len().min(MAX_STOPS)];
        let biases = &s.logit_bias[..s.logit_bias.len().min(MAX_BIAS)];
        let (mut stop, mut bias) = ([0; MAX_STOPS], [[0; 2]; MAX_BIAS]);
        stop[..stops.len()].copy_from_slice(stops);
        bias.iter_mut().zip(biases).for_each(|(to, (id, bias))| *to = [*id, bias.to_bits()]);
        Self {
            inverse_temperature: if s.is_greedy() { 1.0 } else { 1.0 / s.temperature },
            top_k: s.top_k,
            top_p: fixed(s.top_p),
            min_p: fixed(s.min_p),
            repeat: s.repeat_penalty,
            presence: s.presence_penalty,
            frequency: s.frequency_penalty,
            window: if s.penalizes() { s.penalty_window.min(MAX_PENALTY_WINDOW) } else { 0 },
            biases: biases.len() as u32,
            stops: stops.len() as u32,
            confidence: rules.confidence,
            lenience: rules.lenience.map_or(0, |lenience| lenience.word(s.is_greedy())),
            stop,
            bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use naga::{ScalarKind, TypeInner};

    use super::*;
    use crate::gpu::kernel::Templates;

    /// A member's name, kind of number and place in bytes.
    type Member = (String, ScalarKind, usize);

    /// What words can be.
    trait Word {
        const KIND: ScalarKind;
    }

    impl Word for u32 {
        const KIND: ScalarKind = ScalarKind::Uint;
    }

    impl Word for f32 {
        const KIND: ScalarKind = ScalarKind::Float;
    }

    impl<T: Word, const N: usize> Word for [T; N] {
        const KIND: ScalarKind = T::KIND;
    }

    fn kind<S, T: Word>(_: fn(&S) -> &T) -> ScalarKind {
        T::KIND
    }

    macro_rules! members {
        ($struct:ident: $($member:ident),*) => {
            vec![$((
                stringify!($member).to_owned(),
                kind(|s: &$struct| &s.$member),
                offset_of!($struct, $member),
            )),*]
        };
    }

    fn kind_in(module: &naga::Module, ty: naga::Handle<naga::Type>) -> ScalarKind {
        match &module.types[ty].inner {
            TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => scalar.kind,
            TypeInner::Array { base, .. } => kind_in(module, *base),
            other => panic!("{other:?} is no word"),
        }
    }

    /// Members and size in bytes of `name` in a kernel file.
    fn in_wgsl(file: &str, name: &str) -> (Vec<Member>, usize) {
        let source = Templates::new().unwrap().render(file, &lengths()).unwrap();
        let module = naga::front::wgsl::parse_str(&source).unwrap();
        let (_, found) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
        let TypeInner::Struct { members, span } = &found.inner else { panic!("{name} is no struct") };
        let member = |m: &naga::StructMember| {
            (m.name.clone().unwrap_or_default(), kind_in(&module, m.ty), m.offset as usize)
        };
        (members.iter().map(member).collect(), *span as usize)
    }

    #[test]
    fn the_structs_are_those_of_the_kernels() {
        let same = |name: &str, file: &str, members: Vec<Member>, size: usize| {
            assert_eq!(in_wgsl(file, name), (members, size), "{name} here (right) and in {file} (left)");
        };
        let members = members!(
            State: length, cursor, drafted, point_mass, lookup, model, limit, epoch, seed, halted, read, own
        );
        same("State", "state.wgsl", members, size_of::<State>());
        same("Pass", "pass.wgsl", members!(Pass: kind, capacity), size_of::<Pass>());
        let members = members!(
            Result: accepted, committed, length, halted, drafted, point_mass, epoch, tokens, overlaps, excess, logprobs
        );
        same("Result", "result.wgsl", members, size_of::<Result>());
        let members = members!(
            Sampling: inverse_temperature, top_k, top_p, min_p, repeat, presence, frequency, window, biases, stops, confidence,
            lenience, stop, bias
        );
        same("Sampling", "sampling.wgsl", members, size_of::<Sampling>());
    }

    #[test]
    fn the_constants_are_those_of_the_kernels() {
        let source = Templates::new().unwrap().render("pass.wgsl", &lengths()).unwrap();
        let module = naga::front::wgsl::parse_str(&source).unwrap();
        let same = |name: &str, expected: u32| {
            let (_, found) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some(name)).unwrap();
            let value = &module.global_expressions[found.init];
            assert_eq!(*value, naga::Expression::Literal(naga::Literal::U32(expected)), "{name}");
        };
        same("FAULT", FAULT);
        let kinds = [Kind::Fill, Kind::Verify, Kind::CatchUp, Kind::Draft];
        for (name, kind) in ["FILLS", "VERIFIES", "CATCHES_UP", "DRAFTS"].into_iter().zip(kinds) {
            same(name, kind as u32);
        }
    }

    #[test]
    fn what_a_round_says_of_its_proposal_is_four_words() {
        let state = State { drafted: 7, point_mass: 1, lookup: 2, model: 3, ..Zeroable::zeroed() };
        assert_eq!(of(&state)[State::PROPOSAL], [7, 1, 2, 3]);
        assert_eq!(read::<State>(of(&state)), state);
    }
}
