//! What a visitor downloads.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The largest the engine may be on the wire, in bytes.
const LIMIT: usize = 1_200_000;
/// What the limit is for.
const LIMITED: &str = "pkg/dist/paceline_bg.wasm";

/// A file's size, and what a server that compresses sends.
pub struct Size {
    path: PathBuf,
    raw: usize,
    brotli: usize,
}

/// Sizes of the scripts, styles and wasm directly in `folders`.
pub fn measure(folders: &[PathBuf]) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let mut files: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for path in files.into_iter().filter(|path| is_shipped(path)) {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            sizes.push(Size { raw: bytes.len(), brotli: brotli_size(&bytes)?, path });
        }
    }
    Ok(sizes)
}

/// The engine with a shared memory counts as the other one, from which it differs by a bit: a page fetches one of them.
fn is_shipped(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".js", ".css", ".wasm"].iter().any(|end| name.ends_with(end)) && !name.contains("_threads_bg")
}

/// Size after brotli at its best quality, as static hosts serve it.
fn brotli_size(bytes: &[u8]) -> Result<usize> {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 24);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(packed.len())
}

/// The sizes, a file a line.
pub fn table(sizes: &[Size], root: &Path) -> String {
    let mut text = format!("{:<44} {:>12} {:>12}\n", "file", "bytes", "brotli 11");
    for size in sizes {
        let name = size.path.strip_prefix(root).unwrap_or(&size.path).display().to_string();
        text += &format!("{name:<44} {:>12} {:>12}\n", size.raw, size.brotli);
    }
    text
}

/// Refuses an engine above the limit.
pub fn check(sizes: &[Size]) -> Result<()> {
    let engine = sizes
        .iter()
        .find(|size| size.path.ends_with(LIMITED))
        .with_context(|| format!("{LIMITED} was not built"))?;
    if engine.brotli > LIMIT {
        bail!("{LIMITED} is {} bytes with brotli, over the limit of {LIMIT}", engine.brotli);
    }
    println!("{LIMITED}: {} of at most {LIMIT} bytes with brotli", engine.brotli);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(brotli: usize) -> Vec<Size> {
        vec![Size { path: Path::new("/x").join(LIMITED), raw: 3 * brotli, brotli }]
    }

    #[test]
    fn the_limit_itself_is_allowed_and_nothing_above() {
        assert!(check(&engine(LIMIT)).is_ok());
        assert!(check(&engine(LIMIT + 1)).is_err());
        assert!(check(&[]).is_err());
    }

    #[test]
    fn only_what_is_shipped_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.js", "a.d.ts", "a.js.map", "b.wasm", "b_threads_bg-x.wasm", "c.css"] {
            fs::write(folder.path().join(name), "x".repeat(1000)).unwrap();
        }
        let sizes = measure(&[folder.path().to_path_buf()]).unwrap();
        let names: Vec<_> = sizes.iter().map(|s| s.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.js", "b.wasm", "c.css"]);
        assert!(sizes.iter().all(|s| s.raw == 1000 && s.brotli < 50));
        assert_eq!(table(&sizes, folder.path()).lines().count(), 4);
    }
}
