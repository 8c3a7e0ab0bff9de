//! Who proposes in a round, and how much: what brings the most tokens a millisecond (`docs/algorithms.md`: how long a proposal
//! pays), from what rounds have cost and how much of them was accepted.
//!
//! Every source is judged by itself, against plain decoding at its best. One that loses time is paused, and tried again now
//! and then; what it may lose is on a budget. A lookup on the host needs the whole context, so rounds in flight must end
//! first and the device waits: that counts as its cost. One on the device has no such cost. What it would have said is compared with what the target says
//! whether it is used or not, so it need not be tried to be known.

mod acceptance;
mod budget;
mod cost;
mod depth;
mod knowledge;
#[cfg(test)]
mod tests;

use acceptance::{ByDepth, ByMatch};
use budget::Budget;
pub(super) use cost::Sample;
use cost::{Costs, LENGTHS};
pub use knowledge::Knowledge;

use super::plan::{Paused, Plan, Promise, SourcePlan};

/// How long proposals are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gamma {
    /// What the drafter says.
    #[default]
    Default,
    /// This many tokens.
    Fixed(usize),
    /// What pays best here and now, and who proposes it. It depends on timings: the text does not at temperature 0, but
    /// above it the same seed then gives another sample of the same law (see
    /// [`Options::reproducible`](super::Options::reproducible)).
    Auto,
}

/// Who proposed in a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// Nobody.
    #[default]
    Plain,
    /// The host, from the context.
    Lookup,
    /// The draft model.
    Draft,
}

impl Source {
    /// Its place among those that propose.
    fn index(self) -> Option<usize> {
        match self {
            Self::Plain => None,
            Self::Lookup => Some(0),
            Self::Draft => Some(1),
        }
    }
}

/// What a round is chosen for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Rounds in flight.
    pub behind: usize,
    /// Most of them at a time.
    pub depth: usize,
    /// Tokens that can be proposed.
    pub room: usize,
    /// Tokens that a lookup found behind the known context: as many as the match is long.
    pub found: usize,
    /// Whether the host must know the whole context to look up, so that no round may be in flight then.
    pub on_host: bool,
    /// Whether there is a draft to ask.
    pub draft: bool,
    /// What a result takes to the host, as the engine says.
    pub latency: f64,
}

/// What to do in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Propose so many tokens of this source.
    Propose(Source, usize),
    /// Let the rounds in flight end: what the host found is worth it.
    Wait,
}

/// Nothing is proposed.
const PLAIN: Choice = Choice::Propose(Source::Plain, 0);

/// What a source must promise to be taken up, and to be kept.
const WORTH: f64 = 1.03;
const STILL_WORTH: f64 = 1.01;
/// Share of the tokens that a lookup knew from which on the device is asked whatever the host knows, and for how many.
const OFTEN: f64 = 0.15;
const BLIND: usize = 3;
/// Speculative rounds after which a plain one shows again what plain rounds cost: first, and later.
const REFRESH: [usize; 2] = [12, 64];
/// Rounds of a draft that is tried again, and tokens until then: twice as many every time that it fails.
const TRY: usize = 5;
const RETRY: usize = 24;
const RETRY_MOST: usize = 384;

/// Chooses the rounds of a generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Controller {
    costs: Costs,
    draft: ByDepth,
    lookup: ByMatch,
    /// What follows is of this generation.
    plan: Plan,
    budgets: [Budget; 2],
    generated: usize,
    /// The last round submitted, and its length.
    last: (Source, usize),
    /// The source of the last round collected.
    observed: Source,
    /// Speculative rounds since the last plain one, and plain ones at all.
    speculated: usize,
    refreshed: usize,
    /// Rounds left of trying the draft again, tokens before that, and how long the next pause is.
    trying: usize,
    retry_at: usize,
    pause: usize,
    /// Whether a round was ever collected: the first pays for what is made once.
    began: bool,
}

impl Controller {
    /// Forgets what the draft model's rounds were like: it is another one now.
    pub(super) fn forget_draft(&mut self) {
        self.draft = ByDepth::default();
        self.costs.forget(Source::Draft);
    }

    /// One for a new generation, with lookups or a draft or both. What `self` knows of rounds stays known.
    pub(super) fn restart(&mut self, lookup: bool, draft: bool) {
        let (mut costs, mut by_depth, mut by_match) = (self.costs, self.draft, self.lookup);
        costs.restart();
        by_depth.restart();
        by_match.restart();
        let plan = Plan {
            lookup: lookup.then(SourcePlan::default),
            draft: draft.then(SourcePlan::default),
            ..Plan::default()
        };
        let began = self.began;
        *self =
            Self { costs, draft: by_depth, lookup: by_match, plan, pause: RETRY, began, ..Self::default() };
    }

