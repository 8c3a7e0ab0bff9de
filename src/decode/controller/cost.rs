//! What rounds cost: measured, or guessed from what was.
//!
//! A round's time is its work on the device, from timestamps where they are fine enough, and what the host takes beyond
//! that. The second hardly depends on the round's length, so one average of it serves all lengths. Without timestamps the
//! work is the interval between two collected rounds. A round that nothing was in front of takes longer: the device waited.

use serde::{Deserialize, Serialize};

use super::Source;

/// Lengths that are tried: a verify pass then has a row count that there is a plan for.
pub(super) const LENGTHS: [usize; 7] = [1, 2, 3, 5, 7, 11, 15];
/// What a proposed token is thought to cost before any was measured, in plain rounds: one looked up, and one drafted.
const GUESS: [f64; 2] = [0.12, 0.25];
/// Weight of a new measurement, once there are some.
const NEW: f64 = 0.12;
/// The same of what a round takes beyond its work, which chance makes more of.
const NEW_BEYOND: f64 = 0.04;
/// A measurement counts as at most so many times what was expected: the machine had something else to do.
const OUTLIER: f64 = 2.5;
/// Plain rounds whose time must be known before anything is compared with it.
const WARM_UP: f64 = 3.0;
/// Rounds of a generation that tell how fast the machine is today, rather than what one length costs.
const SCALING: usize = 4;
/// How many measurements what the engine says of its latency is worth: one alone is chance.
const TOLD: f64 = 4.0;
/// A timestamp is fine enough where a round takes so many of its steps.
const STEPS: f64 = 8.0;
/// The steps of rounded timestamps.
const ROUNDED: f64 = 0.1;
/// What a round takes at least, however little of it the clock sees: those of browsers step by a tenth of a millisecond.
const LEAST: f64 = 1e-3;

/// An average that follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Average {
    value: f64,
    count: f64,
}

impl Average {
    fn get(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.value)
    }

    fn add(&mut self, value: f64) {
        self.add_slowly(value, NEW);
    }

    /// As [`add`](Self::add), where a new measurement never weighs less than `least`.
    fn add_slowly(&mut self, value: f64, least: f64) {
        self.value += (value - self.value) * (1.0 / (self.count + 1.0)).max(least);
        self.count = (self.count + 1.0).min(1e3);
    }

    /// As [`add`](Self::add), where `expected` was to be expected.
    fn add_near(&mut self, value: f64, expected: f64) {
        self.add(value.min(expected * OUTLIER));
    }

    fn is_sound(&self) -> bool {
        (-1e7..1e7).contains(&self.value) && (0.0..=1e3).contains(&self.count)
    }
}

/// What is known of a source's rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Work {
    /// By the index of the length in [`LENGTHS`].
    lengths: [Average; LENGTHS.len()],
    /// What they take beyond that.
    beyond: Average,
}

impl Work {
    /// The work of a round of `length` proposals on the line through its measured neighbours, `plain` being one of none.
    fn at(&self, length: usize, plain: f64, guess: f64) -> f64 {
        let known = || {
            let measured = LENGTHS.into_iter().zip(self.lengths).filter_map(|(n, ms)| Some((n, ms.get()?)));
            std::iter::once((0, plain)).chain(measured)
        };
        let below = known().take_while(|(n, _)| *n <= length).last().unwrap_or((0, plain));
        let above = known().find(|(n, _)| *n > length);
        let slope = match (above, known().last()) {
            (Some(above), _) => (above.1 - below.1) / (above.0 - below.0) as f64,
            (None, Some((n, ms))) if n > 0 => ((ms - plain) / n as f64).max(0.02 * plain),
            _ => guess * plain,
        };
        (below.1 + slope * (length - below.0) as f64).max(plain)
    }
}

/// A collected round.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct Sample {
    pub source: Source,
    /// Proposed tokens.
    pub length: usize,
    /// Since the round in front of it was collected, or since it was submitted.
    pub interval: f64,
    /// What the device says of its work; 0 where it says nothing.
    pub work: f64,
    /// Whether rounds are usually in flight, and none was when this was submitted.
    pub alone: bool,
}

/// What rounds cost, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Costs {
    plain: Average,
    beyond: Average,
    sources: [Work; 2],
    /// How much longer a round takes that was alone.
    alone: Average,
    /// Whether the device's timestamps are good for nothing.
    coarse: bool,
    /// Rounds of this generation.
    #[serde(skip)]
    seen: usize,
}

impl Costs {
    /// For a new generation, whose texts are longer or shorter.
    pub(super) fn restart(&mut self) {
        self.seen = 0;
    }

    /// Forgets what rounds of `source` cost.
    pub(super) fn forget(&mut self, source: Source) {
        if let Some(i) = source.index() {
            self.sources[i] = Work::default();
        }
    }

    /// A plain round's time among others, once it is known.
    pub(super) fn plain(&self) -> Option<f64> {
        (self.plain.count >= WARM_UP).then(|| self.ms(Source::Plain, 0))
    }

