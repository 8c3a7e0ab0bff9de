//! The scripts that trained the shipped draft: all are Python, and what they ask the target is what they say.
//! What needs PyTorch is `models/train/test_training.py`, by hand.

use std::path::Path;
use std::process::Command;

fn python(arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/train");
    let caches = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("python3")
        .args(arguments)
        .current_dir(folder)
        .env("PYTHONPYCACHEPREFIX", caches.path())
        .output()
        .expect("python3, which `cargo xtask setup` needs too");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_script_compiles() {
    python(&["-m", "compileall", "-q", "."]);
}

#[test]
fn texts_and_scripts_are_what_they_say() {
    python(&["-m", "unittest", "test_texts"]);
}
