//! The public API of this crate is the one that `public-api.txt` lists. `ICTUS_BLESS=1 cargo test -p
//! ictus --test public_api` rewrites the file. Review the difference: it is what users see.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{marker::PhantomData, path::Path};

mod auto_traits;
mod lister;
mod source;

use auto_traits::{check_error, send_and_sync};
use ictus::{
    Counter, Error, Family, FamilyOptions, Gauge, GivenLabels, MultiprocessFile, MultiprocessFiles,
    Printable, Reader, Registry, RegistryOptions, Snapshot, Stamp, Stopwatch, Timer, catalog, observe,
    snapshot, surface,
};
use lister::Api;

#[test]
fn public_api_is_the_listed_one() {
    Api::read("ictus", Path::new(env!("CARGO_MANIFEST_DIR"))).compare();
}

#[test]
fn types_that_can_grow_are_non_exhaustive() {
    let api = Api::read("ictus", Path::new(env!("CARGO_MANIFEST_DIR")));
    // A wrapper, whose value is all that it has.
    assert_eq!(api.exhaustive, ["ictus::Printable"]);
}

#[test]
fn types_can_be_sent_and_shared() {
    check_error(PhantomData::<Error>);
    let mut checked = send_and_sync![
        Counter,
        Error,
        Family<Timer>,
        FamilyOptions,
        Gauge,
        GivenLabels,
        MultiprocessFile,
        MultiprocessFiles,
        Printable<&str>,
        Registry,
        RegistryOptions,
        Snapshot,
        Stamp,
        Stopwatch,
        Timer,
        catalog::Definition,
        catalog::Kind,
        catalog::Unit,
        observe::TimerGuard<'_>,
        snapshot::Distribution,
        snapshot::Exemplar,
        snapshot::Family,
        snapshot::Health,
        snapshot::HealthCounts,
        snapshot::Observation,
        snapshot::Series,
        snapshot::SparseCounts,
        snapshot::Timing,
        snapshot::Value,
        snapshot::Window,
        surface::Buckets,
        surface::Exposition,
        surface::Labels,
        surface::Renderer,
        surface::Sample<'_>,
        surface::ShownFamily,
        surface::ShownName,
        surface::ShownSeries,
        surface::ShownType,
        surface::ShownValue,
        surface::Surface,
        surface::View,
    ];
    // Its cached lane is valid on one thread only; an example of the type asserts that.
    checked.push("LocalTimer");
    // Each snapshot changes it, so that sharing it needs a lock anyway.
    fn check_send<T: Send>(_: PhantomData<T>) {}
    check_send(PhantomData::<Reader>);
    checked.push("Reader");
    Api::read("ictus", Path::new(env!("CARGO_MANIFEST_DIR"))).compare_types(&checked);
}

#[test]
fn types_and_functions_have_an_example() {
    let api = Api::read("ictus", Path::new(env!("CARGO_MANIFEST_DIR")));
    api.compare_examples(&[
        ("ictus::Result", "an alias"),
        ("ictus::MultiprocessFile", "an item of `multiprocess_files`, whose example reads one"),
        ("ictus::MultiprocessFiles", "the result of `multiprocess_files`, whose example reads it"),
        ("ictus::observe::MetricHandle", "sealed: no other crate calls or implements it"),
        (
            "ictus::surface::ExternalSample",
            "an argument of `ShownFamily::external`, whose example creates one",
        ),
    ]);
}

/// A small crate with an item of each kind.
mod sample {
    use std::fs;

    use super::Api;

