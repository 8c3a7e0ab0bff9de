//! What earlier starts found out about adapters and about rounds on them, kept in the user's cache folder. Losing it costs some
//! time.

use std::path::PathBuf;

use paceline::load::Tuning;

use super::output;

fn path() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("paceline").join("tuning.json"))
}

pub fn read() -> Tuning {
    let read = || serde_json::from_slice(&std::fs::read(path()?).ok()?).ok();
    read().unwrap_or_default()
}

pub fn write(tuning: &Tuning) {
    let write = || {
        let path = path()?;
        std::fs::create_dir_all(path.parent()?).ok()?;
        output::replace(&path, &serde_json::to_vec(tuning).ok()?, true).ok()
    };
    let _ = write();
}
