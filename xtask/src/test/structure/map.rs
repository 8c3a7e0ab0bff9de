//! Whether `docs/architecture.md` is true: its rooms, their order, and what it says is to be touched.

use std::collections::BTreeSet;

use anyhow::Result;
use regex::Regex;
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Expr, ImplItem, Item, Token};

use super::tree::Tree;
use super::{modules, picture};

/// The page.
const PAGE: &str = "docs/architecture.md";

/// What the page says and what is not so.
pub fn untrue(tree: &Tree) -> Result<Vec<String>> {
    let Some(page) = tree.text(PAGE) else {
        return Ok(vec![format!("there is no {PAGE}")]);
    };
    let rooms = rooms(page)?;
    let arrows = modules::arrows(tree)?;
    let mut faults = out_of_order(tree, &rooms, &arrows);
    faults.extend(picture::untrue(page, &arrows).into_iter().map(|fault| format!("{PAGE}: {fault}")));
    let mut rows = 0;
    for row in rows_of(page) {
        faults.extend(
            untrue_row(tree, &row)?.into_iter().map(|fault| format!("{PAGE}, {}: {fault}", row.name)),
        );
        rows += 1;
    }
    if rows == 0 {
        faults.push(format!("{PAGE} has no table that begins with `| To add |`"));
    }
    Ok(faults)
}

/// Modules of `src`, in the order of the headings that describe them. One heading may be about several.
fn rooms(page: &str) -> Result<Vec<Vec<String>>> {
    let name = Regex::new(r"`src/(\w+)(?:\.rs)?`")?;
    let headings = page.lines().filter(|line| line.starts_with("### "));
    let rooms =
        headings.map(|line| name.captures_iter(line).map(|found| found[1].to_owned()).collect::<Vec<_>>());
    Ok(rooms.filter(|names| !names.is_empty()).collect())
}

/// Modules without a heading, headings without a module, and modules that name one that comes after them.
fn out_of_order(tree: &Tree, rooms: &[Vec<String>], arrows: &[modules::Arrow]) -> Vec<String> {
    let known: BTreeSet<&str> = rooms.iter().flatten().map(String::as_str).collect();
    let own: BTreeSet<String> = tree
        .below("src")
        .iter()
        .map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned())
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
        .collect();
    let mut faults: Vec<String> = Vec::new();
    let lost = own.iter().filter(|name| !known.contains(name.as_str()));
    faults.extend(lost.map(|name| format!("{PAGE} has no heading for `src/{name}`")));
    let gone = known.iter().filter(|name| !own.contains(**name));
    faults.extend(gone.map(|name| format!("{PAGE} has a heading for `src/{name}`, which is not there")));
    let nth = |name: &str| rooms.iter().position(|names| names.iter().any(|known| known == name));
    for modules::Arrow { from, to, place } in arrows {
        if let (Some(user), Some(used)) = (nth(from), nth(to))
            && used > user
        {
            faults.push(format!("{PAGE} has `src/{to}` above `src/{from}`, but {place}"));
        }
    }
    faults
}

/// What is to be touched for something new.
struct Row<'a> {
    /// What is added.
    name: &'a str,
    /// The folder of the files, and what there is in it besides.
    files: &'a str,
    /// The table, and what else.
    rest: Vec<&'a str>,
}

fn rows_of(page: &str) -> impl Iterator<Item = Row<'_>> {
    let lines = page.lines().skip_while(|line| !line.starts_with("| To add ")).skip(2);
    lines.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Row {
            name: cells.next().unwrap_or_default(),
            files: cells.next().unwrap_or_default(),
            rest: cells.collect(),
        }
    })
}

fn untrue_row(tree: &Tree, row: &Row<'_>) -> Result<Vec<String>> {
    let item = Regex::new(r"`([\w:]+)` in `([^`]+)`")?;
    let named = Regex::new(r"`([^`]+)`")?;
    let mut faults = Vec::new();
    let (mut table, mut other) = (None, false);
    for found in row.rest.iter().flat_map(|cell| item.captures_iter(cell)) {
        let (name, path) = (&found[1], found.get(2).map_or("", |path| path.as_str()));
        match tree.text(path) {
            None => faults.push(format!("there is no `{path}`")),
            Some(text) if path.ends_with(".rs") => match rust_item(text, name)? {
                None => faults.push(format!("`{path}` has no `{name}`")),
                Some(Found::Table(lines)) => table = table.or(Some((name.to_owned(), lines))),
                Some(Found::Other) => other = true,
            },
            Some(text) => {
                let declared = format!(r"\b(?:const|let|function|class|interface|type|enum) {name}\b");
                if !Regex::new(&declared)?.is_match(text) {
                    faults.push(format!("`{path}` has no `{name}`"));
                }
            }
        }
    }
    let mut names = named.captures_iter(row.files).map(|found| found[1].to_owned());
    match (names.next(), table) {
        (None, None) if !other => faults.push("neither a folder nor a table is named".to_owned()),
        (None, _) => {}
        (Some(folder), _) if tree.below(&folder).is_empty() => faults.push(format!("there is no `{folder}`")),
        (Some(_), None) => {}
        (Some(folder), Some((name, lines))) => {
            faults.extend(disagreements(tree, &folder, &names.collect::<Vec<_>>(), &name, &lines));
        }
    }
    Ok(faults)
}

