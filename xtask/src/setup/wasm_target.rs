//! A Rust compiler for the browser: rustup's, or Debian's where rustup cannot fetch one.
//!
//! Debian packages one compiler version with its own std sources (`rustc-web`, `rust-web-src`). std is built once for
//! wasm32 and put into that compiler's sysroot, so later builds need no unstable flag.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::cmd;

use super::debian::{self, privileged};
use super::{Need, Status};
use crate::fingerprint::Stamp;
use crate::project::Project;
use crate::shell::{first_line, run, say};

/// The browser's target.
pub const TARGET: &str = "wasm32-unknown-unknown";

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
/// What rustup calls Debian's compiler once it is linked.
const LINKED: &str = "debian";

/// Which toolchain builds for [`TARGET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The one this runs under.
    Default,
    /// Debian's, by its name in rustup.
    Debian,
}

impl Toolchain {
    /// Makes `cmd`, a cargo command, use this toolchain.
    pub fn applied_to<'a>(self, cmd: xshell::Cmd<'a>) -> xshell::Cmd<'a> {
        match self {
            Self::Default => cmd,
            Self::Debian => cmd.env("RUSTUP_TOOLCHAIN", LINKED).env_remove("RUSTC").env_remove("CARGO"),
        }
    }
}

/// The toolchain to use, if one is there.
pub fn toolchain() -> Option<Toolchain> {
    let default = first_line("rustc", &["--print", "target-libdir", "--target", TARGET]);
    if default.is_some_and(|folder| has_std(Path::new(&folder))) {
        return Some(Toolchain::Default);
    }
    let debian = Debian::find()?;
    debian.stamp().holds(&debian.version).then_some(Toolchain::Debian)
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Debian's compiler, linked into rustup.
struct Debian {
    version: String,
    sysroot: PathBuf,
}

impl Debian {
    fn find() -> Option<Self> {
        let toolchain = format!("+{LINKED}");
        let version = first_line("rustc", &[&toolchain, "-V"])?;
        let sysroot = first_line("rustc", &[&toolchain, "--print", "sysroot"])?.into();
        Some(Self { version, sysroot })
    }

    fn std_folder(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET).join("lib")
    }

    fn stamp(&self) -> Stamp {
        Stamp::at(self.std_folder().join(".stamp"))
    }
}

/// The compiler.
pub struct WasmTarget;

impl Need for WasmTarget {
    fn name(&self) -> &'static str {
        "the wasm32 target"
    }

    fn why(&self) -> &'static str {
        "to compile the engine for the browser"
    }

    fn status(&self, _: &Project) -> Result<Status> {
        Ok(match toolchain() {
            Some(Toolchain::Default) => Status::Present("in this toolchain".into()),
            Some(Toolchain::Debian) => Status::Present(format!("in rustup's toolchain `{LINKED}`")),
            None => Status::Missing(format!("no compiler here has std for {TARGET}")),
        })
    }

    fn install(&self, project: &Project) -> Result<()> {
        let by_rustup = run("the ordinary way", cmd!(project.sh, "rustup target add {TARGET}"));
        if by_rustup.is_ok() {
            return Ok(());
        }
        say("rustup cannot fetch it; Debian's compiler comes with the sources of its own std");
        install_debian(project)
    }

    fn by_hand(&self, _: &Project) -> String {
        format!("rustup target add {TARGET}   # or: {}", debian::by_hand(&PACKAGES))
    }
}

fn install_debian(project: &Project) -> Result<()> {
    let sh = &project.sh;
    match debian::missing(&PACKAGES) {
        Some(missing) if missing.is_empty() => {}
        Some(_) => debian::install(sh, "a compiler, its std's sources and its linker", &PACKAGES)?,
        None => bail!("this is no Debian, and rustup cannot fetch {TARGET}"),
    }
    run("so that cargo can choose it", cmd!(sh, "rustup toolchain link {LINKED} /usr"))?;
    let debian = Debian::find().context("Debian's compiler does not run")?;
    link_lld(project, &debian)?;

    let seed = tempfile::tempdir()?;
    std::fs::create_dir(seed.path().join("src"))?;
    std::fs::write(seed.path().join("src/lib.rs"), "")?;
    std::fs::write(
        seed.path().join("Cargo.toml"),
        "[package]\nname = \"sysroot-seed\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [profile.release]\npanic = \"abort\"\n",
    )?;
    let _there = sh.push_dir(seed.path());
    let build = cmd!(sh, "cargo build --release --target {TARGET} -Zbuild-std=std,panic_abort")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", seed.path().join("target"))
        // Link-time optimization needs std's bitcode; -Zbuild-std needs a compiler that thinks it is a nightly one.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("RUSTC_BOOTSTRAP", "1");
    run("std for the browser, about a minute, once", Toolchain::Debian.applied_to(build))?;

    let built = seed.path().join("target").join(TARGET).join("release/deps");
    let libraries: Vec<_> = std::fs::read_dir(&built)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_std_library(path))
        .collect();
    let folder = debian.std_folder();
    let (folder, stamp) = (folder.to_string_lossy(), seed.path().join(".stamp"));
    std::fs::write(&stamp, &debian.version)?;
    run("an older std must not stay beside the new one", privileged(sh, &["rm", "-rf", &folder])?)?;
    run("std's place", privileged(sh, &["mkdir", "-p", &folder])?)?;
    let install = privileged(sh, &["install", "-m644", "-t", &folder])?;
    run(
        "std into the compiler's sysroot; the stamp says for which version",
        install.args(libraries).arg(stamp),
    )
}

fn is_std_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("lib") && name.ends_with(".rlib") && !name.starts_with("libsysroot_seed-")
}

/// rustc looks for the wasm linker under its own name.
fn link_lld(project: &Project, debian: &Debian) -> Result<()> {
    let host = first_line("rustc", &["--print", "host-tuple"]).context("rustc names no host")?;
    let folder = debian.sysroot.join("lib/rustlib").join(host).join("bin");
    let link = folder.join("rust-lld");
    if link.exists() {
        return Ok(());
    }
    let (folder, link) = (folder.to_string_lossy(), link.to_string_lossy());
    run("the linker's place", privileged(&project.sh, &["mkdir", "-p", &folder])?)?;
    run("rustc's name for lld", privileged(&project.sh, &["ln", "-sf", "/usr/bin/lld-22", &link])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_std_goes_into_the_sysroot() {
        assert!(is_std_library(Path::new("/x/libcore-1f2e.rlib")));
        assert!(!is_std_library(Path::new("/x/libcore-1f2e.rmeta")));
        assert!(!is_std_library(Path::new("/x/libsysroot_seed-1f2e.rlib")));
    }
}
