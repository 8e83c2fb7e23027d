//! Lists the public API of a crate from its sources, one line for each item.
//!
//! The lines have all that can be named outside of the crate: the items of public modules and of
//! `pub use`, their public fields, variants and methods, and the traits that they implement. Items
//! of a macro are listed by the invocation of the macro. Items with `#[doc(hidden)]` are not listed.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Fields, FnArg, ImplItem, Item, ItemImpl, ItemMacro, Meta, Signature, TraitItem, Type,
    spanned::Spanned,
};

use crate::source::{
    ItemPath, Module, attributes, has_example, ident, is_hidden, is_public, leaves, lines, text, with,
};

/// The public API of a crate.
pub(crate) struct Api {
    crate_name: &'static str,
    /// The committed listing.
    file: PathBuf,
    /// The listing.
    pub(crate) lines: Vec<String>,
    /// Enums and structs with public fields only that other crates may match or create exhaustively.
    pub(crate) exhaustive: Vec<String>,
    /// Structs and enums.
    pub(crate) types: Vec<String>,
    /// Types, traits and free functions whose documentation has no example that is tested.
    pub(crate) without_example: Vec<String>,
}

/// The lines of a crate while they are collected.
struct Lister<'a> {
    root: &'a Module,
    lines: BTreeSet<String>,
    exhaustive: Vec<String>,
    types: Vec<String>,
    without_example: Vec<String>,
    /// Definitions, and the first public name of each.
    listed: BTreeMap<ItemPath, String>,
    /// The macros of the crate that define public items or implement traits.
    macros: BTreeSet<String>,
}

impl Api {
    /// Reads the sources of a crate in `folder`.
    pub(crate) fn read(crate_name: &'static str, folder: &Path) -> Api {
        let root = Module::read(&folder.join("src/lib.rs"));
        let mut lister = Lister {
            root: &root,
            lines: BTreeSet::new(),
            exhaustive: Vec::new(),
            types: Vec::new(),
            without_example: Vec::new(),
            listed: BTreeMap::new(),
            macros: BTreeSet::new(),
        };
        lister.find_macros(&root);
        // Breadth first, so that an item is listed under its shortest name.
        let mut modules = vec![(Vec::new(), crate_name.to_owned())];
        while !modules.is_empty() {
            modules = modules.iter().flat_map(|(path, name)| lister.module(path, name)).collect();
        }
        lister.impls(&root, &[]);
        let Lister { lines, exhaustive, types, without_example, .. } = lister;
        let mut lines: Vec<String> = lines.into_iter().collect();
        // By the public names in the lines, so that the lines of a type follow it.
        let prefix = format!("{crate_name}::");
        lines.sort_by_cached_key(|line| {
            let rest = line.find(&prefix).map(|at| &line[at..]).unwrap_or_default();
            let name = rest.split(['(', ']', ' ', '<', '{']).next().unwrap_or_default().to_owned();
            (name, line.starts_with("impl"))
        });
        Api { crate_name, file: folder.join("public-api.txt"), lines, exhaustive, types, without_example }
    }

    /// Fails if a type, a trait or a function has no example and is not among the exceptions, or is
    /// among them and has one. Each exception has its reason.
    pub(crate) fn compare_examples(&self, exceptions: &[(&str, &str)]) {
        let allowed: BTreeSet<&str> = exceptions.iter().map(|(name, _)| *name).collect();
        let missing: BTreeSet<&str> = self.without_example.iter().map(String::as_str).collect();
        assert_eq!(
            missing, allowed,
            "left: the items without an example. Add a short one that asserts something to the doc comment of \
             each new item. Remove items from the exceptions that have an example by now."
        );
    }

    /// Fails if a struct or an enum is not among the checked types, whose names have no crate.
    pub(crate) fn compare_types(&self, checked: &[&str]) {
        let types: BTreeSet<&str> = self.types.iter().map(String::as_str).collect();
        let checked: Vec<String> =
            checked.iter().map(|name| format!("{}::{name}", self.crate_name)).collect();
        let checked: BTreeSet<&str> = checked.iter().map(String::as_str).collect();
        assert_eq!(
            types, checked,
            "left: the public types. Add each new type to the types that the test checks."
        );
    }

