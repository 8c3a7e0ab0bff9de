//! Which module names which, and where that goes round in a circle.
//!
//! Names are looked up the way the compiler does, as far as that is needed to tell modules apart: `crate`, `self`, `super`, what a
//! `use` brought in, and what a module exports for another. What only tests are made of is left out.

mod names;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::tree::Tree;
pub use names::Names;

/// The crate's own files, besides its modules.
const ROOT: &str = "lib";

/// Where a module names another.
type Witnesses = BTreeMap<(String, String), Vec<String>>;

/// Circles among the modules of `src` and, in each of them, among those that stand side by side.
pub fn cycles(tree: &Tree) -> Result<Vec<String>> {
    let names = Names::read(tree)?;
    let mut faults = Vec::new();
    for level in names.levels() {
        let edges = edges(&names, level);
        let place = level.iter().fold(String::from("src"), |place, name| place + "/" + name);
        faults.extend(knots(&edges).iter().map(|knot| describe(&place, knot, &edges)));
    }
    Ok(faults)
}

/// A module of `src` that names another.
pub struct Arrow {
    pub from: String,
    pub to: String,
    /// A place where it does.
    pub place: String,
}

/// Which modules of `src` name which others.
pub fn arrows(tree: &Tree) -> Result<Vec<Arrow>> {
    let edges = edges(&Names::read(tree)?, &[]);
    let arrow = |((from, to), mut places): (_, Vec<String>)| Arrow { from, to, place: places.swap_remove(0) };
    Ok(edges.into_iter().map(arrow).collect())
}

/// Which of the modules right below `level` name which others, and where.
fn edges(names: &Names, level: &[String]) -> Witnesses {
    let mut edges = Witnesses::new();
    // What stands in `level` itself exports its modules' items and lists them: that makes no circle. In the crate it is a node.
    let node = |module: &[String]| match module.strip_prefix(level) {
        Some([name, ..]) => Some(name.clone()),
        Some([]) if level.is_empty() => Some(ROOT.to_owned()),
        _ => None,
    };
    for found in names.uses() {
        if let (Some(from), Some(to)) = (node(found.from), node(&found.to))
            && from != to
        {
            edges
                .entry((from, to))
                .or_default()
                .push(format!("{}:{} names {}", found.file, found.line, found.path));
        }
    }
    edges
}

/// Modules that reach one another, as sets of two and more.
fn knots(edges: &Witnesses) -> Vec<BTreeSet<String>> {
    let nodes: BTreeSet<&String> = edges.keys().flat_map(|(from, to)| [from, to]).collect();
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        nodes.iter().map(|node| (*node, reachable(edges.keys(), node))).collect();
    let mut knots: Vec<BTreeSet<String>> = Vec::new();
    for node in &nodes {
        let both = |other: &&&String| reach[*node].contains(**other) && reach[**other].contains(*node);
        let knot: BTreeSet<String> = nodes.iter().filter(both).map(|other| (*other).clone()).collect();
        if knot.len() > 1 && !knots.contains(&knot) {
            knots.push(knot);
        }
    }
    knots
}

/// What can be reached from `start` in one step or more.
pub fn reachable<'a>(
    edges: impl Iterator<Item = &'a (String, String)> + Clone,
    start: &str,
) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(node) = waiting.pop() {
        for (_, to) in edges.clone().filter(|(from, _)| from == node) {
            if reached.insert(to) {
                waiting.push(to);
            }
        }
    }
    reached
}

