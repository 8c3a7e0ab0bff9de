//! Node, the browser and a software WebGPU adapter.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Need, Status, debian};
use crate::project::Project;
use crate::shell::first_line;

/// The oldest Node that the tools run on: major and minor version.
const NODE: (u32, u32) = (20, 19);

/// Node and npm.
pub struct Node;

impl Need for Node {
    fn name(&self) -> &'static str {
        "Node and npm"
    }

    fn why(&self) -> &'static str {
        "to build the npm package and the page"
    }

    fn status(&self, _: &Project) -> Result<Status> {
        let Some(node) = first_line("node", &["--version"]) else {
            return Ok(Status::Missing("`node` does not run".into()));
        };
        if version(&node).is_none_or(|version| version < NODE) {
            return Ok(Status::Missing(format!(
                "Node {}.{} or newer is needed, this is {node}",
                NODE.0, NODE.1
            )));
        }
        Ok(if on_path("npm") {
            Status::Present(format!("Node {node}"))
        } else {
            Status::Missing("`npm` is not on the path".into())
        })
    }

    fn install(&self, _: &Project) -> Result<()> {
        bail!("which Node to have is yours to choose")
    }

    fn by_hand(&self, _: &Project) -> String {
        format!(
            "install Node {}.{} or newer with npm, from your system or from Node's own site",
            NODE.0, NODE.1
        )
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The browser that tests and benches run: `PACELINE_CHROMIUM`, or Debian's.
pub fn chromium() -> PathBuf {
    std::env::var_os("PACELINE_CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
}

const PACKAGES: [&str; 3] = ["chromium", "mesa-vulkan-drivers", "libvulkan1"];

/// A headless browser, and lavapipe for native WebGPU without a GPU.
pub struct Browser;

impl Need for Browser {
    fn name(&self) -> &'static str {
        "Chromium and a software Vulkan driver"
    }

    fn why(&self) -> &'static str {
        "to run the tests in a real browser, and WebGPU natively where there is no GPU"
    }

    fn status(&self, _: &Project) -> Result<Status> {
        let chromium = chromium();
        if let Some(missing) = debian::missing(&PACKAGES) {
            let own = chromium != Path::new("/usr/bin/chromium") && chromium.is_file();
            let missing: Vec<_> = missing.into_iter().filter(|p| !(own && p == "chromium")).collect();
            if !missing.is_empty() {
                return Ok(Status::Missing(format!("not installed: {}", missing.join(", "))));
            }
        }
        Ok(if chromium.is_file() {
            Status::Present(chromium.display().to_string())
        } else {
            Status::Missing(format!("there is no {}; PACELINE_CHROMIUM can name another", chromium.display()))
        })
    }

    fn install(&self, project: &Project) -> Result<()> {
        debian::install(&project.sh, self.why(), &PACKAGES)
    }

    fn by_hand(&self, _: &Project) -> String {
        debian::by_hand(&PACKAGES)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn node_versions_are_read() {
        assert_eq!(super::version("v20.20.2"), Some((20, 20)));
        assert_eq!(super::version("v8.1"), Some((8, 1)));
        assert_eq!(super::version("node"), None);
    }
}
