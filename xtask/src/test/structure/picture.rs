//! Whether the arrows of `docs/architecture.md` are those of the sources.

use std::collections::BTreeSet;

use super::modules::{Arrow, reachable};

/// What the picture in `page` says and what is not so: arrows that no module goes, and ways that no arrows lead.
pub fn untrue(page: &str, arrows: &[Arrow]) -> Vec<String> {
    let drawn: BTreeSet<(String, String)> = page.lines().filter_map(drawn).collect();
    let modules: BTreeSet<&String> = arrows.iter().flat_map(|arrow| [&arrow.from, &arrow.to]).collect();
    let gone =
        |(from, to): &&(String, String)| arrows.iter().any(|arrow| arrow.from == *from && arrow.to == *to);
    let own = drawn.iter().filter(|(from, to)| modules.contains(from) && modules.contains(to));
    let idle = own.filter(|arrow| !gone(arrow));
    let mut faults: Vec<String> = idle
        .map(|(from, to)| format!("the picture has {from} --> {to}, but {from} does not name {to}"))
        .collect();
    let crate_itself = |arrow: &&Arrow| arrow.from != "lib" && arrow.to != "lib";
    let lost = arrows
        .iter()
        .filter(crate_itself)
        .filter(|arrow| !reachable(drawn.iter(), &arrow.from).contains(&arrow.to));
    faults.extend(lost.map(|arrow| {
        format!("the picture has no way from {} to {}, but {}", arrow.from, arrow.to, arrow.place)
    }));
    faults
}

/// The ends of an arrow of a flowchart.
fn drawn(line: &str) -> Option<(String, String)> {
    let (from, to) = line.split_once(" --> ")?;
    Some((from.trim().to_owned(), to.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(page: &str) -> Vec<String> {
        let arrow =
            |from: &str, to: &str| Arrow { from: from.into(), to: to.into(), place: "src/x.rs:1".into() };
        untrue(
            page,
            &[arrow("cli", "model"), arrow("model", "gguf"), arrow("cli", "gguf"), arrow("lib", "cli")],
        )
    }

    #[test]
    fn arrows_are_compared_both_ways() {
        assert_eq!(with("www --> pkg\n  cli --> model\n  model --> gguf\n"), [""; 0]);
        let lost = with("cli --> model\n");
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert_eq!(lost[0], "the picture has no way from model to gguf, but src/x.rs:1");
        let idle = with("cli --> model\nmodel --> gguf\ngguf --> model\n");
        assert_eq!(idle, ["the picture has gguf --> model, but gguf does not name model"]);
    }
}
