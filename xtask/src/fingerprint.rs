//! Whether something made earlier still fits what it was made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// SHA-256 over names and contents of files, in lower-case hex. Folders are walked, in order of name; what `skip`
/// names (files or folders) is left out, and paths that do not exist count as absent.
pub fn of(roots: &[PathBuf], skip: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for root in roots {
        add(&mut hash, root, skip)?;
    }
    Ok(hex(&hash.finalize()))
}

fn add(hash: &mut Sha256, path: &Path, skip: &[&str]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if skip.contains(&name.as_ref()) {
        return Ok(());
    }
    hash.update(name.as_bytes());
    if path.is_dir() {
        let mut entries = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
            .with_context(|| format!("reading {}", path.display()))?;
        entries.sort();
        hash.update(b"/(");
        for entry in entries {
            add(hash, &entry, skip)?;
        }
        hash.update(b")");
    } else if path.is_file() {
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    Ok(())
}

/// SHA-256 of one file, read in pieces.
pub fn of_file(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&piece[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A small file that remembers what something was made from.
pub struct Stamp {
    path: PathBuf,
}

impl Stamp {
    /// The stamp kept at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether it holds `value`.
    pub fn holds(&self, value: &str) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|stored| stored.trim() == value)
    }

    /// Makes it hold `value`.
    pub fn write(&self, value: &str) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, value).with_context(|| format!("writing {}", self.path.display()))
    }

    /// Forgets.
    pub fn clear(&self) {
        // Nothing to forget is fine; a stamp that cannot be removed is overwritten by the next `write`.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_name_or_content_changes_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let roots = [folder.path().to_path_buf()];
        fs::write(folder.path().join("a"), "1").unwrap();
        let one = of(&roots, &[]).unwrap();
        assert_eq!(one, of(&roots, &[]).unwrap());
        fs::write(folder.path().join("a"), "2").unwrap();
        let two = of(&roots, &[]).unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        let three = of(&roots, &[]).unwrap();
        assert!(one != two && two != three && one != three);
        assert_eq!(three, of(&roots, &["dist"]).unwrap());
        assert_ne!(three, of(&roots, &["b"]).unwrap());
    }

    #[test]
    fn a_missing_root_is_no_error() {
        assert!(of(&[PathBuf::from("/nonexistent/paceline")], &[]).is_ok());
    }

    #[test]
    fn files_hash_as_sha256sum_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        assert_eq!(
            of_file(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn stamps_remember_and_forget() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp::at(folder.path().join("deep/stamp"));
        assert!(!stamp.holds("x"));
        stamp.write("x").unwrap();
        assert!(stamp.holds("x") && !stamp.holds("y"));
        stamp.clear();
        assert!(!stamp.holds("x"));
    }
}
