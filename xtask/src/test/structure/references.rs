//! Whether what comments and documents name is there.

use std::collections::BTreeMap;

use anyhow::Result;
use regex::Regex;

use super::comments;
use super::modules::Names;
use super::tree::Tree;

/// Names of files in our languages, with as much of their path as is given; `*` and `{a,b}` as shells read them.
const FILES: &str = r"[\w@.*{},/-]*[\w*}]\.(?:rs|wgsl|tsx|ts|mjs|js|py|md|css|html|toml)\b";
/// Paths from one of the repository's folders on.
const PATHS: &str = r"\b(?:src|tests|docs|pkg|www|xtask|benches|examples|fuzz)/[\w.*{},/-]*[\w*}]";
/// A section of something, and numbered points of a list that stands elsewhere.
const SECTIONS: &str = r"\b[A-Z][A-Z_]{4,}(?:\.md)?,? (?:§ ?)?\d+(?:\.\d+)*\b|\b(?:[Tt]rap|[Ff]inding|[Dd]efect) [A-Z]\d+\b|\bALGORITHMS\b|\bMEASURED\b";
/// Paths of the crate, of two names and more.
const NAMES: &str = r"`(?:paceline::|crate::)?([a-z]\w*(?:::\w+)+)";
/// Addresses, which are somewhere else.
const ADDRESSES: &str = r"\b[a-z]+://\S+";

/// How paths begin that are elsewhere: what tools make, what a user's page has, and llama.cpp's.
const ELSEWHERE: [&str; 8] = [
    "pkg/dist",
    "pkg/wasm",
    "www/dist",
    "dist/",
    "fuzz/corpus/",
    "paceline/",
    "src/llama-vocab.cpp",
    "convert_hf_to_gguf.py",
];

/// Documents that tell what was once.
const HISTORY: [&str; 1] = ["CHANGELOG.md"];

/// Everything that comments and documents cite and that is not there.
pub fn dead(tree: &Tree) -> Result<Vec<String>> {
    let mut reader = Reader::new(tree)?;
    let mut faults = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| !HISTORY.contains(path)) {
        for (line, comment) in comments::of(path, text) {
            let mut missing = reader.files(&comment)?;
            missing.extend(reader.sections.find_iter(&comment).map(|found| found.as_str().to_owned()));
            if !path.ends_with("ts") {
                missing.extend(reader.names(&comment));
            }
            faults.extend(
                missing.iter().map(|what| format!("{path}:{line} cites `{what}`, which is not here")),
            );
        }
    }
    Ok(faults)
}

/// Reads comments, one after the other.
struct Reader {
    /// Every path of the tree, a line each.
    all: String,
    /// Whether what was cited before is there.
    known: BTreeMap<String, bool>,
    crate_names: Names,
    addresses: Regex,
    cited: [Regex; 2],
    sections: Regex,
    named: Regex,
}

impl Reader {
    fn new(tree: &Tree) -> Result<Self> {
        Ok(Self {
            all: tree.files().fold(String::new(), |all, (path, _)| all + path + "\n"),
            known: BTreeMap::new(),
            crate_names: Names::read(tree)?,
            addresses: Regex::new(ADDRESSES)?,
            cited: [Regex::new(FILES)?, Regex::new(PATHS)?],
            sections: Regex::new(SECTIONS)?,
            named: Regex::new(NAMES)?,
        })
    }

    /// Files and folders that a comment cites and that are not there.
    fn files(&mut self, comment: &str) -> Result<Vec<String>> {
        let comment = self.addresses.replace_all(comment, " ");
        let cited = self.cited.iter().flat_map(|regex| regex.find_iter(&comment));
        let mut missing = Vec::new();
        for cited in cited.flat_map(|found| alternatives(found.as_str())) {
            if !self.known.contains_key(&cited) {
                self.known.insert(cited.clone(), exists(&self.all, &cited)?);
            }
            if !self.known[&cited] && !missing.contains(&cited) {
                missing.push(cited);
            }
        }
        Ok(missing)
    }

    /// Paths of the crate that lead nowhere.
    fn names(&self, comment: &str) -> Vec<String> {
        let named = self.named.captures_iter(comment).map(|found| found[1].to_owned());
        let lost = |path: &String| {
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            self.crate_names.leads(&path) == Some(false)
        };
        named.filter(lost).collect()
    }
}

/// `a{b,c}` as `ab` and `ac`; `a{b}` as `a*`.
fn alternatives(cited: &str) -> Vec<String> {
    let parts = cited.split_once('{').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once('}')?;
        Some((before, inside, after))
    });
    match parts {
        Some((before, inside, after)) if inside.contains(',') => {
            inside.split(',').flat_map(|one| alternatives(&format!("{before}{one}{after}"))).collect()
        }
        Some((before, _, after)) => alternatives(&format!("{before}*{after}")),
        // A comma between two names.
        None => cited.split([',', '{', '}']).filter(|one| !one.is_empty()).map(str::to_owned).collect(),
    }
}

