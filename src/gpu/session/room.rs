//! Room for a text that grows: what is kept of each position comes in pages, which are added between rounds.
//!
//! A buffer cannot grow. So a page more is a larger buffer, a copy of what there was, and the end of the old one; some layers at
//! a time, so that little is there twice. Rounds in flight go on with the old ones, in front of the copy.

use super::ring::MAX_IN_FLIGHT;
use super::{MAX_ROWS, Session};
use crate::gpu::Error;
use crate::gpu::plan::Instead;

/// Positions of a page.
pub(in crate::gpu) const PAGE: usize = 256;
/// Positions that rounds may reach before there is a look at the room again: what can be in flight, and a round more.
const AHEAD: usize = (MAX_IN_FLIGHT + 1) * MAX_ROWS;
/// Bytes that are there twice while a text gets another page, unless a layer alone has more.
const TWICE: u64 = 16 << 20;

impl Session {
    /// Sees to the pages of the first `positions` positions, and of as many more as rounds may reach before this is asked
    /// again, if there is room for those.
    ///
    /// # Errors
    /// [`OutOfMemory`](crate::round::Error::OutOfMemory); what there was is as it was.
    pub(super) async fn reserve(&mut self, positions: usize) -> Result<(), Error> {
        let pages = |positions: usize| positions.div_ceil(PAGE);
        let wanted = pages(positions + AHEAD).min(pages(self.capacity));
        if wanted <= pages(self.positions) {
            return Ok(());
        }
        let grown = self.grow((wanted * PAGE).min(self.capacity)).await;
        if positions <= self.positions { Ok(()) } else { grown }
    }

    async fn grow(&mut self, positions: usize) -> Result<(), Error> {
        let mut growing = self.growing(positions);
        while !growing.is_empty() {
            let mut bytes = 0;
            let fits = |(_, words): &&(wgpu::Buffer, u64)| {
                bytes += words * 4;
                bytes <= TWICE
            };
            let count = growing.iter().take_while(fits).count().max(1);
            self.enlarge(positions, growing.drain(..count).collect()).await?;
        }
        let added = positions.div_ceil(PAGE) - self.positions.div_ceil(PAGE);
        let models = 1 + usize::from(self.draft.is_some());
        self.positions = positions;
        // What the rounds of late have bound is bound again here, not in the next of them.
        let runners = std::iter::once(&mut self.target).chain(&mut self.draft);
        runners.for_each(|runner| runner.bind_again(&self.device));
        self.device.count(|c| c.pages += (added * models) as u64);
        Ok(())
    }

    /// Puts larger buffers in the place of these.
    async fn enlarge(&mut self, positions: usize, old: Vec<(wgpu::Buffer, u64)>) -> Result<(), Error> {
        let words: Vec<u64> = old.iter().map(|(_, words)| *words).collect();
        let new = self.device.page(&words, positions).await?;
        let mut encoder = self.device.encoder();
        for ((old, _), new) in old.iter().zip(&new) {
            encoder.copy_buffer_to_buffer(old, 0, new, 0, old.size());
        }
        // No round's, so it is not counted as one.
        self.device.queue.submit([encoder.finish()]);
        let instead = Instead(old.into_iter().zip(new).map(|((old, _), new)| [old, new]).collect());
        if let Some(hidden) = &mut self.shared.hidden
            && let Some(new) = instead.of(&hidden.buffer)
        {
            hidden.buffer = new.clone();
        }
        for runner in std::iter::once(&mut self.target).chain(&mut self.draft) {
            runner.exchange(&instead);
        }
        instead.0.iter().for_each(|[old, _]| old.destroy());
        Ok(())
    }

    /// What is too small for `positions` positions, and the words that it needs.
    fn growing(&self, positions: usize) -> Vec<(wgpu::Buffer, u64)> {
        let runners = std::iter::once(&self.target).chain(&self.draft);
        let paged = runners.flat_map(|runner| runner.paged(positions));
        let hidden = self.shared.hidden.iter().map(|hidden| (&hidden.buffer, hidden.words(positions)));
        let all = paged.chain(hidden).filter(|(buffer, words)| buffer.size() < words * 4);
        all.map(|(buffer, words)| (buffer.clone(), words)).collect()
    }
}
