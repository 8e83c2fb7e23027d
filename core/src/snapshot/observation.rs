//! One observation.

/// One observation, with the data that orders it among the observations of other lanes.
///
/// Observations of one epoch are ordered by `(stamp, origin)`, and those of one origin are in the
/// order in which they were made. Observations of different epochs are ordered by the wall clock,
/// as accurately as the anchors in the directory allow.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// let jobs = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// [0.3, 0.1].into_iter().for_each(|seconds| jobs.observe(seconds));
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.get("job_seconds", &[]) else { panic!("a timer") };
/// let [first, second] = timing.window.observations() else { panic!("two observations") };
/// assert_eq!((first.value, second.value), (0.3, 0.1));
/// assert!(first.stamp <= second.stamp);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The clock epoch of the directory in which the stamp was taken.
    pub epoch: u32,
    /// The rank of the lane among the lanes of a snapshot, by age of the segment, then by lane; 0
    /// for observations in the totals file. Ranks of different readers cannot be compared, and the
    /// rank of a lane can change in a later snapshot.
    pub origin: u64,
    /// The monotonic timestamp, in the units of the epoch's clock.
    pub stamp: u64,
    /// The value, in seconds or bytes.
    pub value: f64,
}

impl Observation {
    /// Creates an observation with the epoch and the origin 0.
    ///
    /// ```
    /// use ictus::snapshot::{Observation, Window};
    ///
    /// let seconds = [0.3, 0.1, 0.2];
    /// let observations = (1..).zip(seconds).map(|(stamp, value)| Observation::new(stamp, value));
    /// let window = Window::newest(observations.collect(), 1_000);
    /// assert_eq!(window.quantile(0.5), Some(0.2));
    /// ```
    #[must_use]
    pub const fn new(stamp: u64, value: f64) -> Observation {
        Observation { epoch: 0, origin: 0, stamp, value }
    }
}
