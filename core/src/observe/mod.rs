//! Recording: families, and the handles that observe.
//!
//! ```text
//!  Family ──labels──► Series ──id──► this thread's lane ──► ring or cell in the segment
//!  (recorder: index)   (handle)       (shard: table)          (mapped memory)
//! ```
//!
//! The door in. Knows nothing of snapshots: `observe` and `snapshot` meet only in the segment's
//! byte format. A handle finds its thread's lane by one thread-local load and one indexed load; a
//! thread's first observation of a series, and the first of a series at all, take the slow path.

mod family;
mod handle;
mod index;
mod lane;
mod local;
mod maker;
mod name;
#[cfg(test)]
mod published;
mod recorder;
mod recovery;
mod running;
mod series;
mod shard;
mod stock;
mod unrecorded;

pub use family::{Family, Metric};
pub use handle::{Counter, Gauge, Timer};
pub use local::LocalTimer;
pub(crate) use recorder::{Recorder, UnsortedLabels, watch_forks};
pub use running::Running;
