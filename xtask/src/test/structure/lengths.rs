//! Whether files can be read in one sitting.

use super::tree::Tree;

/// Lines of the longest file.
const MOST: usize = 400;

/// Where that holds.
const FOLDERS: [&str; 4] = ["src/", "pkg/src/", "www/src/", "xtask/src/"];

/// Files that may be longer, each with its reason. A table is looked up, not read; nothing else belongs here.
const TABLES: [(&str, &str); 0] = [];

/// Files that are too long, and lines of [`TABLES`] that have lost their reason.
pub fn long(tree: &Tree) -> Vec<String> {
    long_but(tree, &TABLES)
}

fn long_but(tree: &Tree, tables: &[(&str, &str)]) -> Vec<String> {
    let own = tree.files().filter(|(path, _)| FOLDERS.iter().any(|folder| path.starts_with(folder)));
    let long: Vec<(&str, usize)> =
        own.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > MOST).collect();
    let listed = |path: &str| tables.iter().any(|(table, _)| *table == path);
    let too_long = long.iter().filter(|(path, _)| !listed(path));
    let faults = too_long.map(|(path, lines)| format!("{path} has {lines} lines; {MOST} are the most"));
    let idle = tables.iter().filter(|(table, _)| !long.iter().any(|(path, _)| path == table));
    faults.chain(idle.map(|(path, _)| format!("{path} is excepted as a table, and need not be"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_unless_it_is_a_table() {
        let (long, fine) = ("a\n".repeat(401), "a\n".repeat(400));
        let tree = Tree::of(&[
            ("src/a.rs", &long),
            ("src/b.wgsl", &fine),
            ("pkg/src/c.ts", &long),
            ("tests/d.rs", &long),
        ]);
        assert_eq!(
            long_but(&tree, &[("src/a.rs", "names of everything"), ("src/b.wgsl", "was longer once")]),
            [
                "pkg/src/c.ts has 401 lines; 400 are the most",
                "src/b.wgsl is excepted as a table, and need not be"
            ]
        );
        assert_eq!(long_but(&tree, &[]).len(), 2);
    }
}
