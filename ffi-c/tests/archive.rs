//! The static library as it is installed: one object that exports the functions of ictus.h only.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use common::{cc, include, library, repository, run};
use tempfile::TempDir;

/// A Rust library that a program may link, too. Its panics are its own.
const OTHER: &str = r#"
#[no_mangle]
pub extern "C" fn other(value: u32) -> u32 {
    std::panic::catch_unwind(|| if value == 7 { panic!("seven") } else { value }).unwrap_or(99)
}
"#;

const PROGRAM: &str = r#"
#include "ictus.h"
unsigned other(unsigned value);

int main(void)
{
    const ictus_str name = {"work_seconds", 12}, help = {"", 0};
    const double share = 0.5;
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;
    ictus_snapshot *snapshot = NULL;
    double median = 0;

    if (other(7) != 99 || other(3) != 3) return 1;
    if (ictus_registry_new(&registry) || ictus_timer_new(registry, name, help, NULL, NULL, 0, &timer)) return 2;
    if (ictus_timer_observe(timer, 0.25) || ictus_snapshot_new(registry, &snapshot)) return 3;
    if (ictus_snapshot_quantiles(snapshot, name, NULL, 0, &share, 1, &median) || median != 0.25) return 4;
    ictus_snapshot_free(snapshot);
    ictus_timer_free(timer);
    ictus_registry_free(registry);
    return 0;
}
"#;

/// Returns the archive that is made of the test's library.
fn archive() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut script = Command::new(repository().join("ffi-c/archive.sh"));
        run(script.arg(library("libictus_ffi.a")).arg(folder.path().join("libictus.a")));
        folder
    });
    folder.path().join("libictus.a")
}

/// Returns the symbols that a file exports.
fn exported(file: &Path, options: &[&str]) -> BTreeSet<String> {
    let output = run(Command::new("nm").args(options).arg(file));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect()
}

/// Returns the functions of the header.
fn declared() -> BTreeSet<String> {
    let list = fs::read_to_string(repository().join("ffi-c/tests/abi.txt")).unwrap();
    let names = list.lines().filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next());
    names.filter(|name| name.starts_with("ictus_")).map(str::to_owned).collect()
}

#[test]
fn archive_exports_the_functions_of_the_header_only() {
    assert_eq!(exported(&archive(), &["-g", "--defined-only"]), declared());
}

#[test]
fn archive_is_linked_with_another_rust_library_in_either_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("other.rs"), OTHER).unwrap();
    fs::write(path("program.c"), PROGRAM).unwrap();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let flags = ["--edition", "2021", "-O", "-C", "lto=fat", "--crate-type", "staticlib"];
    run(Command::new(rustc).args(flags).arg(path("other.rs")).arg("-o").arg(path("libother.a")));
    for libraries in [[archive(), path("libother.a")], [path("libother.a"), archive()]] {
        let mut compiler = Command::new(cc());
        compiler.arg(path("program.c")).arg("-I").arg(include()).args(libraries);
        run(compiler.args(["-pthread", "-ldl", "-lm", "-lgcc_s", "-o"]).arg(path("program")));
        run(&mut Command::new(path("program")));
    }
}

#[test]
fn plugin_made_with_the_archive_exports_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (source, plugin) = (folder.path().join("plugin.c"), folder.path().join("plugin.so"));
    fs::write(&source, "#include \"ictus.h\"\nictus_str plugin(void) { return ictus_version(); }\n").unwrap();
    let exported_with = |flag: &str| {
        let mut compiler = Command::new(cc());
        compiler.args(["-shared", "-fPIC", flag]).arg(&source).arg("-I").arg(include()).arg(archive());
        run(compiler.args(["-pthread", "-ldl", "-lm", "-lgcc_s", "-o"]).arg(&plugin));
        exported(&plugin, &["-D", "--defined-only"])
    };
    let mut expected = declared();
    expected.insert("plugin".to_owned());
    assert_eq!(exported_with("-Wl,--no-undefined"), expected);
    // As docs/c-api.md describes it.
    assert_eq!(exported_with("-Wl,--exclude-libs,ALL"), BTreeSet::from(["plugin".to_owned()]));
}
