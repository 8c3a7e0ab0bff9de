//! `cargo xtask setup`: what the project needs, checked and then installed where it is missing.

mod debian;
mod model;
mod npm;
mod rust;
mod system;
mod wasm_bindgen;
mod wasm_target;

use anyhow::{Result, bail};

pub use model::{VARIABLE as MODEL_VARIABLE, path as model_path};
pub use wasm_bindgen::find as wasm_bindgen;
pub use wasm_target::{TARGET, Toolchain, toolchain as wasm_toolchain};

use crate::project::Project;
use crate::shell::say;

/// Arguments of `setup`.
#[derive(clap::Args)]
pub struct Args {
    /// Only checks; installs nothing.
    #[arg(long)]
    check: bool,
}

/// How a need stands.
enum Status {
    /// There, with a word on which one.
    Present(String),
    /// Not there, with what exactly is lacking.
    Missing(String),
}

/// One thing that the project needs on the machine.
trait Need {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What it is needed for.
    fn why(&self) -> &'static str;
    /// Looks, and changes nothing.
    fn status(&self, project: &Project) -> Result<Status>;
    /// Installs it.
    fn install(&self, project: &Project) -> Result<()>;
    /// The command to type where `install` could not.
    fn by_hand(&self, project: &Project) -> String;
}

/// What it takes to build and to run the page.
fn for_demo() -> Vec<Box<dyn Need>> {
    vec![
        Box::new(system::Node),
        Box::new(wasm_target::WasmTarget),
        Box::new(wasm_bindgen::WasmBindgen),
        Box::new(npm::Packages),
        Box::new(model::Model),
    ]
}

/// What the tests and benches need on top.
fn for_tests() -> Vec<Box<dyn Need>> {
    let mut needs: Vec<Box<dyn Need>> = vec![Box::new(rust::Components), Box::new(system::Browser)];
    needs.extend(for_demo());
    needs
}

/// Runs the command.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    satisfy(project, &for_tests(), args.check)
}

/// Installs what is missing for the tests and benches.
pub fn ensure_all(project: &Project) -> Result<()> {
    satisfy(project, &for_tests(), false)
}

/// Fetches the model where it is missing.
pub fn ensure_model(project: &Project) -> Result<()> {
    satisfy(project, &[Box::new(model::Model) as Box<dyn Need>], false)
}

/// Installs what is missing for the demo.
pub fn ensure_demo(project: &Project) -> Result<()> {
    satisfy(project, &for_demo(), false)
}

fn satisfy(project: &Project, needs: &[Box<dyn Need>], only_check: bool) -> Result<()> {
    let mut lacking = Vec::new();
    for need in needs {
        if let Err(reason) = satisfy_one(project, need.as_ref(), only_check) {
            eprintln!("  lacks  {}: {reason:#}", need.name());
            lacking.push(need);
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    eprintln!("\nStill missing; by hand:");
    for need in &lacking {
        eprintln!("  # {}: {}", need.name(), need.why());
        eprintln!("  {}", need.by_hand(project));
    }
    bail!("{} of {} things that the project needs are missing", lacking.len(), needs.len())
}

fn satisfy_one(project: &Project, need: &dyn Need, only_check: bool) -> Result<()> {
    let missing = match need.status(project)? {
        Status::Present(which) => {
            eprintln!("  ok     {}: {which}", need.name());
            return Ok(());
        }
        Status::Missing(what) => what,
    };
    if only_check {
        bail!("{missing}");
    }
    say(&format!("{}: {missing}; installing it {}", need.name(), need.why()));
    need.install(project)?;
    match need.status(project)? {
        Status::Present(which) => {
            eprintln!("  ok     {}: {which}", need.name());
            Ok(())
        }
        Status::Missing(what) => bail!("installed, and yet: {what}"),
    }
}