/// Files that a table does not name, its lines that name no file, and exceptions that are none.
fn disagreements(
    tree: &Tree,
    folder: &str,
    besides: &[String],
    name: &str,
    table: &[BTreeSet<String>],
) -> Vec<String> {
    let files = parts(tree, folder, "");
    let lines = table.iter().enumerate();
    let is_named = |file: &String, line: &BTreeSet<String>| line.contains(file) || line.contains(stem(file));
    let mut faults = Vec::new();
    for file in &files {
        let excepted = besides.iter().any(|other| is_part(file, other));
        let named = table.iter().any(|line| is_named(file, line));
        if named == excepted {
            let what = if named { "names, though it is excepted" } else { "does not name" };
            faults.push(format!("`{folder}` has `{file}`, which `{name}` {what}"));
        }
    }
    let lost = besides.iter().filter(|other| !files.iter().any(|file| is_part(file, other)));
    faults.extend(lost.map(|other| format!("`{folder}` has no `{other}`")));
    let without = lines.filter(|(_, line)| !files.iter().any(|file| is_named(file, line)));
    faults
        .extend(without.map(|(nth, _)| format!("line {} of `{name}` names no file of `{folder}`", nth + 1)));
    faults
}

/// Files below a folder that are not its own tests or list; a folder that is a module counts as one.
fn parts(tree: &Tree, folder: &str, before: &str) -> Vec<String> {
    let folder = folder.trim_end_matches('/');
    let names = tree
        .below(folder)
        .into_iter()
        .filter(|name| !["mod.rs", "tests.rs", "tests/"].contains(&name.as_str()));
    names
        .flat_map(|name| match name.strip_suffix('/') {
            Some(inner) if tree.text(&format!("{folder}/{name}mod.rs")).is_none() => {
                parts(tree, &format!("{folder}/{inner}"), &format!("{before}{name}"))
            }
            Some(inner) => vec![format!("{before}{inner}")],
            None => vec![format!("{before}{name}")],
        })
        .collect()
}

/// Whether a file is called so, or is in a folder that is.
fn is_part(file: &str, name: &str) -> bool {
    file == name || stem(file) == name || file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".rs").unwrap_or(file)
}

/// An item.
enum Found {
    /// A table: what each of its lines names, which is the first parts of its paths, and its strings.
    Table(Vec<BTreeSet<String>>),
    /// Something else.
    Other,
}

/// A line of a table.
#[derive(Default)]
struct InLine(BTreeSet<String>);

impl<'ast> Visit<'ast> for InLine {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A module that must not hide a type has an underscore behind its name.
        let first =
            path.segments.first().map(|first| first.ident.to_string().trim_end_matches('_').to_owned());
        self.0.extend(first);
        syn::visit::visit_path(self, path);
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.0.insert(text.value());
    }
}

/// What a Rust item called `name`, or `Type::NAME`, names, if there is one.
fn rust_item(text: &str, name: &str) -> Result<Option<Found>> {
    let file = syn::parse_file(text)?;
    let (of, name) = name.split_once("::").map_or((None, name), |(of, name)| (Some(of), name));
    Ok(file.items.iter().find_map(|item| match (item, of) {
        (Item::Static(item), None) if item.ident == name => Some(lines(&item.expr)),
        (Item::Const(item), None) if item.ident == name => Some(lines(&item.expr)),
        (Item::Struct(item), None) => (item.ident == name).then_some(Found::Other),
        (Item::Enum(item), None) => (item.ident == name).then_some(Found::Other),
        (Item::Trait(item), None) => (item.ident == name).then_some(Found::Other),
        (Item::Fn(item), None) => (item.sig.ident == name).then_some(Found::Other),
        (Item::Macro(item), None) => item.ident.as_ref().filter(|ident| *ident == name).map(|_| Found::Other),
        (Item::Impl(item), Some(of)) => match &*item.self_ty {
            syn::Type::Path(path) if path.path.is_ident(of) => {
                item.items.iter().find_map(|item| match item {
                    ImplItem::Const(item) if item.ident == name => Some(lines(&item.expr)),
                    ImplItem::Fn(item) if item.sig.ident == name => Some(Found::Other),
                    _ => None,
                })
            }
            _ => None,
        },
        _ => None,
    }))
}

