//! Recording: families, and the handles that observe.
//!
//! ```text
//!  Family ──labels──► Series ──id──► this thread's lane ──► ring or cell in the segment
//!  (FamilyIndex)       (handle)       (ThreadLanes)           (mapped memory)
//! ```
//!
//! A handle finds the lane of its thread with one thread-local load and one indexed load. The slow
//! path is taken at a thread's first observation of a series, and at the first observation of a
//! series in the process. Recording and reading share only the byte format.
//!
//! ```text
//!  Recorder ──► Families ──► Series ◄──► ThreadLanes ──► ProcessSegments ──► Segment
//!     │                                       ▲               ▲
//!     └───────► Recovery ─────────────────────┴───────────────┘
//! ```
//!
//! The recorder owns the families and the segments of the process. Families, series and lanes use
//! only the segments. The recovery thread, which the segments start, calls the recorder by the trait
//! `Recover`, because recovery also moves gauges.

mod active_count;
mod counter;
mod families;
mod family;
mod family_definition;
mod family_index;
mod gauge;
mod gauge_lane;
mod handle;
mod label_values;
mod lane;
mod lane_pool;
mod local_timer;
mod names;
mod process_segments;
#[cfg(test)]
mod published;
mod recorder;
mod recovery;
mod series;
mod series_ids;
mod thread_lanes;
mod timer;
mod timer_guard;

pub use counter::Counter;
#[cfg(feature = "read")]
pub(crate) use families::UnsortedLabels;
pub use family::{Family, MetricHandle};
#[cfg(feature = "read")]
pub(crate) use family_index::FamilyIndex;
pub use gauge::Gauge;
pub use local_timer::LocalTimer;
pub(crate) use recorder::{Recorder, watch_forks};
pub use timer::Timer;
pub use timer_guard::TimerGuard;
