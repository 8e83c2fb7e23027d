//! The committed header equals the one generated from the sources, and cbindgen has no warnings.
//!
//! `ICTUS_BLESS=1 cargo test -p ictus-ffi` rewrites the header.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop at the first surprise")]

use std::{
    env, fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use cbindgen::{Builder, Config};

/// The nouns in the order of the header.
const NOUNS: [&str; 18] = [
    "status",
    "error",
    "string",
    "version",
    "log",
    "family_options",
    "registry_options",
    "registry",
    "counter",
    "gauge",
    "timer",
    "local_timer",
    "clock",
    "conductor",
    "view",
    "render",
    "snapshot",
    "exporter",
];
/// Files without declarations for C.
const INSIDE: [&str; 2] = ["guard", "lib"];

/// Captures cbindgen's warnings, which it writes to the log.
struct Warnings(Mutex<Vec<String>>);

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));

#[test]
fn the_committed_header_is_current() {
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let generated = generate();
    let warnings = WARNINGS.0.lock().unwrap();
    assert!(warnings.is_empty(), "cbindgen warned: {warnings:#?}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/ictus.h");
    if env::var_os("ICTUS_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/ictus.h is not what the sources say; if the change is meant, write it anew with \
         `ICTUS_BLESS=1 cargo test -p ictus-ffi`, look at the difference and commit it",
    );
}

#[test]
fn header_has_at_most_a_hundred_columns() {
    let wide =
        generate().lines().filter(|line| line.chars().count() > 100).map(str::to_owned).collect::<Vec<_>>();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn every_file_is_in_the_header_or_excluded() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<String> = fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut listed: Vec<&str> = NOUNS.iter().chain(&INSIDE).copied().collect();
    files.sort_unstable();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

/// Generates the header from the files themselves, without `cargo metadata`: needs no cargo and no
/// network.
fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config::from_file(root.join("cbindgen.toml")).unwrap();
    config.after_includes = Some(version_macros());
    let mut builder = Builder::new().with_config(config);
    for noun in NOUNS {
        builder = builder.with_src(root.join("src").join(noun).with_extension("rs"));
    }
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

/// The version comes from the workspace's Cargo.toml alone.
fn version_macros() -> String {
    format!(
        "\n/**\n * The version of this header.\n */\n#define ICTUS_VERSION \"{}\"\n\
         #define ICTUS_VERSION_MAJOR {}\n#define ICTUS_VERSION_MINOR {}\n#define ICTUS_VERSION_PATCH {}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    )
}
