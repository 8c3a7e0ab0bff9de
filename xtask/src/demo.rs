//! `cargo xtask demo`: everything from nothing to a page that chats.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::serve::{Mount, serve};
use crate::{build, setup};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct Args {
    /// The port to listen on, on this machine only.
    #[arg(long, default_value_t = 8765)]
    port: u16,
    /// Offers this draft model on the page: a GGUF file with the model's own tokenizer.
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
}

/// Where the page looks for the model, and for a draft.
const MODEL: &str = "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
const DRAFT: &str = "/models/draft.gguf";

/// Runs the command; ends when it is interrupted.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    setup::ensure_demo(project)?;
    build::ensure(project, &build::Args::default())?;
    let mut mounts = vec![Mount { prefix: MODEL, path: setup::model_path(project) }];
    if let Some(draft) = &args.draft {
        let path = draft.canonicalize().with_context(|| format!("there is no {}", draft.display()))?;
        mounts.push(Mount { prefix: DRAFT, path });
    }
    mounts.push(Mount { prefix: "/", path: project.path("www/dist") });
    serve(args.port, &mounts, |address| {
        println!("Paceline's demo is at {address} - open it in a browser with WebGPU. Ctrl-C ends it.");
    })
}