    /// What is worth keeping for the next load.
    pub(super) fn knowledge(&self) -> Knowledge {
        Knowledge::new(self.costs, self.draft, self.lookup)
    }

    /// Takes up what an earlier load knew.
    pub(super) fn recall(&mut self, knowledge: &Knowledge) {
        if let Some((costs, draft, lookup)) = knowledge.parts() {
            (self.costs, self.draft, self.lookup) = (costs, draft, lookup);
        }
    }

    /// What the sources promised, cost and brought.
    pub(super) fn plan(&self) -> Plan {
        self.plan
    }

    /// What to do now.
    pub(super) fn choose(&mut self, moment: &Moment) -> Choice {
        let Some(plain) = self.costs.plain() else { return PLAIN };
        self.plan.plain.promise = Some(Promise { gamma: 0, tokens: 1.0, ms: plain, speed: 1.0 });
        let lookup = self.look_up(moment, plain);
        let refresh = REFRESH[usize::from(self.refreshed > 0)];
        if moment.room == 0 || self.speculated >= refresh && lookup != Some(Choice::Wait) {
            return PLAIN;
        }
        lookup.unwrap_or_else(|| self.propose(moment, plain))
    }

    /// The draft or nobody.
    fn propose(&mut self, moment: &Moment, plain: f64) -> Choice {
        let Some(promise) = self.draft_promise(moment, plain) else { return PLAIN };
        let worth = if self.last.0 == Source::Draft { STILL_WORTH } else { WORTH };
        let budget = self.budgets[1];
        let paused = if promise.speed < worth {
            Some(Paused::Promise)
        } else {
            (!budget.allows(self.generated)).then_some(Paused::Losses)
        };
        match self.plan.draft.map(|plan| plan.paused) {
            Some(None) if paused.is_some() => self.retry_at = self.generated + self.pause,
            _ if paused.is_none() && budget.has_won() => self.pause = RETRY,
            _ => {}
        }
        let tries = self.trying > 0 || self.generated >= self.retry_at;
        let used = paused.is_none() || tries && budget.allows_trying(self.generated);
        if let Some(plan) = &mut self.plan.draft {
            (plan.promise, plan.paused) = (Some(promise), paused);
        }
        if used { Choice::Propose(Source::Draft, promise.gamma) } else { PLAIN }
    }

    /// The length at which the draft promises most.
    fn draft_promise(&self, moment: &Moment, plain: f64) -> Option<Promise> {
        let lengths = LENGTHS.into_iter().filter(|n| moment.draft && *n <= moment.room);
        let promises = lengths.map(|gamma| {
            let (tokens, ms) = (self.draft.tokens(gamma), self.costs.ms(Source::Draft, gamma));
            Promise { gamma, tokens, ms, speed: tokens * plain / ms }
        });
        promises.max_by(|a, b| a.speed.total_cmp(&b.speed))
    }

    /// Whether to propose what was found, or to wait until it can be.
    fn look_up(&mut self, moment: &Moment, plain: f64) -> Option<Choice> {
        let &Moment { behind, depth, room, found, on_host, latency, .. } = moment;
        if found == 0 || room == 0 {
            // What the device finds in the tokens that are not known here is worth asking for where much was found.
            let blind = behind > 0 && room > 0 && !on_host && self.lookup.share() > OFTEN;
            return blind.then_some(Choice::Propose(Source::Lookup, BLIND.min(room)));
        }
        // The device waits before such a round, and once more when rounds are in flight again.
        let alone = if depth > 1 && on_host { self.costs.alone(latency) } else { 0.0 };
        let length = found + self.ahead(behind);
        let waits = if self.last.0 == Source::Lookup { alone } else { 2.0 * alone };
        let lengths = LENGTHS.into_iter().chain([length]).filter(|n| *n <= length.min(room));
        let promises = lengths.map(|gamma| {
            let (tokens, ms) =
                (self.lookup.tokens(length, gamma), self.costs.ms(Source::Lookup, gamma) + waits);
            Promise { gamma, tokens, ms, speed: tokens * plain / ms }
        });
        let promise = promises.max_by(|a, b| a.speed.total_cmp(&b.speed))?;
        let other = self.draft_promise(moment, plain).map_or(1.0, |draft| draft.speed.max(1.0));
        // What rounds in flight may end: then the wait was for nothing.
        let sure = if behind > 0 { self.lookup.all(found, self.ahead(behind)) } else { 1.0 };
        let gain = promise.tokens - promise.ms / plain * other;
        let worth = sure * gain - (1.0 - sure) * alone / plain * other > (WORTH - 1.0) * promise.tokens;
        let paused = if worth {
            (!self.budgets[0].allows(self.generated)).then_some(Paused::Losses)
        } else {
            Some(Paused::Promise)
        };
        if let Some(plan) = &mut self.plan.lookup {
            (plan.promise, plan.paused) = (Some(promise), paused);
        }
        let choice =
            if behind > 0 && on_host { Choice::Wait } else { Choice::Propose(Source::Lookup, promise.gamma) };
        paused.is_none().then_some(choice)
    }