fn lines(value: &Expr) -> Found {
    let line = |element: &Expr| {
        let mut line = InLine::default();
        line.visit_expr(element);
        line.0
    };
    let lines = match value {
        Expr::Reference(inner) => return lines(&inner.expr),
        Expr::Array(array) => array.elems.iter().map(line).collect(),
        Expr::Macro(call) => {
            let list = call.mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
            list.map(|list| list.iter().map(line).collect()).unwrap_or_default()
        }
        _ => return Found::Other,
    };
    Found::Table(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "# Map\n\ncli --> gguf\ngguf --> source\n\n### `src/source.rs` and `src/gguf`\n\nBytes.\n\n### `src/cli`\n\n\
        | To add | a file in | a line of | and |\n|---|---|---|---|\n\
        | a format | `src/gguf/format/`, besides `parts` | `FORMATS` in `src/gguf/format/mod.rs` | `Store` in `pkg/src/store.ts` |\n\
        | a kernel | `src/gguf/kernels/` | `Kernels::ALL` in `src/gguf/mod.rs` | |\n\
        | a folder | `pkg/src/` | – | `open` in `pkg/src/store.ts` |\n\
        | a choice | – | `Choice` in `src/gguf/mod.rs` | |\n\nElse.\n";

    /// What is found where `old` is `new`, in whichever file it stands.
    fn with(old: &str, new: &str) -> Vec<String> {
        let files = [
            ("docs/architecture.md", RIGHT),
            ("src/lib.rs", "pub mod gguf; pub mod source;"),
            ("src/main.rs", "mod cli;"),
            ("src/source.rs", "pub struct Bytes;"),
            ("src/cli/mod.rs", "use paceline::gguf::Choice;"),
            (
                "src/gguf/mod.rs",
                "mod format;\nuse crate::source::Bytes; pub enum Choice { A }\n\
                 struct Kernels; impl Kernels { const ALL: &[&str] = sources![\"a.wgsl\", \"deep/b.wgsl\"]; }\n",
            ),
            ("src/gguf/kernels/a.wgsl", ""),
            ("src/gguf/kernels/deep/b.wgsl", ""),
            (
                "src/gguf/format/mod.rs",
                "mod f32; mod q4; mod parts;\nstatic FORMATS: &[Spec] = &[f32_::SPEC, Spec { make: q4::make }];\n",
            ),
            ("src/gguf/format/f32.rs", "pub const SPEC: u32 = 1;"),
            ("src/gguf/format/q4/mod.rs", ""),
            ("src/gguf/format/q4/codes.rs", ""),
            ("src/gguf/format/parts.rs", "pub struct Part;"),
            ("pkg/src/store.ts", "export class Store {}\nexport function open() {}\n"),
        ];
        assert!(old.is_empty() || files.iter().any(|(_, text)| text.contains(old)), "{old}");
        let replaced = files
            .map(|(path, text)| (path, if old.is_empty() { text.into() } else { text.replace(old, new) }));
        untrue(&Tree::of(&replaced.each_ref().map(|(path, text)| (*path, text.as_str())))).unwrap()
    }

    #[test]
    fn a_true_page_is_true() {
        assert_eq!(with("", ""), [""; 0]);
    }

    #[test]
    fn what_is_untrue_is_found() {
        for (old, new, fault) in [
            ("`src/source.rs` and ", "", "no heading for `src/source`"),
            ("### `src/cli`", "### `src/cli` and `src/web`", "heading for `src/web`, which is not there"),
            (
                "pub struct Bytes;",
                "use crate::cli::Command;",
                "has `src/cli` above `src/source`, but src/source.rs:1 names crate::cli::Command",
            ),
            ("cli --> gguf\n", "", "no way from cli to gguf, but src/cli/mod.rs:1"),
            ("| To add", "| For", "no table"),
            (", Spec { make: q4::make }", "", "`src/gguf/format/` has `q4`, which `FORMATS` does not name"),
            (
                "q4::make }",
                "q4::make }, parts::SPEC",
                "has `parts.rs`, which `FORMATS` names, though it is excepted",
            ),
            ("q4::make }", "q4::make }, Spec::new()", "line 3 of `FORMATS` names no file"),
            ("besides `parts`", "besides `parts`, `pieces`", "`src/gguf/format/` has no `pieces`"),
            (", besides `parts`", "", "has `parts.rs`, which `FORMATS` does not name"),
            (
                "`src/gguf/kernels/` |",
                "`src/gguf/kernels/`, besides `deep` |",
                "which `Kernels::ALL` names, though it is excepted",
            ),
            (", \"deep/b.wgsl\"", "", "has `deep/b.wgsl`, which `Kernels::ALL` does not name"),
            ("`FORMATS` in", "`FORMS` in", "`src/gguf/format/mod.rs` has no `FORMS`"),
            ("`Kernels::ALL`", "`Kernels::NONE`", "has no `Kernels::NONE`"),
            ("class Store", "class Shop", "`pkg/src/store.ts` has no `Store`"),
            ("in `pkg/src/store.ts` |\n|", "in `pkg/src/stores.ts` |\n|", "there is no `pkg/src/stores.ts`"),
            ("`pkg/src/` |", "`pkg/sources/` |", "there is no `pkg/sources/`"),
            ("`Choice` in", "Choice in", "neither a folder nor a table"),
        ] {
            let found = with(old, new);
            assert!(found.iter().any(|found| found.contains(fault)), "{old} -> {new}: {found:?}");
        }
    }
}
