//! An engine that waits once before and once after each piece of work, so that a generation can be dropped there.

use paceline::model::Config;
use paceline::round::{Counters, Engine, EngineInfo, MemoryUse, Outcome, Proposal, Rules};
use paceline::verify;

/// Waits at every await.
pub struct Slow<E>(pub E);

/// Pending once.
pub async fn wait() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// `work`, with a wait on either side.
async fn slowly<T>(work: impl Future<Output = T>) -> T {
    wait().await;
    let done = work.await;
    wait().await;
    done
}

impl<E: Engine> Engine for Slow<E> {
    type Error = E::Error;
    type Draft = E::Draft;

    fn info(&self) -> EngineInfo {
        self.0.info()
    }

    fn config(&self) -> &Config {
        self.0.config()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn max_proposal(&self) -> usize {
        self.0.max_proposal()
    }

    fn has_draft(&self) -> bool {
        self.0.has_draft()
    }

    fn verifies(&self, verifier: &verify::Spec) -> bool {
        self.0.verifies(verifier)
    }

    fn counters(&self) -> Counters {
        self.0.counters()
    }

    fn memory(&self) -> MemoryUse {
        self.0.memory()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn max_in_flight(&self) -> usize {
        self.0.max_in_flight()
    }

    fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    async fn truncate(&mut self, len: usize) -> Result<(), E::Error> {
        slowly(self.0.truncate(len)).await
    }

    async fn append(&mut self, tokens: &[u32]) -> Result<(), E::Error> {
        slowly(self.0.append(tokens)).await
    }

    fn begin(&mut self, rules: &Rules, limit: usize) -> Result<(), E::Error> {
        self.0.begin(rules, limit)
    }

    async fn replace_draft(&mut self, draft: E::Draft) -> Result<(), E::Error> {
        slowly(self.0.replace_draft(draft)).await
    }

    fn ready(&self, proposal: &Proposal) -> bool {
        self.0.ready(proposal)
    }

    fn submit(&mut self, proposal: Proposal) -> Result<(), E::Error> {
        self.0.submit(proposal)
    }

    async fn collect(&mut self) -> Result<Outcome, E::Error> {
        slowly(self.0.collect()).await
    }
}
