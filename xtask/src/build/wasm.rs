//! The engine's wasm: compiled, given its JavaScript glue, optimized.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xshell::cmd;

use crate::fingerprint::{self, Stamp};
use crate::project::Project;
use crate::setup::{self, TARGET};
use crate::shell::{run, say};

/// Where the package's build takes the wasm and its glue from.
const FOLDER: &str = "pkg/wasm";
/// The stem of what wasm-bindgen writes.
const NAME: &str = "paceline";

/// Makes `pkg/wasm`.
pub fn build(project: &Project, dev: bool, force: bool) -> Result<()> {
    let sh = &project.sh;
    let toolchain = setup::wasm_toolchain()
        .with_context(|| format!("no compiler here builds for {TARGET}; run `cargo xtask setup`"))?;
    let bindgen = setup::wasm_bindgen(project)?
        .context("wasm-bindgen is missing or of another version; run `cargo xtask setup`")?;
    let (profile, folder) = if dev { ("dev", "debug") } else { ("wasm", "wasm") };

    let compile =
        cmd!(sh, "cargo build --lib --profile {profile} --no-default-features --target {TARGET} --locked")
            // They would replace the flags of .cargo/config.toml.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run("the engine, for the browser", toolchain.applied_to(compile))?;

    let compiled = project.target().join(TARGET).join(folder).join(format!("{NAME}.wasm"));
    let out = project.path(FOLDER);
    // The optimizer takes longer than everything else of a small change.
    let stamp = Stamp::at(project.state().join("wasm"));
    let from = format!("{profile} {}", fingerprint::of_file(&compiled)?);
    if !force && stamp.holds(&from) && out.join(format!("{NAME}_bg.wasm")).is_file() {
        say("the compiled engine is the same as last time");
        return Ok(());
    }
    stamp.clear();
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("emptying {}", out.display()))?;
    }
    run(
        "its JavaScript glue and types",
        cmd!(sh, "{bindgen} --target web --out-dir {out} --out-name {NAME} {compiled}"),
    )?;
    if !dev {
        optimize(project, &out)?;
    }
    stamp.write(&from)
}

fn optimize(project: &Project, out: &Path) -> Result<()> {
    let raw = out.join(format!("{NAME}_bg.wasm"));
    let small = out.join("optimized.wasm");
    run(
        "smaller and faster than the compiler alone makes it",
        cmd!(
            project.sh,
            "node node_modules/binaryen/bin/wasm-opt -O3 --strip-debug --strip-producers -o {small} {raw}"
        ),
    )?;
    fs::rename(&small, &raw).with_context(|| format!("replacing {}", raw.display()))
}
