//! rustfmt and clippy.

use anyhow::Result;
use xshell::cmd;

use super::{Need, Status};
use crate::project::Project;
use crate::shell::{first_line, run};

const COMPONENTS: [&str; 2] = ["rustfmt", "clippy"];

/// The toolchain's components that the checks call.
pub struct Components;

impl Need for Components {
    fn name(&self) -> &'static str {
        "rustfmt and clippy"
    }

    fn why(&self) -> &'static str {
        "to check form and lints"
    }

    fn status(&self, _: &Project) -> Result<Status> {
        let version = |tool| first_line("cargo", &[tool, "--version"]);
        Ok(match (version("fmt"), version("clippy")) {
            (Some(fmt), Some(clippy)) => Status::Present(format!("{fmt}; {clippy}")),
            _ => Status::Missing("`cargo fmt` or `cargo clippy` does not run".into()),
        })
    }

    fn install(&self, project: &Project) -> Result<()> {
        run("rustup has them", cmd!(project.sh, "rustup component add {COMPONENTS...}"))
    }

    fn by_hand(&self, _: &Project) -> String {
        format!("rustup component add {}", COMPONENTS.join(" "))
    }
}
