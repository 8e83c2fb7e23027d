//! The versions of the library and of its binary interface.

use crate::ictus_str;

/// Version of the binary interface that this header describes. It increases when programs
/// compiled against an older header no longer work with the library.
pub const ICTUS_ABI_VERSION: u32 = 1;

/// Returns the version of the loaded library, in the form of `ICTUS_VERSION`. The string is
/// static and ends with a NUL, which its length does not count.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_version() -> ictus_str {
    ictus_str::from_terminated(concat!(env!("CARGO_PKG_VERSION"), "\0"))
}

/// Returns the version of the loaded library's binary interface. If it is not
/// `ICTUS_ABI_VERSION`, call no other function.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_abi_version() -> u32 {
    ICTUS_ABI_VERSION
}
