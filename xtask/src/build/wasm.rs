//! The engine's wasm: compiled, given its JavaScript glue, optimized.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::cmd;

use super::memory;
use crate::fingerprint::{self, Stamp};
use crate::project::Project;
use crate::setup::{self, TARGET};
use crate::shell::{run, say};

/// Where the package's build takes the wasm and its glue from.
const FOLDER: &str = "pkg/wasm";
/// Where the browser tests take the engine with rigs from, in the target folder.
const RIGS: &str = "rigs";
/// The stem of what wasm-bindgen writes.
const NAME: &str = "paceline";

/// Makes `pkg/wasm`.
pub fn build(project: &Project, dev: bool, force: bool) -> Result<()> {
    let (profile, folder) = if dev { ("dev", "debug") } else { ("wasm", "wasm") };
    let compiled = compile(project, "the engine, for the browser", profile, folder, &[])?;
    let out = project.path(FOLDER);
    // The optimizer takes longer than everything else of a small change.
    let stamp = Stamp::at(project.state().join("wasm"));
    let from = format!("{profile} {}", fingerprint::of_file(&compiled)?);
    if !force && stamp.holds(&from) && out.join(format!("{NAME}_bg.wasm")).is_file() {
        say("the compiled engine is the same as last time");
        return Ok(());
    }
    stamp.clear();
    glue(project, &compiled, &out)?;
    if !dev {
        optimize(project, &out)?;
    }
    twice(&out)?;
    stamp.write(&from)
}

/// Makes the engine with its test rigs, which the package's is without, for the browser tests. Not optimized further: only
/// what it decides is looked at.
pub fn build_with_rigs(project: &Project) -> Result<()> {
    let features = ["--features", "rigs"];
    let compiled =
        compile(project, "the engine with its test rigs, for the browser", "wasm", "wasm", &features)?;
    let out = project.target().join(RIGS);
    glue(project, &compiled, &out)?;
    twice(&out)
}

/// Compiles the engine for the browser: the path of the wasm.
fn compile(project: &Project, what: &str, profile: &str, folder: &str, features: &[&str]) -> Result<PathBuf> {
    let toolchain = setup::wasm_toolchain()
        .with_context(|| format!("no compiler here builds for {TARGET}; run `cargo xtask setup`"))?;
    let flags = memory::FLAGS;
    let compile = cmd!(
        project.sh,
        "cargo rustc --lib --profile {profile} --no-default-features {features...} --target {TARGET} --locked -- {flags...}"
    );
    // They would replace the flags of .cargo/config.toml.
    let compile = compile.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(what, toolchain.applied_to(compile))?;
    Ok(project.target().join(TARGET).join(folder).join(format!("{NAME}.wasm")))
}

/// Writes the wasm with its JavaScript to an emptied folder.
fn glue(project: &Project, compiled: &Path, out: &Path) -> Result<()> {
    let bindgen = setup::wasm_bindgen(project)?
        .context("wasm-bindgen is missing or of another version; run `cargo xtask setup`")?;
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("emptying {}", out.display()))?;
    }
    let mut wasm = fs::read(compiled).with_context(|| format!("reading {}", compiled.display()))?;
    memory::align_nothing(&mut wasm)?;
    let aligned = compiled.with_file_name("aligned.wasm");
    fs::write(&aligned, wasm).with_context(|| format!("writing {}", aligned.display()))?;
    run(
        "its JavaScript glue and types",
        cmd!(project.sh, "{bindgen} --target web --out-dir {out} --out-name {NAME} {aligned}"),
    )
}

/// Writes the engine a second time: once its memory is shared, and once, as most pages want it, not.
fn twice(out: &Path) -> Result<()> {
    let path = out.join(format!("{NAME}_bg.wasm"));
    let shared = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    fs::write(out.join(format!("{NAME}_threads_bg.wasm")), &shared)
        .context("writing the engine for threads")?;
    fs::write(&path, memory::unshared(shared)?).with_context(|| format!("writing {}", path.display()))
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
