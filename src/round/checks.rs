//! What may be asked of an engine.

use super::{Engine, Error, Proposal, Rules};
use crate::model::Taps;
use crate::sampling::MAX_STOPS;

/// A prompt that leaves room for a token of an answer, of ids that the target reads.
///
/// # Errors
/// [`Error::EmptyPrompt`], [`Error::PromptTooLong`], [`Error::TokenRange`].
pub fn check_prompt(engine: &impl Engine, prompt: &[u32]) -> Result<(), Error> {
    let (capacity, vocab) = (engine.capacity(), engine.config().vocab);
    if prompt.is_empty() {
        return Err(Error::EmptyPrompt);
    }
    if prompt.len() >= capacity {
        return Err(Error::PromptTooLong { tokens: prompt.len(), capacity });
    }
    match prompt.iter().find(|&&id| id as usize >= vocab) {
        Some(&id) => Err(Error::TokenRange { id, vocab }),
        None => Ok(()),
    }
}

/// A context that can grow by `more` tokens.
///
/// # Errors
/// [`Error::PromptTooLong`].
pub fn check_growth(engine: &impl Engine, more: usize) -> Result<(), Error> {
    let (tokens, capacity) = (engine.len() + more, engine.capacity());
    if tokens > capacity { Err(Error::PromptTooLong { tokens, capacity }) } else { Ok(()) }
}

/// A loaded draft model, for a drafter that needs one.
///
/// # Errors
/// [`Error::NoDraft`].
pub fn check_draft(engine: &impl Engine) -> Result<(), Error> {
    if engine.has_draft() { Ok(()) } else { Err(Error::NoDraft) }
}

/// A loaded draft model, as its target must know it.
pub struct Fit<'a> {
    /// Whether what it shares with a target, if anything, is of the engine's own, and on its device.
    pub shares: bool,
    /// One more than the greatest id that it says.
    pub says: usize,
    /// What it reads of its target's states.
    pub taps: Option<&'a Taps>,
    /// Positions that it can read.
    pub positions: usize,
}

/// A loaded draft model that can propose for the engine's target.
///
/// # Errors
/// [`Error::DraftMismatch`].
pub fn check_fit(engine: &impl Engine, draft: &Fit<'_>) -> Result<(), Error> {
    let (config, capacity) = (engine.config(), engine.capacity());
    let (width, layers) = (config.width, config.plan.layers.len());
    let &Fit { shares, says, taps, positions } = draft;
    let why = match taps {
        Some(taps) if taps.layer_width() != width => {
            format!("it was made for a target of width {}, this one has {width}", taps.layer_width())
        }
        Some(taps) if taps.layers().last().is_some_and(|last| *last >= layers) => {
            format!("it reads the target's layers {:?}, and the target has {layers}", taps.layers())
        }
        _ if says > config.vocab => {
            format!("it says {says} token ids, and the target reads {}", config.vocab)
        }
        _ if positions < capacity => {
            format!("it was loaded for a context of {positions} tokens, not of {capacity}")
        }
        _ if !shares => "it was loaded for another one".into(),
        _ => return Ok(()),
    };
    Err(Error::DraftMismatch(why))
}

/// Rules that mean something, and that the engine can follow.
///
/// # Errors
/// [`Error::TooManyStops`], [`Error::Sampling`], [`Error::VerifierKernel`].
pub fn check_rules(engine: &impl Engine, rules: &Rules) -> Result<(), Error> {
    if rules.stop_ids.len() > MAX_STOPS {
        return Err(Error::TooManyStops { stops: rules.stop_ids.len() });
    }
    rules.sampling.validate(engine.config().head_vocab)?;
    if let Some(lenience) = &rules.lenience {
        lenience.validate(rules.sampling.is_greedy())?;
    }
    match rules.spec().filter(|spec| !engine.verifies(spec)) {
        Some(spec) => Err(Error::VerifierKernel { name: spec.name }),
        None => Ok(()),
    }
}

/// Proposals that branch, by these rules.
///
/// # Errors
/// [`Error::ProposalTree`] where the engine verifies chains alone, [`Error::VerifierTree`] where the rules do.
pub fn check_branches(engine: &impl Engine, rules: &Rules) -> Result<(), Error> {
    if !engine.branches() {
        return Err(Error::ProposalTree);
    }
    match (rules.lenience, rules.spec()) {
        (Some(lenience), _) => Err(Error::VerifierTree { name: lenience.kind.name }),
        (None, Some(spec)) if spec.tree.is_none() => Err(Error::VerifierTree { name: spec.name }),
        _ => Ok(()),
    }
}

/// A proposal that the engine can verify behind its context, cut to what there is room for.
///
/// # Errors
/// [`Error::EmptyPrompt`] and [`Error::PromptTooLong`] where no round can follow the context; [`Error::NoDraft`];
/// [`Error::ProposalTree`] where the engine verifies chains alone. Engines that verify branches ask [`check_branches`], too.
pub fn admit(engine: &impl Engine, mut proposal: Proposal) -> Result<Proposal, Error> {
    let (length, capacity) = (engine.len(), engine.capacity());
    if length == 0 {
        return Err(Error::EmptyPrompt);
    }
    if length >= capacity {
        return Err(Error::PromptTooLong { tokens: length, capacity });
    }
    if matches!(proposal, Proposal::Device { model: 1.., .. } | Proposal::Branches(_)) {
        check_draft(engine)?;
    }
    if proposal.branches() && !engine.branches() {
        return Err(Error::ProposalTree);
    }
    proposal.truncate(engine.max_proposal(), capacity - length - 1);
    Ok(proposal)
}