/// Whether one of the files, or of their folders, ends with these parts. A script may be cited by what it is compiled to.
fn exists(files: &str, cited: &str) -> Result<bool> {
    let mut ending = cited.trim_matches('/');
    while let Some(rest) = ending.strip_prefix("./").or_else(|| ending.strip_prefix("../")) {
        ending = rest;
    }
    // A script of somebody's page; and `a.rs` stands for any file.
    let any = !ending.contains('/') && (ending.ends_with(".js") || ending.find('.') == Some(1));
    if any || ELSEWHERE.iter().any(|made| ending.starts_with(made)) {
        return Ok(true);
    }
    let pattern = regex::escape(ending).replace(r"\*", "[^/\n]*");
    let pattern = match pattern.strip_suffix(r"\.js") {
        Some(stem) => format!(r"{stem}\.(?:m?js|tsx?)"),
        None => pattern,
    };
    Ok(Regex::new(&format!("(?m)(?:^|/){pattern}(?:$|/)"))?.is_match(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(comment: &str) -> Vec<String> {
        let comment = &format!("{comment}\npub struct Token;\n");
        let tree = Tree::of(&[
            ("src/gpu/kernels/verify.wgsl", ""),
            ("src/lib.rs", "mod verify { pub mod token; pub mod block; pub use block::PATH; }"),
            ("src/verify/token.rs", comment),
            ("src/verify/block.rs", "pub const PATH: &str = \"gone.rs\";"),
            ("pkg/src/errors.ts", ""),
            ("tests/fixtures/forward.json", ""),
            ("docs/algorithms.md", ""),
            (".cargo/config.toml", ""),
            ("CHANGELOG.md", "gone.rs went"),
        ]);
        dead(&tree).unwrap()
    }

    #[test]
    fn what_is_there_may_be_cited() {
        for comment in [
            "// As `block.rs`, verify/block.rs and src/verify/block.rs: see block.rs.",
            "// kernels/verify.wgsl, `*.wgsl`, verify/{token,block}.rs, verify/{name}.rs, t*.rs",
            "/// [docs](../../docs/algorithms.md), docs/algorithms.md, `src/verify/`, src/gpu/kernels",
            "// errors.js of pkg/src/errors.js; a page's own main.js; what is in pkg/dist/index.js and dist/index.js",
            "// a.rs -> b.rs; `.cargo/config.toml`, ./verify/block.rs, https://user@example.com/a.rs",
            "// tests/fixtures/forward.json by tests/fixtures",
            "// `verify::token`, [`crate::verify::PATH`], `paceline::verify::block::PATH`, `std::fs::File`, `other::thing`",
            "// https://example.com/gone.rs, arXiv 2211.17192, RFC 7233, SHA 256, 24 bits",
            "const A: &str = \"gone.rs\"; const ALGORITHMS: u32 = 12;",
        ] {
            assert_eq!(of(comment), [""; 0], "{comment}");
        }
    }

    #[test]
    fn what_is_not_there_may_not() {
        for (comment, cited) in [
            ("// As gone.rs.", "gone.rs"),
            ("/// As `session/block.rs`.", "session/block.rs"),
            ("// lock.rs", "lock.rs"),
            ("/* verify/{token,gone}.rs */", "verify/gone.rs"),
            ("// GPU.md has figures", "GPU.md"),
            ("// docs/ALGORITHMS.md", "docs/ALGORITHMS.md"),
            ("// (ALGORITHMS 1.2, L3)", "ALGORITHMS 1.2"),
            ("// ALGORITHMS says so", "ALGORITHMS"),
            ("// SURVEY § 4.1", "SURVEY § 4.1"),
            ("// trap L2 snaps", "trap L2"),
            ("// made by tests/fixtures/forward.py", "tests/fixtures/forward.py"),
            ("// tests/fixtures/backward.json", "tests/fixtures/backward.json"),
            ("// wire/errors.js", "wire/errors.js"),
            ("// `verify::gone` does", "verify::gone"),
            ("/// `verify::block::gone()`", "verify::block::gone"),
        ] {
            let found = of(comment);
            assert!(found.iter().any(|fault| fault.contains(&format!("`{cited}`"))), "{comment}: {found:?}");
            assert!(found.iter().all(|fault| fault.starts_with("src/verify/token.rs:1 cites ")), "{found:?}");
        }
    }
}
