//! The npm packages of the JavaScript half, all named by the one lock file in the root.

use anyhow::Result;
use xshell::cmd;

use super::{Need, Status};
use crate::fingerprint::{self, Stamp};
use crate::project::Project;
use crate::shell::run;

/// What the package, the page, the browser tests and the build take from npm.
pub struct Packages;

/// Inside `node_modules`, so that removing that folder forgets it.
fn stamp(project: &Project) -> Stamp {
    Stamp::at(project.path("node_modules/.paceline-lock"))
}

fn lock_fingerprint(project: &Project) -> Result<String> {
    fingerprint::of_file(&project.path("package-lock.json"))
}

impl Need for Packages {
    fn name(&self) -> &'static str {
        "npm packages"
    }

    fn why(&self) -> &'static str {
        "to optimize the wasm, to build the package and the page, and to test them"
    }

    fn status(&self, project: &Project) -> Result<Status> {
        Ok(if stamp(project).holds(&lock_fingerprint(project)?) {
            Status::Present("as package-lock.json names them".into())
        } else {
            Status::Missing("node_modules is not what package-lock.json names".into())
        })
    }

    fn install(&self, project: &Project) -> Result<()> {
        run("exactly what package-lock.json names", cmd!(project.sh, "npm ci --no-audit --no-fund"))?;
        stamp(project).write(&lock_fingerprint(project)?)
    }

    fn by_hand(&self, _: &Project) -> String {
        "npm ci".into()
    }
}
