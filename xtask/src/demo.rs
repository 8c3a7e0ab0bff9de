//! `cargo xtask demo`: everything from nothing to a page that chats.

use anyhow::Result;

use crate::project::Project;
use crate::serve::{Mount, serve};
use crate::{build, setup};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct Args {
    /// The port to listen on, on this machine only.
    #[arg(long, default_value_t = 8765)]
    port: u16,
}

/// Where the page looks for the model.
const MODEL: &str = "/models/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Runs the command; ends when it is interrupted.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure_demo(project)?;
    build::ensure(project, &build::Args::default())?;
    let mounts = [
        Mount { prefix: MODEL, path: setup::model_path(project) },
        Mount { prefix: "/", path: project.path("www/dist") },
    ];
    serve(args.port, &mounts, |address| {
        println!("Paceline's demo is at {address} - open it in a browser with WebGPU. Ctrl-C ends it.");
    })
}