/// A line on the circle, and one for each way in it: the first place that goes it.
fn describe(place: &str, knot: &BTreeSet<String>, edges: &Witnesses) -> String {
    let names: Vec<&str> = knot.iter().map(String::as_str).collect();
    let mut text = format!("{place}: {} reach one another", names.join(", "));
    for ((from, to), places) in
        edges.iter().filter(|((from, to), _)| knot.contains(from) && knot.contains(to))
    {
        let more = match places.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        text += &format!("\n    {from} -> {to}: {}{more}", places[0]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        cycles(&Tree::of(files)).unwrap()
    }

    /// Two modules, of which `low` is to know nothing of `high`; what `low` says is in question.
    fn low_says(text: &str) -> Vec<String> {
        faults(&[
            ("src/lib.rs", "pub mod high;\npub mod low;\npub use high::Thing as Renamed;\n"),
            ("src/high/mod.rs", "mod inner;\npub use inner::*;\nuse crate::low::Low;\npub struct Thing;\n"),
            ("src/high/inner.rs", "pub fn deep() {}\n"),
            ("src/low.rs", text),
        ])
    }

    #[test]
    fn arrows_that_go_one_way_are_no_circle() {
        for text in [
            "pub struct Low;",
            "// use crate::high::Thing;\npub struct Low;",
            "use std::fmt; pub struct Low; mod high {} use self::high as h;",
            "pub struct Low; #[cfg(test)] mod tests { use crate::high::Thing; }",
            "pub struct Low; #[cfg(all(test, unix))] use crate::high::Thing;",
            "pub struct Low; impl Low { #[cfg(test)] fn f() { crate::high::deep() } }",
            "pub struct Low; #[test] fn f() { crate::high::deep() }",
            "pub const LOW: &str = \"crate::high\";",
            "pub(crate) struct Low; pub(in crate::high) struct Other;",
        ] {
            assert_eq!(low_says(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn every_way_to_name_a_module_is_seen() {
        for text in [
            "use crate::high::Thing;",
            "use super::high;",
            "use crate::{high::inner as i};",
            "use paceline::high::Thing;",
            "pub use crate::high::*;",
            "fn f(_: crate::high::Thing) {}",
            "fn f() -> Option<super::high::Thing> { None }",
            "fn f() { super::high::deep(); }",
            "fn f() { vec![crate::high::Thing]; }",
            "fn f() { use crate::high::deep; }",
            "macro_rules! m { () => { $crate::high::deep() }; }",
            "mod inner { fn f() { super::super::high::deep() } }",
            "#[error(\"{}\", crate::high::deep())] struct Low;",
            "#[cfg(any(test, feature = \"rig\"))] use crate::high::Thing;",
            "#[cfg(not(test))] use crate::high::Thing;",
            "impl crate::high::Thing { }",
            // By another name that the crate exports it under.
            "use crate::Renamed;",
        ] {
            let found = low_says(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with("src: high, low reach one another\n"), "{}", found[0]);
            assert!(
                found[0].contains("high -> low: src/high/mod.rs:3 names crate::low::Low"),
                "{}",
                found[0]
            );
            assert!(found[0].contains("low -> high: src/low.rs:1 names "), "{}", found[0]);
        }
    }

    #[test]
    fn what_the_crate_itself_holds_is_a_module() {
        let found = faults(&[
            ("src/lib.rs", "pub mod low;\npub fn top() { low::f() }\n"),
            ("src/low.rs", "pub fn f() { crate::top() }\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src: lib, low reach one another"), "{}", found[0]);
    }

    #[test]
    fn a_circle_of_three_is_found_and_the_bystander_is_not_in_it() {
        let found = faults(&[
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/main.rs", "mod e; fn main() { e::run() }"),
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::c::C; use crate::d::D;"),
            ("src/c.rs", "use crate::a::A;"),
            ("src/d.rs", ""),
            ("src/e.rs", "use paceline::a::A;"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src: a, b, c reach one another\n"), "{}", found[0]);
        assert_eq!(found[0].lines().count(), 4, "{}", found[0]);
    }

    #[test]
    fn inside_a_module_its_parts_are_told_apart_by_what_it_exports() {
        // `mod.rs` exports what its parts make and lists them; the parts use what stands in it: no circle.
        let files = |one: &'static str| {
            [
                ("src/lib.rs", "mod m;"),
                (
                    "src/m/mod.rs",
                    "mod one; mod two;\npub use one::One; pub use two::Two;\npub trait Part {}\n",
                ),
                ("src/m/one.rs", one),
                ("src/m/two.rs", "use super::{One, Part}; pub struct Two;"),
            ]
        };
        assert_eq!(faults(&files("use super::Part; pub struct One;")), [""; 0]);
        let found = faults(&files("use super::Two; pub struct One;"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/m: one, two reach one another\n"), "{}", found[0]);
    }

    #[test]
    fn a_module_without_a_file_is_an_error() {
        let error = cycles(&Tree::of(&[("src/lib.rs", "mod gone;")])).unwrap_err();
        assert!(error.to_string().contains("src/lib.rs declares `gone`"), "{error}");
    }
}
