//! Options: those of a registry and those of a family.
//!
//! The two types let the compiler refuse an option at a level that cannot have it: a family of
//! timers shares its registry's directory, and so the group of users that can read it.

mod family;
mod registry;

pub use family::FamilyOptions;
pub use registry::RegistryOptions;
