//! `core` does no input or output, starts no threads, reads no clock and draws no number that it was not given: its sources
//! are read and say so.

use std::path::{Path, PathBuf};

/// What is not to be named there. No file is excepted; tests are, which are no part of it.
const FORBIDDEN: [&str; 28] = [
    // The system. Names are to be spelled in full, so that none hides in a list.
    "std::{",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::path",
    "std::process",
    "std::sync",
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "web_time",
    "chrono",
    "pollster",
    "block_on",
    "rayon",
    "plotters",
    "println",
    "eprintln",
    "print!",
    "dbg!",
    // Numbers that nobody seeded.
    "Rng::new",
    "Distribution",
    // What stands above.
    "learn::run",
    "crate::cli",
    "crate::web",
];

/// The code of a source: without comments, and without the tests that stand in it.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// What `source` names that it must not.
fn named(source: &str) -> Vec<&'static str> {
    let code = code(source);
    let mut named: Vec<&str> = FORBIDDEN.into_iter().filter(|name| code.contains(name)).collect();
    // Its functions draw from a generator that is seeded by the clock.
    if code.matches("fastrand::").count() > code.matches("fastrand::Rng").count() {
        named.push("fastrand");
    }
    named
}

/// Files of `folder` and those below, without modules that are tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut tests = Vec::new();
    let index = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    for declared in index.split("#[cfg(test)]\nmod ").skip(1) {
        tests.extend(declared.split_once(';').map(|(name, _)| format!("{name}.rs")));
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if !tests.iter().any(|test| path.ends_with(test)) {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_core_touches_nothing_outside() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/learn/core");
    let files = sources(&core);
    assert!(files.len() > 30 && files.iter().any(|file| file.ends_with("draft/net.rs")), "{files:?}");
    for file in files {
        let found = named(&std::fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{} names {found:?}", file.display());
    }
}

#[test]
fn every_way_out_is_found() {
    let clean = "//! Not `std::fs`.\nuse std::borrow::Borrow; // no Instant\nfn f() { g(std::mem::take(&mut x)) }\n\
                 #[cfg(test)]\nmod tests {\n    fn f() { println!() }\n}\n";
    assert!(named(clean).is_empty(), "{:?}", named(clean));
    for line in [
        "use std::fs::File;",
        "use std::{fs, mem};",
        "let began = Instant::now();",
        "std::thread::spawn(f);",
        "println!(\"{loss}\");",
        "pollster::block_on(read());",
        "let mut random = fastrand::Rng::new();",
        "let seed = fastrand::u64(..);",
        "use crate::learn::run::files;",
    ] {
        let dirty = clean.replace("fn f() { g", &format!("{line}\nfn f() {{ g"));
        assert!(!named(&dirty).is_empty(), "{line}");
    }
}
