//! What a Rust source declares and names.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree};

/// A path as it is written.
pub struct Written {
    pub segments: Vec<String>,
    pub line: usize,
}

/// What is in a module, without what is in the modules in it.
#[derive(Default)]
pub struct Source {
    /// Modules, with what is in them, or with the file's name where that is given.
    pub modules: Vec<(String, Declared)>,
    /// Names of other items.
    pub items: Vec<String>,
    /// Names that a `use` brings in, and what they stand for.
    pub imports: Vec<(String, Vec<String>)>,
    /// Modules all of whose names a `use` brings in.
    pub globs: Vec<Vec<String>>,
    /// Every path that is named.
    pub paths: Vec<Written>,
}

/// Where the inside of a module is.
pub enum Declared {
    Here(Source),
    File(Option<String>),
}

impl Source {
    /// Reads a file.
    pub fn parse(text: &str) -> syn::Result<Self> {
        let file = syn::parse_file(text)?;
        let mut source = Self::default();
        file.items.iter().for_each(|item| source.visit_item(item));
        Ok(source)
    }

    /// Adds the leaves of a `use`.
    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (name, segments, line) = match tree {
            UseTree::Path(path) => return self.import(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree, before)),
            UseTree::Glob(glob) => {
                self.globs.push(before.to_vec());
                (None, before.to_vec(), glob.star_token.spans[0].start().line)
            }
            UseTree::Name(leaf) if leaf.ident == "self" => {
                (before.last().cloned(), before.to_vec(), leaf.ident.span().start().line)
            }
            UseTree::Name(leaf) => {
                (Some(leaf.ident.to_string()), with(&leaf.ident), leaf.ident.span().start().line)
            }
            UseTree::Rename(leaf) => {
                let segments = if leaf.ident == "self" { before.to_vec() } else { with(&leaf.ident) };
                (Some(leaf.rename.to_string()), segments, leaf.ident.span().start().line)
            }
        };
        self.imports.extend(name.map(|name| (name, segments.clone())));
        self.paths.push(Written { segments, line });
    }

    /// Adds the paths among the tokens of a macro, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Option<Written> = None;
        let mut colons = 0;
        for token in tokens {
            match (&token, &mut path) {
                (TokenTree::Punct(punct), Some(_)) if punct.as_char() == ':' && colons < 2 => {
                    colons += 1;
                    continue;
                }
                (TokenTree::Ident(ident), Some(path)) if colons == 2 => path.segments.push(ident.to_string()),
                (TokenTree::Ident(ident), _) => {
                    self.paths.extend(path.take());
                    path =
                        Some(Written { segments: vec![ident.to_string()], line: ident.span().start().line });
                }
                (TokenTree::Group(group), _) => {
                    self.paths.extend(path.take());
                    self.tokens(group.stream());
                }
                _ => self.paths.extend(path.take()),
            }
            colons = 0;
        }
        self.paths.extend(path);
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = about(item);
        if is_test(attributes) {
            return;
        }
        match item {
            Item::Use(item) => {
                attributes.iter().for_each(|attribute| self.visit_attribute(attribute));
                self.import(&item.tree, &[]);
            }
            Item::Mod(item) => {
                let inside = match &item.content {
                    Some((_, items)) => {
                        let mut source = Self::default();
                        items.iter().for_each(|item| source.visit_item(item));
                        Declared::Here(source)
                    }
                    None => Declared::File(path_of(attributes)),
                };
                self.modules.push((item.ident.to_string(), inside));
            }
            item => {
                self.items.extend(name);
                visit::visit_item(self, item);
            }
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    /// `pub(crate)` names nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.paths.push(Written { segments, line: first.ident.span().start().line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

/// An item's attributes and its name.
fn about(item: &Item) -> (&[Attribute], Option<String>) {
    let (attributes, ident) = match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::TraitAlias(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Mod(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        Item::Impl(item) => (&item.attrs, None),
        Item::ForeignMod(item) => (&item.attrs, None),
        Item::ExternCrate(item) => (&item.attrs, None),
        _ => return (&[], None),
    };
    (attributes, ident.map(ToString::to_string))
}

/// Whether an item is there in tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => needs_test(list.tokens.clone()),
        _ => false,
    })
}

/// Whether a condition holds in tests alone: `test`, or `all` with that in it.
fn needs_test(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name)] => name == "test",
        [TokenTree::Ident(all), TokenTree::Group(group)]
            if all == "all" && group.delimiter() == Delimiter::Parenthesis =>
        {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let comma =
                |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            tokens.split(comma).any(|part| needs_test(part.iter().cloned().collect()))
        }
        _ => false,
    }
}

/// The file that `#[path = "..."]` names.
fn path_of(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(value) if value.path.is_ident("path") => match &value.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}
