//! What may be asked of an engine.

use super::{DeviceDrafter, Engine, Error, Proposal, Rules};
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

/// A proposal that the engine can verify behind its context, cut to what there is room for.
///
/// # Errors
/// [`Error::EmptyPrompt`] and [`Error::PromptTooLong`] where no round can follow the context; [`Error::NoDraft`];
/// [`Error::ProposalTree`]: no backend verifies branches.
pub fn admit(engine: &impl Engine, mut proposal: Proposal) -> Result<Proposal, Error> {
    let (length, capacity) = (engine.len(), engine.capacity());
    if length == 0 {
        return Err(Error::EmptyPrompt);
    }
    if length >= capacity {
        return Err(Error::PromptTooLong { tokens: length, capacity });
    }
    match &proposal {
        Proposal::Tokens(tree) if !tree.is_chain() => return Err(Error::ProposalTree),
        Proposal::Device { drafter: DeviceDrafter::Model, .. } => check_draft(engine)?,
        Proposal::Tokens(_) => {}
    }
    proposal.truncate((capacity - length - 1).min(engine.max_proposal()));
    Ok(proposal)
}
