//! Whether every dependency's licence is one of those in `deny.toml`.
//!
//! The Rust half asks `cargo metadata` for everything that any feature or platform would pull in; the JavaScript half
//! reads the lock file for what ships, which leaves tools out.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, ParseMode};
use xshell::cmd;

use crate::project::Project;

/// `deny.toml`.
#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
}

/// What is allowed.
#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
    #[serde(default)]
    clarify: Vec<Clarification>,
}

/// What one package is allowed on top.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

/// The licence of a package whose manifest does not name it.
#[derive(Deserialize)]
struct Clarification {
    #[serde(rename = "crate")]
    name: String,
    expression: String,
}

impl Licenses {
    /// `Err` says what is wrong with `licence` on `package`.
    fn judge(&self, package: &str, licence: Option<&str>) -> Result<(), String> {
        let clarified = || Some(self.clarify.iter().find(|c| c.name == package)?.expression.as_str());
        let licence = licence.or_else(clarified).ok_or("names no licence")?;
        let expression = Expression::parse_mode(licence, ParseMode::LAX)
            .map_err(|e| format!("`{licence}` is no licence expression: {}", e.reason))?;
        let own = self.exceptions.iter().filter(|e| e.name == package).flat_map(|e| &e.allow);
        let allowed: Vec<&String> = self.allow.iter().chain(own).collect();
        let fine = expression.evaluate(|requirement| {
            // `Apache-2.0 WITH LLVM-exception` grants more than `Apache-2.0`, but is another licence: name it to allow it.
            allowed.iter().any(|allowed| requirement.to_string() == **allowed)
        });
        if fine { Ok(()) } else { Err(format!("`{licence}` is not allowed")) }
    }
}

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

/// `package-lock.json`, as far as it matters here.
#[derive(Deserialize)]
struct NpmLock {
    packages: BTreeMap<String, NpmPackage>,
}

#[derive(Deserialize)]
struct NpmPackage {
    license: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
}

/// Runs the check.
pub fn check(project: &Project) -> Result<()> {
    let rules = fs::read_to_string(project.path("deny.toml")).context("reading deny.toml")?;
    let rules = toml::from_str::<Rules>(&rules).context("deny.toml")?.licenses;
    let metadata = cmd!(project.sh, "cargo metadata --format-version 1 --all-features --locked --quiet")
        .quiet()
        .read()?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("what cargo metadata printed")?;
    let lock = fs::read_to_string(project.path("package-lock.json")).context("reading package-lock.json")?;
    let lock: NpmLock = serde_json::from_str(&lock).context("package-lock.json")?;

    let packages = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .map(|package| (package.name.as_str(), package.version.as_str(), package.license.as_deref()))
        .chain(shipped(&lock).map(|(name, package)| (name, "npm", package.license.as_deref())));
    let (mut fine, mut wrong) = (0, Vec::new());
    for (name, version, licence) in packages {
        match rules.judge(name, licence) {
            Ok(()) => fine += 1,
            Err(why) => wrong.push(format!("{name} ({version}): {why}")),
        }
    }
    println!("{fine} dependencies have an allowed licence");
    if !wrong.is_empty() {
        bail!("{} do not:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

fn shipped(lock: &NpmLock) -> impl Iterator<Item = (&str, &NpmPackage)> {
    lock.packages.iter().filter_map(|(path, package)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        (!package.dev && !package.link).then_some((name, package))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Licenses {
        let text = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"BSD-3-Clause\"]\n\
                    exceptions = [{ crate = \"odd\", allow = [\"MPL-2.0\"] }]\n\
                    clarify = [{ crate = \"mute\", expression = \"MIT\" }]";
        toml::from_str::<Rules>(text).unwrap().licenses
    }

    #[test]
    fn expressions_are_judged_as_a_whole() {
        let rules = rules();
        for fine in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "Apache-2.0/MIT",
            "(MIT OR GPL-2.0-only) AND BSD-3-Clause",
            "Apache-2.0 WITH LLVM-exception OR MIT",
            "BSD-3-Clause/MIT",
        ] {
            assert_eq!(rules.judge("any", Some(fine)), Ok(()), "{fine}");
        }
        for wrong in [
            "GPL-3.0-only",
            "MIT AND MPL-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "AGPL-3.0-or-later OR LGPL-2.1-only",
            "no such licence",
            "",
        ] {
            assert!(rules.judge("any", Some(wrong)).is_err(), "{wrong}");
        }
        assert!(rules.judge("any", None).is_err());
    }

    #[test]
    fn an_exception_is_for_its_package_alone() {
        assert_eq!(rules().judge("odd", Some("MPL-2.0")), Ok(()));
        assert!(rules().judge("even", Some("MPL-2.0")).is_err());
    }

    #[test]
    fn a_clarification_speaks_where_the_manifest_is_silent() {
        assert_eq!(rules().judge("mute", None), Ok(()));
        assert!(rules().judge("mute", Some("GPL-3.0-only")).is_err());
    }

    #[test]
    fn tools_and_links_do_not_ship() {
        let lock = r#"{"packages": {"": {}, "pkg": {}, "node_modules/paceline": {"link": true},
            "node_modules/vite": {"dev": true, "license": "MIT"}, "node_modules/@a/b": {"license": "ISC"},
            "node_modules/x/node_modules/y": {}}}"#;
        let lock: NpmLock = serde_json::from_str(lock).unwrap();
        assert_eq!(shipped(&lock).map(|(name, _)| name).collect::<Vec<_>>(), ["@a/b", "y"]);
    }
}
