//! The native module `ictus._core`: frozen classes and functions over the core. Translation only;
//! names, surfaces and limits are the core's, and what knows the Conductor SDK is Python.

mod collector;
mod command;
mod convert;
mod guests;
mod label;
mod log;
mod lookup;
mod provide;
mod read;
mod recorder;
mod seen;

/// A lock-free latency-timing core.
// Said for readers: the stable ABI always runs with the GIL.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::collector::Collector;
    #[pymodule_export]
    use super::command::command;
    #[pymodule_export]
    use super::provide::{serve, write_loop};
    #[pymodule_export]
    use super::read::{clear, retire, shown_names, text};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python gives it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
