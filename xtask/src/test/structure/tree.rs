//! The files of a checkout, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What tools write into a checkout, and what they keep there.
const MADE: [&str; 10] = [
    ".git",
    "target",
    "node_modules",
    "dist",
    "coverage",
    "pkg/wasm",
    "fuzz/corpus",
    "fuzz/artifacts",
    "test-results",
    "shared",
];

/// Files whose text is of interest.
const TEXT: [&str; 14] =
    ["css", "html", "js", "json", "md", "mjs", "py", "rs", "sh", "toml", "ts", "tsx", "wgsl", "yml"];

/// Paths from the root, with `/` between their parts, and what is in the files; nothing for those that are no text.
#[derive(Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// What is below `root`, without what tools make.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.add(root, "")?;
        Ok(tree)
    }

    fn add(&mut self, root: &Path, folder: &str) -> Result<()> {
        let path = root.join(folder);
        let reading = || format!("reading {}", path.display());
        for entry in fs::read_dir(&path).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inner = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().with_context(reading)?;
            if MADE.contains(&name.as_str()) || MADE.contains(&inner.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.add(root, &inner)?;
            } else if kind.is_file() {
                let text = if is_text(&name) {
                    fs::read_to_string(entry.path()).with_context(reading)?
                } else {
                    String::new()
                };
                self.files.insert(inner, text);
            }
        }
        Ok(())
    }

    /// A made-up tree.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect() }
    }

    /// Every file, in order of name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// What is in a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Files and folders right below `folder`; folders end with `/`.
    pub fn below(&self, folder: &str) -> Vec<String> {
        let folder = format!("{}/", folder.trim_end_matches('/'));
        let inner = self.files.keys().filter_map(|path| path.strip_prefix(&folder));
        let mut names: Vec<String> = inner
            .map(|path| {
                path.split_once('/').map_or_else(|| path.to_owned(), |(first, _)| format!("{first}/"))
            })
            .collect();
        names.dedup();
        names
    }
}

/// Whether a file of this name is read.
fn is_text(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| TEXT.contains(&extension))
}