    /// Tokens to ask the draft for where a lookup finds nothing: none while it is paused.
    pub(super) fn beside(&self) -> usize {
        let used = self.plan.draft.filter(|plan| plan.paused.is_none());
        used.and_then(|plan| plan.promise).map_or(0, |promise| promise.gamma)
    }

    /// Tokens that the rounds in flight will have committed, if what was found goes on.
    fn ahead(&self, behind: usize) -> usize {
        match self.last {
            _ if behind == 0 => 0,
            (Source::Lookup, length) => length + 1,
            (Source::Draft, _) => 2 * behind,
            (Source::Plain, _) => behind,
        }
    }

    /// A round was submitted.
    pub(super) fn begin(&mut self, source: Source, length: usize) {
        self.last = (source, length);
        if source == Source::Plain {
            self.refreshed += usize::from(self.speculated > 0);
            self.speculated = 0;
            return;
        }
        self.speculated += 1;
        if source == Source::Draft && self.trying > 0 {
            self.trying -= 1;
            if self.trying == 0 {
                self.retry_at = self.generated + self.pause;
                self.pause = (2 * self.pause).min(RETRY_MOST);
            }
        } else if source == Source::Draft && self.plan.draft.is_some_and(|plan| plan.paused.is_some()) {
            self.trying = TRY - 1;
            self.draft.doubt();
        }
    }

    /// What the host found behind the context as it was, as many tokens as the match is long, and what came there.
    pub(super) fn compare(&mut self, found: &[u32], came: &[u32]) {
        self.lookup.note(!found.is_empty() && found.first() == came.first());
        for (i, (found_id, came_id)) in found.iter().zip(came).enumerate() {
            self.lookup.observe(found.len() + i, found_id == came_id);
            if found_id != came_id {
                break;
            }
        }
    }

    /// A round that nothing is to be learnt from, such as one of a tree: it only counts.
    pub(super) fn count(&mut self, source: Source, tokens: usize, interval: f64) {
        self.generated += tokens;
        let plan = match source {
            Source::Plain => Some(&mut self.plan.plain),
            Source::Lookup => self.plan.lookup.as_mut(),
            Source::Draft => self.plan.draft.as_mut(),
        };
        plan.into_iter().for_each(|plan| plan.add(tokens, interval));
    }

    /// What a round cost and brought: `kept` are the chances with which its proposed tokens were kept, as far as they were
    /// tested, `tokens` those that it committed.
    pub(super) fn observe(&mut self, sample: Sample, tokens: usize, kept: &[f64], latency: f64) {
        let Sample { source, .. } = sample;
        let before = std::mem::replace(&mut self.observed, source);
        self.count(source, tokens, sample.interval);
        if source == Source::Draft {
            self.draft.observe(kept);
        }
        if !std::mem::replace(&mut self.began, true) {
            return;
        }
        let Some(cost) = self.costs.add(sample, latency) else { return };
        match source.index() {
            Some(i) => self.budgets[i].add(tokens as f64, cost),
            // The device waited because the host had looked something up.
            None if sample.alone && before == Source::Lookup => {
                self.budgets[0].add(0.0, (cost - 1.0).max(0.0))
            }
            None => {}
        }
    }

    /// Rounds to keep in flight, so that the device never waits for a result that takes `latency_ms` to the host.
    pub(super) fn depth(&self, latency_ms: f64, most: usize) -> usize {
        depth::rounds(self.costs.alone(latency_ms).max(latency_ms), self.costs.first_guess(), most)
    }
}
