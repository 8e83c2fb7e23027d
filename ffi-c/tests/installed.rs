//! The C library as users have it: installed in some folder, found by pkg-config and CMake, and
//! used by the program in `examples/c` from another folder.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use common::{library, repository, run};
use tempfile::TempDir;

/// An installed library and a copy of the example, in temporary folders.
struct Installed {
    home: TempDir,
}

impl Installed {
    fn new() -> Installed {
        let home = tempfile::tempdir().unwrap();
        // Move the library after its installation, as packages do.
        let first = home.path().join("first");
        let libraries = library("libictus_ffi.so");
        build_command(&libraries);
        let mut install = Command::new(repository().join("ffi-c/install.sh"));
        install.arg(&first).arg(libraries.parent().unwrap()).env_remove("DESTDIR");
        {
            // The first installation makes the archive of the static library, and the others reuse it.
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let _guard = ONE_AT_A_TIME.lock();
            run(&mut install);
        }
        let installed = Installed { home };
        fs::rename(first, installed.prefix()).unwrap();
        fs::create_dir(installed.example()).unwrap();
        for file in ["worker.c", "Makefile", "CMakeLists.txt"] {
            fs::copy(repository().join("examples/c").join(file), installed.example().join(file)).unwrap();
        }
        installed
    }

    fn prefix(&self) -> PathBuf {
        self.home.path().join("opt-ictus")
    }

    fn example(&self) -> PathBuf {
        self.home.path().join("example")
    }

    /// Returns a command that runs in the example's folder and finds the library by pkg-config.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.example()).env("PKG_CONFIG_PATH", self.prefix().join("lib/pkgconfig"));
        command
    }

    /// Runs the example, and checks its output.
    fn works(&self, program: &Path, is_shared: bool) {
        let metrics = tempfile::tempdir().unwrap();
        let mut command = self.command(program.to_str().unwrap());
        command.arg(metrics.path()).arg("0.3");
        if is_shared {
            command.env("LD_LIBRARY_PATH", self.prefix().join("lib"));
        } else {
            command.env_remove("LD_LIBRARY_PATH");
        }
        let said = String::from_utf8(run(&mut command).stdout).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with("Metrics are at http://127.0.0.1:"), "{said}");
        let starts = ["poll_seconds SUCCESS: ", "execute_seconds SUCCESS: ", "execute_seconds FAILURE: "];
        assert_eq!(lines.len(), 1 + starts.len(), "{said}");
        for (line, start) in lines[1..].iter().zip(starts) {
            assert!(line.starts_with(start) && line.contains(", p99 "), "{said}");
        }
    }
}

/// Makes cargo build the command in the folder of the library.
fn build_command(library: &Path) {
    let profile = library.parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "ictus-exporter", "--bin", "ictus"]);
    cargo.arg("--target-dir").arg(profile.parent().unwrap()).current_dir(repository());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    run(&mut cargo);
}

fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    assert!(is_there || env::var("CI").as_deref() != Ok("true"), "{program} is not installed");
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    is_there
}

#[test]
fn the_example_is_built_by_its_makefile() {
    if !is_there("pkg-config") || !is_there("make") {
        return;
    }
    let installed = Installed::new();
    // Do not pass the flags of the `make` that runs this test.
    let make =
        |target| run(installed.command("make").env_remove("MAKEFLAGS").env_remove("MFLAGS").arg(target));
    make("worker");
    installed.works(&installed.example().join("worker"), true);
    make("worker-static");
    installed.works(&installed.example().join("worker-static"), false);
}

#[test]
fn the_example_is_built_by_cmake() {
    if !is_there("cmake") {
        return;
    }
    let installed = Installed::new();
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", installed.prefix().display());
    run(installed.command("cmake").args(["-S", ".", "-B", "build", &prefix]));
    run(installed.command("cmake").args(["--build", "build"]));
    // The programs that CMake builds contain the path of the library's folder.
    for program in ["build/worker", "build/worker-static"] {
        installed.works(&installed.example().join(program), false);
    }
}