    /// The same from the first measurement on.
    pub(super) fn first_guess(&self) -> Option<f64> {
        self.plain.get().map(|_| self.ms(Source::Plain, 0))
    }

    /// How much longer a round takes that is submitted to an idle device, where the device says `latency`.
    pub(super) fn alone(&self, latency: f64) -> f64 {
        let Average { value, count } = self.alone;
        (latency * TOLD + value * count) / (TOLD + count)
    }

    /// The time of a round of `length` proposals of `source` among others.
    pub(super) fn ms(&self, source: Source, length: usize) -> f64 {
        // What a source's rounds take beyond their work is never thought of as less than what plain ones do: that is chance.
        let own = source.index().filter(|_| length > 0).map_or(0.0, |i| self.sources[i].beyond.value);
        self.work(source, length) + self.beyond.value.max(own).max(0.0)
    }

    /// Its work.
    fn work(&self, source: Source, length: usize) -> f64 {
        match source.index() {
            Some(i) if length > 0 => self.sources[i].at(length, self.plain.value, GUESS[i]),
            _ => self.plain.value,
        }
    }

    /// Adds a round; says its time in plain rounds, without what chance made of it, once those are known.
    pub(super) fn add(&mut self, sample: Sample, latency: f64) -> Option<f64> {
        let sample = Sample { interval: sample.interval.max(LEAST), ..sample };
        let Sample { source, length, interval, alone, .. } = sample;
        let known = self.plain.count >= WARM_UP;
        let expected = self.ms(source, length) + if alone { self.alone(latency) } else { 0.0 };
        let stamped = self.is_stamped(sample);
        let work = if stamped { sample.work } else { self.unstamped(sample, latency) };
        self.seen += 1;
        if known && self.seen <= SCALING && (stamped || !alone) {
            let usual = self.work(source, length);
            self.scale((work / usual).clamp(1.0 / OUTLIER, OUTLIER));
        }
        let plain = self.plain.get().unwrap_or(work);
        match source.index().filter(|_| length > 0) {
            None if alone && !stamped && known => {}
            None => self.plain.add_near(work, plain),
            Some(i) => {
                let usual = self.work(source, length);
                let near = LENGTHS.iter().position(|n| *n >= length).unwrap_or(LENGTHS.len() - 1);
                self.sources[i].lengths[near].add_near(work, usual);
            }
        }
        if alone && known {
            let more = interval - self.ms(source, length);
            let near = OUTLIER * self.alone(latency).max(0.2 * plain);
            self.alone.add_slowly(more.clamp(0.0, near), NEW_BEYOND);
        } else if !alone && stamped {
            // Results come early or late; what one is late the next is early, so this must not be cut at 0.
            let beyond = (interval - work).clamp(-plain, plain);
            let of = source
                .index()
                .filter(|_| length > 0)
                .map_or(&mut self.beyond, |i| &mut self.sources[i].beyond);
            of.add_slowly(beyond, NEW_BEYOND);
        }
        known.then(|| match stamped {
            true => (work + self.more(source, alone, latency)) / self.plain.value,
            false => interval.min(OUTLIER * expected) / self.ms(Source::Plain, 0),
        })
    }

    /// What a round takes beyond its work and what plain rounds take beyond theirs. The averages say it: one round's is chance.
    fn more(&self, source: Source, alone: bool, latency: f64) -> f64 {
        let own = source.index().map_or(0.0, |i| self.sources[i].beyond.value - self.beyond.value);
        own.max(0.0) + if alone { self.alone(latency) } else { 0.0 }
    }

    /// A round's work where the device does not say it.
    fn unstamped(&self, sample: Sample, latency: f64) -> f64 {
        let waited = if sample.alone { self.alone(latency) } else { 0.0 };
        (sample.interval - waited).max(0.5 * sample.interval)
    }

    /// Whether the device says what a round took, and finely enough: what it says of plain rounds decides.
    fn is_stamped(&mut self, Sample { source, work, .. }: Sample) -> bool {
        if source == Source::Plain {
            let rounded = ((work / ROUNDED).round() * ROUNDED - work).abs() < 1e-9;
            self.coarse = work <= 0.0 || rounded && work < STEPS * ROUNDED;
        }
        !self.coarse && work > 0.0
    }

    /// The machine is faster or slower than it was: so are all rounds.
    fn scale(&mut self, ratio: f64) {
        let by = 1.0 + (ratio - 1.0) / (self.seen as f64 + 1.0);
        let works = self.sources.iter_mut().flat_map(|work| &mut work.lengths);
        std::iter::once(&mut self.plain).chain(works).for_each(|average| average.value *= by);
    }

    pub(super) fn is_sound(&self) -> bool {
        let works = self.sources.iter().flat_map(|work| work.lengths.iter().chain([&work.beyond]));
        [&self.plain, &self.beyond, &self.alone].into_iter().chain(works).all(Average::is_sound)
    }
}
