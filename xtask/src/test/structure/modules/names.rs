//! What names stand for, over a whole crate.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::super::tree::Tree;
use super::source::{Declared, Source, Written};

/// The crate's name, by which its program knows it.
const CRATE: &str = "paceline";

/// Steps from one `use` to the next that are followed.
const MAX_STEPS: usize = 16;

/// A module's place: names from the crate's root on.
type Place = Vec<String>;

/// A module.
#[derive(Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    paths: Vec<Written>,
}

/// Every module of the library and of its program, which are looked at as one crate.
pub struct Names {
    modules: BTreeMap<Place, Vec<Module>>,
}

/// A path that stands for something in the crate.
pub struct Found<'a> {
    /// The module that names it.
    pub from: &'a [String],
    /// The module that it is in.
    pub to: Place,
    pub file: &'a str,
    pub line: usize,
    /// As it is written.
    pub path: String,
}

impl Names {
    /// Reads the crate from its roots on, along its `mod` declarations.
    pub fn read(tree: &Tree) -> Result<Self> {
        let mut names = Self { modules: BTreeMap::new() };
        for root in ["src/lib.rs", "src/main.rs"] {
            if let Some(text) = tree.text(root) {
                let source = Source::parse(text).with_context(|| format!("parsing {root}"))?;
                names.add(tree, Vec::new(), root, "src", source)?;
            }
        }
        Ok(names)
    }

    /// Adds what stands at `place`; the files of its modules are in `folder`.
    fn add(&mut self, tree: &Tree, place: Place, file: &str, folder: &str, source: Source) -> Result<()> {
        let module = Module {
            file: file.to_owned(),
            children: source.modules.iter().map(|(name, _)| name.clone()).collect(),
            items: source.items.into_iter().collect(),
            imports: source.imports.into_iter().collect(),
            globs: source.globs,
            paths: source.paths,
        };
        self.modules.entry(place.clone()).or_default().push(module);
        for (name, declared) in source.modules {
            let inner = [place.as_slice(), std::slice::from_ref(&name)].concat();
            let below = format!("{folder}/{name}");
            match declared {
                Declared::Here(source) => self.add(tree, inner, file, &below, source)?,
                Declared::File(path) => {
                    let beside = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let candidates = match path {
                        Some(path) => vec![format!("{beside}/{path}")],
                        None => vec![format!("{below}.rs"), format!("{below}/mod.rs")],
                    };
                    let found = candidates.iter().find_map(|path| Some((path, tree.text(path)?)));
                    let (path, text) =
                        found.with_context(|| format!("{file} declares `{name}`, which has no file"))?;
                    let source = Source::parse(text).with_context(|| format!("parsing {path}"))?;
                    self.add(tree, inner, path, &below, source)?;
                }
            }
        }
        Ok(())
    }

    /// Modules that have modules.
    pub fn levels(&self) -> impl Iterator<Item = &Place> {
        let parent = |parts: &Vec<Module>| parts.iter().any(|module| !module.children.is_empty());
        self.modules.iter().filter(move |(_, parts)| parent(parts)).map(|(place, _)| place)
    }

    /// Everything that a module names and another module of the crate has.
    pub fn uses(&self) -> impl Iterator<Item = Found<'_>> {
        self.modules.iter().flat_map(move |(from, parts)| {
            parts.iter().flat_map(move |module| {
                module.paths.iter().filter_map(move |written| {
                    let to = self.home(&self.absolute(from, &written.segments, 0)?, 0);
                    let path = written.segments.join("::");
                    Some(Found { from, to, file: &module.file, line: written.line, path })
                })
            })
        })
    }

    /// A path as seen from `place`, from the crate's root on; `None` for what is another crate's, or is in `place` itself.
    fn absolute(&self, place: &[String], segments: &[String], steps: usize) -> Option<Place> {
        let (first, rest) = segments.split_first()?;
        let after = |place: &[String]| Some([place, rest].concat());
        match first.as_str() {
            "crate" => after(&[]),
            "self" if rest.is_empty() => None,
            "self" => self.absolute_super(place, rest),
            "super" => self.absolute_super(place, segments),
            name if self.has_child(place, name) => after(&[place, std::slice::from_ref(first)].concat()),
            name => match self.imported(place, name) {
                Some(_) if steps == MAX_STEPS => None,
                // `use half::half` brings in what is called the same as where it is from.
                Some(target) if target.first() == Some(first) => self.foreign(target, rest),
                Some(target) => after(&self.absolute(place, target, steps + 1)?),
                None => self.foreign(segments, &[]),
            },
        }
    }

    /// Steps up as often as `super` says.
    fn absolute_super(&self, place: &[String], segments: &[String]) -> Option<Place> {
        let ups = segments.iter().take_while(|name| *name == "super").count();
        Some([&place[..place.len().checked_sub(ups)?], &segments[ups..]].concat())
    }

    /// A path that begins with a crate's name.
    fn foreign(&self, path: &[String], rest: &[String]) -> Option<Place> {
        let own = path.first().is_some_and(|name| name == CRATE);
        own.then(|| [&path[1..], rest].concat())
    }

    /// The module that really has what is at `path`: behind what modules export for others.
    fn home(&self, path: &[String], steps: usize) -> Place {
        let mut place = Place::new();
        for (at, name) in path.iter().enumerate() {
            if self.has_child(&place, name) {
                place.push(name.clone());
                continue;
            }
            let parts = self.modules.get(&place).map(Vec::as_slice).unwrap_or_default();
            if steps == MAX_STEPS || parts.iter().any(|module| module.items.contains(name)) {
                return place;
            }
            let exported =
                self.imported(&place, name).and_then(|target| self.absolute(&place, target, steps));
            if let Some(target) = exported {
                return self.home(&[&target[..], &path[at + 1..]].concat(), steps + 1);
            }
            for glob in parts.iter().flat_map(|module| &module.globs) {
                if let Some(target) = self.absolute(&place, glob, steps)
                    && target != place
                    && self.holds(&target, name)
                {
                    return self.home(&[&target[..], &path[at..]].concat(), steps + 1);
                }
            }
            return place;
        }
        place
    }

    /// Whether a path that begins with a module of the crate leads to something in it; `None` for other paths.
    pub fn leads(&self, path: &[String]) -> Option<bool> {
        let mut place = Place::new();
        for name in path {
            if !self.has_child(&place, name) {
                let exports = |module: &Module| !module.globs.is_empty();
                let more = || self.modules.get(&place).is_some_and(|parts| parts.iter().any(exports));
                return (!place.is_empty()).then(|| self.holds(&place, name) || more());
            }
            place.push(name.clone());
        }
        Some(true)
    }

    fn has_child(&self, place: &[String], name: &str) -> bool {
        self.modules.get(place).is_some_and(|parts| parts.iter().any(|module| module.children.contains(name)))
    }

    fn imported(&self, place: &[String], name: &str) -> Option<&[String]> {
        self.modules.get(place)?.iter().find_map(|module| module.imports.get(name)).map(Vec::as_slice)
    }

    /// Whether a module itself has something of that name.
    fn holds(&self, place: &[String], name: &str) -> bool {
        self.has_child(place, name)
            || self.imported(place, name).is_some()
            || self
                .modules
                .get(place)
                .is_some_and(|parts| parts.iter().any(|module| module.items.contains(name)))
    }
}
