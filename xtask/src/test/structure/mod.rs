//! Whether the sources keep to the project's structure: arrows go one way, files can be read in one sitting, comments name
//! what there is, and `docs/architecture.md` says what is true.

mod comments;
mod lengths;
mod map;
mod modules;
mod picture;
mod references;
mod tree;

use anyhow::{Result, bail};

use crate::project::Project;
use tree::Tree;

/// The check.
pub fn check(project: &Project) -> Result<()> {
    let tree = Tree::read(&project.root)?;
    let faults =
        [modules::cycles(&tree)?, lengths::long(&tree), references::dead(&tree)?, map::untrue(&tree)?]
            .concat();
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        count => bail!("{count} faults"),
    }
}