    /// Compares the listing with the committed file, or rewrites that if `ICTUS_BLESS` is set.
    pub(crate) fn compare(&self) {
        if env::var_os("ICTUS_BLESS").is_some() {
            fs::write(&self.file, self.lines.join("\n") + "\n").unwrap();
            return;
        }
        let committed = fs::read_to_string(&self.file).unwrap_or_default();
        let committed: BTreeSet<&str> = committed.lines().collect();
        let current: BTreeSet<&str> = self.lines.iter().map(String::as_str).collect();
        let removed = committed.difference(&current).map(|line| format!("- {line}"));
        let changes: Vec<String> =
            removed.chain(current.difference(&committed).map(|line| format!("+ {line}"))).collect();
        assert!(
            changes.is_empty(),
            "the public API of {name} has changed:\n{}\nIf that is intended, run `ICTUS_BLESS=1 cargo test -p \
             {package} --test public_api`, and commit the difference.",
            changes.join("\n"),
            name = self.crate_name,
            package = self.crate_name.replace('_', "-"),
        );
    }
}

impl Lister<'_> {
    /// Lists the items of a public module. Returns its public child modules with their names.
    fn module(&mut self, path: &[String], name: &str) -> Vec<(ItemPath, String)> {
        let mut children = Vec::new();
        let root = self.root;
        for item in &root.at(path).unwrap().items {
            let guard = guard(attributes(item));
            match item {
                Item::Use(item) if is_public(&item.vis) => {
                    for (used, alias) in leaves(&item.tree) {
                        assert_ne!(alias, "*", "{name}: name the items of a public `use`");
                        let public = format!("{name}::{alias}");
                        match root.resolve(path, &used) {
                            Some(definition) => children.extend(self.item(&definition, public, &guard)),
                            None => {
                                _ = self
                                    .lines
                                    .insert(format!("pub use {public} = {}{guard}", used.join("::")))
                            }
                        }
                    }
                }
                _ => {
                    if let Some(own) = ident(item) {
                        let public = format!("{name}::{own}");
                        children.extend(self.item(&with(path, &own.to_string()), public, &guard));
                    }
                }
            }
        }
        children
    }

    /// Lists an item under a public name. Returns it if it is a module.
    fn item(&mut self, definition: &ItemPath, name: String, guard: &str) -> Option<(ItemPath, String)> {
        let (own, module) = definition.split_last()?;
        let root = self.root;
        let items = &root.at(module)?.items;
        let mut module = None;
        for item in items.iter().filter(|item| ident(item).is_some_and(|ident| ident == own)) {
            if let Some(first) = self.listed.get(definition)
                && *first != name
            {
                self.lines.insert(format!("pub use {name} = {first}{guard}"));
                continue;
            }
            let line = match item {
                Item::Mod(item) if is_public(&item.vis) => {
                    module = Some((definition.clone(), name.clone()));
                    format!("pub mod {name}")
                }
                Item::Const(item) if is_public(&item.vis) => format!("pub const {name}: {}", text(&item.ty)),
                Item::Static(item) if is_public(&item.vis) => {
                    format!("pub static {name}: {}", text(&item.ty))
                }
                Item::Type(item) if is_public(&item.vis) => {
                    format!("pub type {name}{} = {}", text(&item.generics), text(&item.ty))
                }
                Item::Fn(item) if is_public(&item.vis) => function(&item.sig, &name),
                Item::Struct(item) if is_public(&item.vis) => {
                    let of = attributes_of_type(&item.attrs);
                    let is_open =
                        !item.fields.is_empty() && item.fields.iter().all(|field| is_public(&field.vis));
                    if is_open && !of.contains("non_exhaustive") {
                        self.exhaustive.push(name.clone());
                    }
                    self.fields(&name, &item.fields, guard);
                    let rest = if is_open { "" } else { " (has private fields)" };
                    let bounds =
                        item.generics.where_clause.as_ref().map(|clause| format!(" {}", text(clause)));
                    format!(
                        "pub struct {name}{}{}{of}{rest}",
                        text(&item.generics),
                        bounds.unwrap_or_default()
                    )
                }
                Item::Enum(item) if is_public(&item.vis) => {
                    let of = attributes_of_type(&item.attrs);
                    if !of.contains("non_exhaustive") {
                        self.exhaustive.push(name.clone());
                    }
                    for variant in &item.variants {
                        let fields = match &variant.fields {
                            Fields::Unit => String::new(),
                            Fields::Named(fields) => format!(" {{ {} }}", named(fields)),
                            Fields::Unnamed(fields) => text(fields),
                        };
                        let of = attributes_of_type(&variant.attrs);
                        self.lines
                            .insert(format!("pub variant {name}::{}{fields}{of}{guard}", variant.ident));
                    }
                    format!("pub enum {name}{}{of}", text(&item.generics))
                }
                Item::Trait(item) if is_public(&item.vis) => {
                    for part in &item.items {
                        let line = match part {
                            TraitItem::Const(part) => {
                                format!("pub const {name}::{}: {}", part.ident, text(&part.ty))
                            }
                            TraitItem::Type(part) => format!(
                                "pub type {name}::{}",
                                text(part).trim_start_matches("type ").trim_end_matches(';')
                            ),
                            TraitItem::Fn(part) => {
                                let provided = if part.default.is_some() { " (provided)" } else { "" };
                                function(&part.sig, &format!("{name}::{}", part.sig.ident)) + provided
                            }
                            other => text(other),
                        };
                        self.lines.insert(format!("{line}{guard}"));
                    }
                    let above: Vec<String> = item.supertraits.iter().map(text).collect();
                    let above =
                        if above.is_empty() { String::new() } else { format!(": {}", above.join(" + ")) };
                    format!("pub trait {name}{}{above}", text(&item.generics))
                }
                _ => continue,
            };
            if matches!(item, Item::Struct(_) | Item::Enum(_)) {
                self.types.push(name.clone());
            }
            let needs_example = matches!(
                item,
                Item::Struct(_) | Item::Enum(_) | Item::Trait(_) | Item::Type(_) | Item::Fn(_)
            );
            if needs_example && !has_example(attributes(item)) {
                self.without_example.push(name.clone());
            }
            self.listed.insert(definition.clone(), name.clone());
            self.lines.insert(format!("{line}{guard}"));
        }
        module
    }

    fn fields(&mut self, name: &str, fields: &Fields, guard: &str) {
        for (index, field) in fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
            let field_name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
            self.lines.insert(format!("pub field {name}::{field_name}: {}{guard}", text(&field.ty)));
        }
    }

    /// Lists the impl blocks and the macro invocations of a module and of those below it.
    fn impls(&mut self, module: &Module, path: &[String]) {
        for item in &module.items {
            match item {
                Item::Impl(item) => self.block(item, path),
                Item::Macro(item) => self.invocation(item),
                _ => {}
            }
        }
        for (name, child) in &module.children {
            self.impls(child, &with(path, name));
        }
    }

    fn block(&mut self, block: &ItemImpl, module: &[String]) {
        let Some(definition) = type_name(&block.self_ty).and_then(|path| self.root.resolve(module, &path))
        else {
            return;
        };
        let Some(name) = self.listed.get(&definition).cloned() else { return };
        let head = format!("impl{} {}", text(&block.generics), text(&block.self_ty));
        let bounds = block.generics.where_clause.as_ref().map(|clause| format!(" {}", text(clause)));
        let bounds = bounds.unwrap_or_default();
        let outer = guard(&block.attrs) + &self.guard_between(&definition, module);
        if let Some((_, path, _)) = &block.trait_ {
            let head = format!("impl{} {} for {}", text(&block.generics), text(path), text(&block.self_ty));
            let types = block.items.iter().filter_map(|item| match item {
                ImplItem::Type(item) => Some(format!(" {{ {} }}", text(item))),
                _ => None,
            });
            let types: String = types.collect();
            self.lines.insert(format!("{head}{bounds}{types} [{name}]{outer}"));
            return;
        }
        // The block matters only for types with parameters.
        let suffix = if block.generics.params.is_empty() && type_arguments(&block.self_ty).is_empty() {
            String::new()
        } else {
            format!(" [{head}{bounds}]")
        };
        for item in &block.items {
            let (line, attributes) = match item {
                ImplItem::Fn(item) if is_public(&item.vis) => {
                    (function(&item.sig, &format!("{name}::{}", item.sig.ident)), &item.attrs)
                }
                ImplItem::Const(item) if is_public(&item.vis) => {
                    (format!("pub const {name}::{}: {}", item.ident, text(&item.ty)), &item.attrs)
                }
                _ => continue,
            };
            if !is_hidden(attributes) {
                self.lines.insert(format!("{line}{suffix}{}{outer}", guard(attributes)));
            }
        }
    }

    /// Returns the features on which the modules between a type and a block depend.
    fn guard_between(&self, definition: &[String], module: &[String]) -> String {
        let shared = module.iter().zip(definition).take_while(|(own, other)| own == other).count();
        let guards = (shared..module.len()).flat_map(|depth| {
            let items = self.root.at(&module[..depth]).map_or(&[][..], |above| &above.items);
            let entered =
                move |item: &&Item| matches!(item, Item::Mod(child) if child.ident == module[depth]);
            items.iter().filter(entered).map(|item| guard(attributes(item)))
        });
        guards.collect()
    }

    /// Lists the macros that define public items or implement traits.
    fn find_macros(&mut self, module: &Module) {
        for item in &module.items {
            if let Item::Macro(ItemMacro { ident: Some(name), mac, .. }) = item {
                let body = mac.tokens.to_string();
                let parts = ["impl ", "pub const", "pub fn", "pub struct", "pub static"];
                if parts.iter().any(|part| body.contains(part)) {
                    self.macros.insert(name.to_string());
                    self.lines.insert(format!("macro_rules! {name} {{ {} }}", text(&mac.tokens)));
                }
            }
        }
        module.children.values().for_each(|child| self.find_macros(child));
    }

    /// Lists what a macro of the crate is invoked with, by statement.
    fn invocation(&mut self, item: &ItemMacro) {
        let (None, Some(name)) = (&item.ident, item.mac.path.get_ident()) else { return };
        if !self.macros.contains(&name.to_string()) {
            return;
        }
        let code = lines(item.mac.tokens.span());
        for row in code.join(" ").split(';').map(str::trim).filter(|row| !row.is_empty()) {
            self.lines.insert(format!("{name}! {{ {row} }}"));
        }
    }
}

