//! From a URL to a file, without leaving the mounts.

use std::path::PathBuf;

use super::Mount;

/// The file that `url` names, a folder's `index.html` for the folder. `None` where it names nothing that is served.
pub fn locate(url: &str, mounts: &[Mount]) -> Option<PathBuf> {
    let path = decode(url.split(['?', '#']).next()?)?;
    let (mount, rest) = mounts.iter().find_map(|mount| Some((mount, below(&path, mount.prefix)?)))?;
    let mut file = mount.path.clone();
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." || part.contains(['\\', '\0']) {
            return None;
        }
        file.push(part);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    file.is_file().then_some(file)
}

/// What follows `prefix` in `path`, if that is where a name ends.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Undoes percent encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(decode("/a%20b%C3%A9").as_deref(), Some("/a bé"));
        assert_eq!(decode("/a%2"), None);
        assert_eq!(decode("/a%zz"), None);
        assert_eq!(decode("/%ff"), None);
    }

    #[test]
    fn earlier_mounts_win_and_names_end_at_slashes() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("elsewhere.gguf");
        std::fs::write(&model, "").unwrap();
        std::fs::create_dir(folder.path().join("page")).unwrap();
        std::fs::write(folder.path().join("page/index.html"), "").unwrap();
        let mounts = [
            Mount { prefix: "/models/m.gguf", path: model.clone() },
            Mount { prefix: "/", path: folder.path().join("page") },
        ];
        assert_eq!(locate("/models/m.gguf?x=1", &mounts), Some(model));
        assert_eq!(locate("/models/m.gguf2", &mounts), None);
        assert_eq!(locate("/", &mounts), Some(folder.path().join("page/index.html")));
        assert_eq!(locate("/../elsewhere.gguf", &mounts), None);
        assert_eq!(locate("/%2e%2e/elsewhere.gguf", &mounts), None);
    }
}
