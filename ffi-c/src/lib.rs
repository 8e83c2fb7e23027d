//! The C API of Ictus: implements the functions of `include/ictus.h` with the crate `ictus`, and
//! contains no logic.
//!
//! Each noun has a file. Every function is written out, without macros, so that cbindgen can
//! generate the header from the sources. Every type that C uses is defined here. The top of the
//! header (`cbindgen.toml`) lists the conventions for C callers, which are part of the contract of
//! every function.
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.
#![allow(non_camel_case_types, reason = "types have the names that C knows them by")]
#![allow(clippy::missing_safety_doc, reason = "the conventions in ictus.h are every function's contract")]

#[cfg(panic = "abort")]
compile_error!("panics are turned into ICTUS_STATUS_INTERNAL, which needs panic = \"unwind\"");

mod clock;
mod conductor;
mod counter;
mod error;
mod exporter;
mod family_options;
mod gauge;
mod guard;
mod local_timer;
mod log;
mod registry;
mod registry_options;
mod render;
mod snapshot;
mod status;
mod string;
mod timer;
mod version;
mod view;

pub use clock::*;
pub use conductor::*;
pub use counter::*;
pub use error::ictus_error_text;
pub use exporter::*;
pub use family_options::*;
pub use gauge::*;
pub use local_timer::*;
pub use log::*;
pub use registry::*;
pub use registry_options::*;
pub use render::*;
pub use snapshot::*;
pub use status::*;
pub use string::*;
pub use timer::*;
pub use version::*;
pub use view::{ictus_format, ictus_surface};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<ictus_family_options>();
        shared::<ictus_registry_options>();
        shared::<ictus_registry>();
        shared::<ictus_counter>();
        shared::<ictus_gauge>();
        shared::<ictus_timer>();
        shared::<ictus_snapshot>();
        shared::<ictus_exporter>();
    }
}