#[test]
fn the_build_commands_of_the_c_page_work() {
    if !is_there("pkg-config") {
        return;
    }
    let page = fs::read_to_string(repository().join("docs/c-api.md")).unwrap();
    let section = page.split_once("## Building\n").unwrap().1;
    let lines = section.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    let (install, build) = lines.split_once('\n').unwrap();
    assert_eq!(install, "make install PREFIX=/opt/ictus");
    assert!(build.starts_with("cc worker.c "), "{build}");

    let installed = Installed::new();
    let build = build.replace("/opt/ictus", installed.prefix().to_str().unwrap());
    run(installed.command("sh").env_remove("PKG_CONFIG_PATH").args(["-ec", &build]));
    installed.works(&installed.example().join("worker"), true);
}

/// The program and the commands of docs/start/c.md.
#[test]
fn quick_start_of_the_docs_works() {
    if !is_there("pkg-config") {
        return;
    }
    let page = fs::read_to_string(repository().join("docs/start/c.md")).unwrap();
    let block = |language: &str, at| {
        let fence = format!("```{language}\n");
        page.split(&fence).nth(at).unwrap().split_once("```").unwrap().0.to_owned()
    };
    assert_eq!(block("sh", 1), "make install PREFIX=/opt/ictus\n");
    let installed = Installed::new();
    let metrics = installed.prefix().join("shop-metrics").display().to_string();
    let ours = |text: String| {
        text.replace("/opt/ictus", installed.prefix().to_str().unwrap())
            .replace("/tmp/c-shop-metrics", &metrics)
    };
    fs::write(installed.example().join("shop.c"), ours(block("c", 1))).unwrap();
    let commands = ours(block("sh", 2));
    let said = run(installed.command("sh").env_remove("PKG_CONFIG_PATH").args(["-ec", &commands]));
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("request_seconds  route=/cart    100"), "{said}");
    let snapshot = ictus::Reader::new(&metrics).snapshot().unwrap();
    let family = snapshot.family("request_seconds").unwrap();
    let Some(ictus::snapshot::Value::Timer(cart)) = family.get(&["/cart"]) else { panic!("{family:?}") };
    assert_eq!(cart.count, 100);
}

#[test]
fn installed_files_have_their_names_and_version() {
    let installed = Installed::new();
    let (version, major) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION_MAJOR"));
    let library = installed.prefix().join("lib/libictus.so");
    let real = fs::canonicalize(&library).unwrap();
    assert_eq!(real.file_name().unwrap().to_str().unwrap(), format!("libictus.so.{version}"));
    assert_eq!(fs::read_link(library).unwrap().to_str().unwrap(), format!("libictus.so.{major}"));
    for file in [
        "share/doc/ictus/LICENSE",
        "include/ictus.h",
        "include/ictus.hpp",
        "share/man/man1/ictus.1",
        "share/bash-completion/completions/ictus",
        "share/zsh/site-functions/_ictus",
        "share/fish/vendor_completions.d/ictus.fish",
    ] {
        assert!(fs::metadata(installed.prefix().join(file)).unwrap().len() > 100, "{file}");
    }
    let said = run(Command::new(installed.prefix().join("bin/ictus")).arg("--version"));
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("ictus {version}\n"));
    if is_there("pkg-config") {
        let said = run(installed.command("pkg-config").args(["--modversion", "ictus"]));
        assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), version);
    }
}

#[test]
fn static_program_links_the_needs_of_the_standard_library() {
    let said = fs::read_to_string(repository().join("ffi-c/install/ictus.pc.in")).unwrap();
    let private = said.lines().find_map(|line| line.strip_prefix("Libs.private: ")).unwrap();
    let page = fs::read_to_string(repository().join("docs/c-api.md")).unwrap();
    assert!(page.contains(&format!("libictus_ffi.a {private}\n")), "{private}");
}
