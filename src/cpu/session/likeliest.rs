//! Trees of the likeliest paths (EAGLE-2, arXiv 2406.16858): the draft reads those of its nodes on that may still have children among
//! them, level by level, and the likeliest are put to the test.
//!
//! A path is as likely as the product of what the draft gives to its tokens. A child is never likelier than its parent, so the
//! likeliest nodes are a tree, and a node that is not among the likeliest so far never has a child among them. Which nodes
//! there are follows from the context alone: nobody draws them, and each counts as certain (`docs/algorithms.md`).

use std::rc::Rc;

use super::drafted::{Drafted, said_behind};
use super::{DraftReader, TargetReader};
use crate::cpu::{Draft, Logits, Model};
use crate::round::{MAX_ROWS, Rules, Source, Tree};
use crate::sampling::most_likely;

/// A node that may be proposed.
struct Node {
    parent: Option<usize>,
    token: u32,
    level: usize,
    /// The log of its path's probability.
    likely: f64,
    /// Which of the draft's own nodes it is, once the draft has read it.
    read: Option<usize>,
}

/// At most `nodes` of them, of paths of at most `levels`.
pub(super) fn likeliest(
    draft: &mut DraftReader<Rc<Draft>>,
    target: &TargetReader<Rc<Model>>,
    context: &[u32],
    rules: &Rules,
    [nodes, levels]: [usize; 2],
) -> Drafted {
    let vocab = target.model().config().vocab;
    let mut grown: Vec<Node> = Vec::new();
    // The nodes that the draft reads, in that order.
    let mut reads = Tree::default();
    // Those whose children come next, at first the context.
    let mut fringe: Vec<Option<usize>> = vec![None];
    for level in 0..levels {
        let logits = match level {
            0 => draft.catch_up(context, target.states(), Logits::Last),
            _ => draft.draft_nodes(&reads, reads.len() - fringe.len()..reads.len(), context.len()),
        };
        let width = draft.draft().config().head_vocab;
        for (&parent, logits) in fringe.iter().zip(logits.chunks_exact(width)) {
            let own = draft.draft();
            let found = match rules.sampling.adjusts() {
                true => {
                    let read = parent.and_then(|parent| grown[parent].read);
                    let history = [context, &reads.said(read.map_or(0, |read| read + 1))].concat();
                    children(&said_behind(own, logits, vocab, &history, &rules.sampling), nodes, rules)
                }
                false => {
                    let found = children(logits, nodes, rules).into_iter();
                    found.map(|(id, likely)| (own.target_id(id), likely)).collect()
                }
            };
            let before = parent.map_or(0.0, |parent| grown[parent].likely);
            grown.extend(found.into_iter().map(|(token, likely)| {
                let likely = before + likely;
                Node { parent, token, level, likely, read: None }
            }));
        }
        let mut best: Vec<usize> = chosen(&grown, nodes);
        best.retain(|node| grown[*node].level == level);
        best.truncate(MAX_ROWS - 1 - reads.len());
        best.sort_unstable();
        if best.is_empty() || level + 1 == levels {
            break;
        }
        for &node in &best {
            let parent = grown[node].parent.and_then(|parent| grown[parent].read);
            grown[node].read = Some(reads.push(parent, grown[node].token));
        }
        fringe = best.into_iter().map(Some).collect();
    }
    proposed(&grown, chosen(&grown, nodes))
}

/// The `count` likeliest nodes, the likeliest first; of equally likely ones those that were grown first, so parents before children.
fn chosen(grown: &[Node], count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..grown.len()).collect();
    all.sort_by(|a, b| grown[*b].likely.total_cmp(&grown[*a].likely).then(a.cmp(b)));
    all.truncate(count);
    all
}

/// What may follow a row, and the log of its probability there: nothing where the draft is not sure enough.
fn children(logits: &[f32], count: usize, rules: &Rules) -> Vec<(u32, f64)> {
    let temperature = if rules.sampling.is_greedy() { 1.0 } else { rules.sampling.temperature };
    let best = most_likely(logits, count);
    let top = best.first().map_or(0.0, |id| logits[*id as usize]);
    let scaled = |logit: f32| (logit - top) / temperature;
    let mass: f64 = logits.iter().map(|logit| f64::from(scaled(*logit).exp())).sum();
    if 1.0 / mass < f64::from(rules.confidence) {
        return Vec::new();
    }
    let told = best.into_iter().map(|id| (id, f64::from(scaled(logits[id as usize])) - mass.ln()));
    // What has no probability is not worth a row.
    told.filter(|(_, likely)| likely.exp() > 0.0).collect()
}

