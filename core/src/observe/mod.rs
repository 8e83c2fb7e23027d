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

mod active_count;
mod counter;
mod family;
mod family_index;
mod gauge;
mod handle;
mod lane;
mod lane_pool;
mod local_timer;
mod maker;
mod names;
#[cfg(test)]
mod published;
mod recorder;
mod recovery;
mod series;
mod thread_lanes;
mod timer;
mod timer_guard;
mod unrecorded;

pub use counter::Counter;
pub use family::{Family, MetricHandle};
pub use gauge::Gauge;
pub use local_timer::LocalTimer;
#[cfg(feature = "read")]
pub(crate) use recorder::UnsortedLabels;
pub(crate) use recorder::{Recorder, watch_forks};
pub use timer::Timer;
pub use timer_guard::TimerGuard;
