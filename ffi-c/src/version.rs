//! Which library this is.

use crate::ictus_str;

/// The version of the binary interface that this header describes. It is raised when a program
/// compiled against an older header would not work with the library any more.
pub const ICTUS_ABI_VERSION: u32 = 1;

/// The version of the library that is loaded, as `ICTUS_VERSION` spells it, in static memory.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_version() -> ictus_str {
    ictus_str::from_terminated(concat!(env!("CARGO_PKG_VERSION"), "\0"))
}

/// The binary interface of the library that is loaded. Where it is not `ICTUS_ABI_VERSION`, call
/// nothing else.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_abi_version() -> u32 {
    ICTUS_ABI_VERSION
}
