//! WebGPU on the processor, for programs that run natively.

use std::path::PathBuf;

use xshell::Cmd;

use crate::project::Project;

/// Makes `cmd` find lavapipe and nothing else, unless the user has chosen a Vulkan driver: other drivers that are
/// installed and find no device only get in the way.
pub fn software<'a>(project: &Project, mut cmd: Cmd<'a>) -> Cmd<'a> {
    let chosen = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().any(|name| std::env::var_os(name).is_some());
    if let Some(driver) = lavapipe().filter(|_| !chosen) {
        cmd = cmd.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver);
    }
    // Asked for windows that nobody opens; without a folder for them it complains with every device.
    let state = project.state();
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() && std::fs::create_dir_all(&state).is_ok() {
        cmd = cmd.env("XDG_RUNTIME_DIR", state);
    }
    cmd
}

/// Where lavapipe is described to the Vulkan loader.
fn lavapipe() -> Option<PathBuf> {
    std::fs::read_dir("/usr/share/vulkan/icd.d")
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd")))
}
