//! Names the shared library for its users' loaders.
#![allow(clippy::print_stdout, reason = "that is how a build script speaks to cargo")]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_PKG_VERSION_MAJOR");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let major = env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libictus.so.{major}");
    // Threads end after a dlclose, too, and run the library's thread-local destructors then; fork
    // handlers cannot be taken back at all.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
