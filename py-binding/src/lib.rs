//! The native module `ictus._core`: frozen classes and functions over the crate `ictus`.
//!
//! This crate only translates: names, surfaces and limits are those of the core. The code that
//! depends on the Conductor SDK is Python.
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.

mod arguments;
mod conductor;
mod convert;
mod label;
mod log;
mod metrics;
mod reading;
mod serving;
mod subinterpreters;

/// A lock-free latency-timing core.
// The stable ABI always runs with the GIL.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    use crate::subinterpreters;
    #[pymodule_export]
    use crate::{
        conductor::collector::Collector,
        metrics::{
            counter::Counter, gauge::Gauge, registry::Registry, timer::Timer, timer_context::TimerContext,
        },
        reading::{
            directory::{clear, multiprocess_files, read, retire, shown_names, text},
            snapshot::{Family, Snapshot},
            timing::Timing,
        },
        serving::{
            application::{Application, content_type},
            command::command,
            provider::{Provider, take_log},
            security::Security,
            server::Server,
        },
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        subinterpreters::reject(module.py())
    }

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python gives it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