/// The proposal of these nodes.
fn proposed(grown: &[Node], mut nodes: Vec<usize>) -> Drafted {
    // Parents were grown before their children.
    nodes.sort_unstable();
    let mut drafted = Drafted::found(Tree::default(), Source::Model);
    let mut places = vec![None; grown.len()];
    for node in nodes {
        let Node { parent, token, read, .. } = grown[node];
        places[node] = Some(drafted.tree.push(parent.and_then(|parent| places[parent]), token));
        drafted.reads.push(read);
    }
    drafted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::Stream;
    use crate::model::{self, tiny::Tiny};
    use crate::sampling::Sampling;

    const CAPACITY: usize = 64;

    async fn pair() -> (TargetReader<Rc<Model>>, Rc<Draft>) {
        let [target, draft] = [3, 2].map(|layers| Tiny { layers, vocab: 24, ..Tiny::default() }.gguf());
        let mut stream = Stream::open(&target[..]).await.unwrap();
        let description = model::Model::describe(stream.header()).unwrap();
        let target = Model::load(&mut stream, &description, CAPACITY).await.unwrap();
        let mut stream = Stream::open(&draft[..]).await.unwrap();
        let description = model::Draft::describe(stream.header(), &description.config).unwrap();
        let draft = Draft::load(&mut stream, &description, &target, CAPACITY).await.unwrap();
        (TargetReader::new(Rc::new(target), CAPACITY, None), Rc::new(draft))
    }

    fn rules(temperature: f32, confidence: f32) -> Rules {
        Rules { sampling: Sampling { temperature, ..Sampling::default() }, confidence, ..Rules::default() }
    }

    /// All paths of at most two tokens, each with the log of its probability, the likeliest first.
    fn paths(draft: &Rc<Draft>, context: &[u32], rules: &Rules) -> Vec<(Vec<u32>, f64)> {
        let behind = |said: &[u32]| {
            let text = [context, said].concat();
            let logits = DraftReader::new(Rc::clone(draft), CAPACITY).catch_up(&text, None, Logits::Last);
            children(&logits, logits.len(), rules)
        };
        let mut paths = Vec::new();
        for (first, likely) in behind(&[]) {
            paths.push((vec![first], likely));
            paths.extend(behind(&[first]).into_iter().map(|(id, then)| (vec![first, id], likely + then)));
        }
        paths.sort_by(|a, b| b.1.total_cmp(&a.1));
        paths
    }

    #[test]
    fn no_path_that_is_left_out_is_likelier() {
        pollster::block_on(async {
            let (target, draft) = pair().await;
            let mut levels = [0; 2];
            for (case, temperature) in [1.0, 0.2, 0.05, 0.02, 0.0].into_iter().enumerate() {
                let context: Vec<u32> = (0..9).map(|i| (7 * i + case as u32) % 24).collect();
                let rules = rules(temperature, 0.0);
                let expected = paths(&draft, &context, &rules);
                for nodes in [1, 2, 7, 15] {
                    let mut reader = DraftReader::new(Rc::clone(&draft), CAPACITY);
                    let Drafted { tree, rows, reads, .. } =
                        likeliest(&mut reader, &target, &context, &rules, [nodes, 2]);
                    assert!(rows.is_empty() && reads.len() == tree.len(), "nobody drew them");
                    let mut said: Vec<Vec<u32>> = (1..=tree.len()).map(|row| tree.said(row)).collect();
                    let mut best: Vec<Vec<u32>> =
                        expected.iter().take(nodes).map(|(path, _)| path.clone()).collect();
                    said.sort();
                    best.sort();
                    assert_eq!(said, best, "{nodes} at {temperature}");
                    levels[tree.levels() - 1] += 1;
                }
            }
            assert!(levels.iter().all(|count| *count > 2), "{levels:?}");
        });
    }

    #[test]
    fn an_unsure_draft_says_nothing() {
        pollster::block_on(async {
            let (target, draft) = pair().await;
            for (confidence, says) in [(0.0, true), (1.0, false)] {
                let mut reader = DraftReader::new(Rc::clone(&draft), CAPACITY);
                let drafted = likeliest(&mut reader, &target, &[1, 2, 3], &rules(0.0, confidence), [4, 3]);
                assert_eq!(!drafted.tree.is_empty(), says);
            }
        });
    }
}