/// Returns the features on which attributes make an item depend, as the end of its line.
fn guard(attributes: &[Attribute]) -> String {
    let guards = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let one = |attribute: &Attribute| {
        let text = text(attribute).replace(", not(ictus_loom)", "");
        let only = text.strip_prefix("#[cfg(all(").and_then(|rest| rest.strip_suffix("))]"));
        match only.filter(|only| !only.contains(',')) {
            Some(only) => format!(" #[cfg({only})]"),
            None => format!(" {text}"),
        }
    };
    guards.map(one).collect()
}

/// Returns the derived traits, in order, and the attributes that users notice.
fn attributes_of_type(attributes: &[Attribute]) -> String {
    let mut line = String::new();
    for attribute in attributes {
        match &attribute.meta {
            Meta::List(list) if list.path.is_ident("derive") => {
                let tokens = list.tokens.to_string();
                let mut derived: Vec<&str> = tokens.split(',').map(str::trim).collect();
                derived.sort_unstable();
                line += &format!(" #[derive({})]", derived.join(", "));
            }
            meta if ["non_exhaustive", "must_use", "repr"].iter().any(|name| meta.path().is_ident(name)) => {
                line += &format!(" {}", text(attribute));
            }
            _ => {}
        }
    }
    line
}

/// Returns a function's line, with its public name.
fn function(signature: &Signature, name: &str) -> String {
    let mut qualifiers = String::new();
    for (word, is_there) in [
        ("const ", signature.constness.is_some()),
        ("async ", signature.asyncness.is_some()),
        ("unsafe ", signature.unsafety.is_some()),
    ] {
        if is_there {
            qualifiers += word;
        }
    }
    let inputs: Vec<String> = signature.inputs.iter().map(argument).collect();
    let output = match &signature.output {
        syn::ReturnType::Default => String::new(),
        syn::ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    let bounds = signature.generics.where_clause.as_ref().map(|clause| format!(" {}", text(clause)));
    let (generics, bounds) = (text(&signature.generics), bounds.unwrap_or_default());
    format!("pub {qualifiers}fn {name}{generics}({}){output}{bounds}", inputs.join(", "))
}

/// Returns an argument without `mut`, which callers do not see.
fn argument(argument: &FnArg) -> String {
    let text = text(argument);
    text.strip_prefix("mut ").map_or_else(|| text.clone(), str::to_owned)
}

fn named(fields: &syn::FieldsNamed) -> String {
    let one = |field: &syn::Field| format!("{}: {}", field.ident.as_ref().unwrap(), text(&field.ty));
    fields.named.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the path of the type that an impl block is for.
fn type_name(of: &Type) -> Option<ItemPath> {
    match of {
        Type::Path(path) => Some(path.path.segments.iter().map(|part| part.ident.to_string()).collect()),
        Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

fn type_arguments(of: &Type) -> String {
    match of {
        Type::Path(path) => path.path.segments.last().map(|part| text(&part.arguments)).unwrap_or_default(),
        _ => String::new(),
    }
}
