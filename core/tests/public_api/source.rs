//! The modules of a crate, read from its sources.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::Span;
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta, UseTree, Visibility, spanned::Spanned};

/// A module: its items, and its child modules by name.
pub(crate) struct Module {
    pub(crate) items: Vec<Item>,
    pub(crate) children: BTreeMap<String, Module>,
}

/// The path of an item from the root of the crate.
pub(crate) type ItemPath = Vec<String>;

impl Module {
    /// Reads the root file of a crate and the files of its modules. Leaves out tests and models.
    pub(crate) fn read(root: &Path) -> Module {
        let folder = root.parent().unwrap();
        Module::parse(items(root), folder)
    }

    fn parse(all: Vec<Item>, folder: &Path) -> Module {
        let mut module = Module { items: Vec::new(), children: BTreeMap::new() };
        for item in all {
            let attributes = attributes(&item);
            if attributes.iter().any(is_left_out) {
                continue;
            }
            if let Item::Mod(child) = &item {
                let name = child.ident.to_string();
                let below = folder.join(&name);
                let parsed = match &child.content {
                    Some((_, items)) => Module::parse(items.clone(), &below),
                    None => Module::parse(items(&file(folder, &name, &child.attrs)), &below),
                };
                module.children.insert(name, parsed);
            }
            module.items.push(item);
        }
        module
    }

    /// Returns the module at a path.
    pub(crate) fn at(&self, path: &[String]) -> Option<&Module> {
        path.iter().try_fold(self, |module, name| module.children.get(name))
    }

    /// Returns the path at which an item is defined that the module at `module` names by `path`, or
    /// `None` for an item of another crate.
    pub(crate) fn resolve(&self, module: &[String], path: &[String]) -> Option<ItemPath> {
        let mut at = module.to_vec();
        for (index, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ if index + 1 == path.len() => return self.defined(&at, name),
                _ => {
                    at.push(name.clone());
                    if self.at(&at).is_none() {
                        // A module that is named by a `use`, or another crate.
                        let name = at.pop()?;
                        at = self.imported(&at, &name)?;
                    }
                }
            }
        }
        Some(at)
    }

    /// Returns the path of the item that has a name in the module at `at`.
    fn defined(&self, at: &[String], name: &str) -> Option<ItemPath> {
        let is_here = self.at(at)?.items.iter().any(|item| ident(item).is_some_and(|own| own == name));
        if is_here { Some(with(at, name)) } else { self.imported(at, name) }
    }

    /// Returns the path of the item that a `use` of the module at `at` gives a name.
    fn imported(&self, at: &[String], name: &str) -> Option<ItemPath> {
        let uses = self.at(at)?.items.iter().filter_map(|item| match item {
            Item::Use(item) => Some(&item.tree),
            _ => None,
        });
        let (path, _) = uses.flat_map(leaves).find(|(path, alias)| {
            // `use a::name as name` would be its own definition.
            alias == name && path.as_slice() != [name]
        })?;
        self.resolve(at, &path)
    }
}

/// Returns each imported path with the name that it gets.
pub(crate) fn leaves(tree: &UseTree) -> Vec<(ItemPath, String)> {
    match tree {
        UseTree::Path(path) => {
            let own = path.ident.to_string();
            let rest = leaves(&path.tree).into_iter().map(|(rest, name)| match &rest[..] {
                // `module::{self}` names the module.
                [only] if only == "self" => {
                    (vec![own.clone()], if name == "self" { own.clone() } else { name })
                }
                _ => ([vec![own.clone()], rest].concat(), name),
            });
            rest.collect()
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Glob(_) => vec![(vec!["*".to_owned()], "*".to_owned())],
    }
}

/// Returns a path with one more name.
pub(crate) fn with(path: &[String], name: &str) -> ItemPath {
    [path, &[name.to_owned()]].concat()
}

/// Returns the source of a part of a file in one line, without comments.
pub(crate) fn text(part: &impl Spanned) -> String {
    let text = lines(part.span()).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
}

/// Returns the lines of source of a span, without comments.
pub(crate) fn lines(span: Span) -> Vec<String> {
    let text = span.source_text().unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.starts_with("//")).map(str::to_owned).collect()
}

pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns whether an item is not part of the API or of no build of the library.
fn is_left_out(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let tokens = list.tokens.to_string();
    list.path.is_ident("doc") && tokens == "hidden"
        || list.path.is_ident("cfg") && ["test", "doctest", "ictus_loom"].contains(&tokens.as_str())
}

/// Returns whether `#[doc(hidden)]` is among the attributes.
pub(crate) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(is_left_out)
}

/// Returns whether a doc comment has a block of code that rustdoc compiles.
pub(crate) fn has_example(attributes: &[Attribute]) -> bool {
    let mut is_open = false;
    let mut languages = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { return None };
        let line = line.value();
        let language = line.trim().strip_prefix("```").filter(|_| pair.path.is_ident("doc"))?;
        is_open = !is_open;
        is_open.then(|| language.to_owned())
    });
    let is_compiled = |word: &str| ["", "rust", "no_run", "should_panic"].contains(&word);
    languages.any(|language| language.split(',').map(str::trim).all(is_compiled))
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the name of an item, for those that have one.
pub(crate) fn ident(item: &Item) -> Option<&syn::Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Mod(item) => Some(&item.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

fn items(file: &Path) -> Vec<Item> {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}

/// Returns the file of a module: the one that `#[path]` states, or the one of its name.
fn file(folder: &Path, name: &str, attributes: &[Attribute]) -> PathBuf {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("path")) {
        if let Meta::NameValue(pair) = &attribute.meta {
            return folder.join(text(&pair.value).trim_matches('"'));
        }
    }
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() { flat } else { folder.join(name).join("mod.rs") }
}