    const ROOT: &str = r#"
        #[cfg(feature = "read")]
        pub mod shapes;
        mod hidden;
        #[doc(hidden)]
        pub mod internal { pub fn secret() {} }
        pub use hidden::{Inner, Kind as Sort};
        pub(crate) use hidden::crate_only;
        macro_rules! constants { ($($name:ident;)*) => { $(pub const $name: u8 = 1;)* } }
        constants! {
            /// The first.
            ONE; TWO;
        }
        #[cfg(test)]
        mod tests { pub fn helper() {} }
    "#;
    const HIDDEN: &str = r#"
        /// A struct.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct Inner<T: Copy> { pub value: T, secret: u8 }
        impl<T: Copy> Inner<T> {
            /// Creates.
            pub const fn new(
                value: T,
            ) -> Inner<T> { loop {} }
            pub(crate) fn private(&self) {}
            #[doc(hidden)]
            pub fn unseen(&self) {}
        }
        impl<T: Copy> Default for Inner<T> { fn default() -> Self { loop {} } }
        pub enum Kind { One, Two { length: usize }, Three(u8) }
        pub fn crate_only() {}
    "#;
    const SHAPES: &str = r#"
        pub use super::Inner as Shape;
        pub trait Area { const SIDES: u8; type Unit; fn area(&self) -> f64 { 1.0 } }
        impl Area for crate::hidden::Kind { const SIDES: u8 = 1; type Unit = (); }
        pub static TABLE: &[u8] = &[];
        pub type Pair = (u8, u8);
    "#;
    const LISTED: &str = "\
constants! { ONE }
constants! { TWO }
macro_rules! constants { ($($name:ident;)*) => { $(pub const $name: u8 = 1;)* } }
pub struct one::Inner<T: Copy> #[derive(Clone, Debug)] #[non_exhaustive] (has private fields)
impl<T: Copy> Default for Inner<T> [one::Inner]
pub const fn one::Inner::new(value: T) -> Inner<T> [impl<T: Copy> Inner<T>]
pub field one::Inner::value: T
pub enum one::Sort
impl Area for crate::hidden::Kind { type Unit = (); } [one::Sort] #[cfg(feature = \"read\")]
pub variant one::Sort::One
pub variant one::Sort::Three(u8)
pub variant one::Sort::Two { length: usize }
pub mod one::shapes #[cfg(feature = \"read\")]
pub trait one::shapes::Area
pub const one::shapes::Area::SIDES: u8
pub type one::shapes::Area::Unit
pub fn one::shapes::Area::area(&self) -> f64 (provided)
pub type one::shapes::Pair = (u8, u8)
pub use one::shapes::Shape = one::Inner
pub static one::shapes::TABLE: &[u8]
";

    fn listed(edit: impl Fn(&str) -> String) -> Api {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        for (file, text) in [("lib.rs", ROOT), ("hidden.rs", HIDDEN), ("shapes.rs", SHAPES)] {
            fs::write(folder.path().join("src").join(file), edit(text)).unwrap();
        }
        Api::read("one", folder.path())
    }

    #[test]
    fn each_kind_of_item_is_listed() {
        let api = listed(str::to_owned);
        assert_eq!(api.lines.join("\n") + "\n", LISTED);
        assert_eq!(api.exhaustive, ["one::Sort"]);
        assert_eq!(api.types, ["one::Inner", "one::Sort"]);
    }

    #[test]
    fn code_that_rustdoc_compiles_counts_as_an_example() {
        let without = |fence: &str| {
            let comment = format!("/// A struct.\n/// {fence}\n/// assert!(true);\n/// ```");
            listed(|text| text.replace("/// A struct.", &comment)).without_example
        };
        let others = ["one::Sort", "one::shapes::Area", "one::shapes::Pair"];
        for fence in ["```", "```rust", "```no_run", "``` should_panic"] {
            assert_eq!(without(fence), others, "{fence}");
        }
        assert_eq!(listed(str::to_owned).without_example, [&["one::Inner"][..], &others].concat());
        for fence in ["```text", "```ignore", "```compile_fail", "```rust,ignore"] {
            assert_eq!(without(fence), [&["one::Inner"][..], &others].concat(), "{fence}");
        }
    }

    #[test]
    fn private_changes_are_not_listed_and_public_ones_are() {
        let unchanged = [
            ("secret: u8", "secret: u16"),
            ("pub(crate) fn private(&self)", "fn renamed(&self, more: u8)"),
            ("{ 1.0 }", "{ 2.0 }"),
            ("/// Creates.", "/// Makes."),
            ("pub fn helper() {}", ""),
            ("pub fn secret() {}", ""),
            ("pub fn unseen(&self) {}", "pub fn other(&self) {}"),
        ];
        for (old, new) in unchanged {
            assert_eq!(listed(|text| text.replace(old, new)).lines.join("\n") + "\n", LISTED, "{old}");
        }
        let changed = [
            ("pub value: T", "value: T"),
            ("                value: T,\n", "                value: T, more: u8,\n"),
            ("-> Inner<T>", "-> Option<Inner<T>>"),
            ("Debug, Clone", "Debug"),
            ("#[non_exhaustive]", ""),
            ("One, ", "One, Four, "),
            ("length: usize", "length: u8"),
            ("Three(u8)", "Three(u16)"),
            ("{ 1.0 }", ";"),
            ("ONE; TWO;", "ONE;"),
            ("impl<T: Copy> Default for Inner<T> { fn default() -> Self { loop {} } }", ""),
            ("#[cfg(feature = \"read\")]", ""),
            ("Kind as Sort", "Kind"),
            ("pub use super::Inner as Shape;", ""),
            ("= (u8, u8)", "= (u8, u16)"),
            ("T: Copy", "T: Clone"),
        ];
        for (old, new) in changed {
            assert_ne!(listed(|text| text.replace(old, new)).lines.join("\n") + "\n", LISTED, "{old}");
        }
    }
}
