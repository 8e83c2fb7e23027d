//! A cache from the identity of label objects to handles. It is read before the texts are compared.
//!
//! A caller names a series by the same few string objects again and again. An entry owns those
//! objects, so their addresses stay theirs as long as the entry exists. Strings are immutable.

use std::sync::OnceLock;

use pyo3::{prelude::*, types::PyString};

/// Maximum number of cached label sets. Further label sets, and objects created for each call, are
/// found by their texts.
const SLOTS: usize = 128;
/// Number of slots that a label set may use, from the one that its addresses select.
const MAX_ATTEMPTS: usize = 4;

/// Handles by the `N` objects that named them. A slot is set once and never changes, so reading
/// takes no lock.
pub(crate) struct IdentityCache<H, const N: usize> {
    /// Allocated with the first entry: most metrics of most processes are never recorded.
    slots: OnceLock<Box<[OnceLock<Entry<H, N>>]>>,
}

struct Entry<H, const N: usize> {
    labels: [Py<PyAny>; N],
    handle: H,
}

impl<H, const N: usize> IdentityCache<H, N> {
    pub(crate) const fn new() -> IdentityCache<H, N> {
        IdentityCache { slots: OnceLock::new() }
    }

    /// Returns the handle that these objects named before.
    #[inline]
    pub(crate) fn find(&self, labels: &[&Bound<'_, PyAny>; N]) -> Option<&H> {
        let slots = self.slots.get()?;
        for index in probe_sequence(labels) {
            let entry = slots.get(index)?.get()?;
            if entry.matches(labels) {
                return Some(&entry.handle);
            }
        }
        None
    }

    /// Caches the handle if a slot is free and the text of each object cannot change.
    pub(crate) fn insert(&self, labels: &[&Bound<'_, PyAny>; N], handle: H) {
        // The type must be exactly `str`: `str()` of a subclass may return another text each time.
        if !labels.iter().all(|label| label.is_exact_instance_of::<PyString>()) {
            return;
        }
        let slots = self.slots.get_or_init(|| (0..SLOTS).map(|_| OnceLock::new()).collect());
        let free =
            probe_sequence(labels).find_map(|index| slots.get(index).filter(|slot| slot.get().is_none()));
        if let Some(free) = free {
            // If another thread has set the slot in the meantime, its entry stays.
            let _ = free.set(Entry { labels: labels.map(|label| label.clone().unbind()), handle });
        }
    }
}

impl<H, const N: usize> Entry<H, N> {
    #[inline]
    fn matches(&self, labels: &[&Bound<'_, PyAny>; N]) -> bool {
        self.labels.iter().zip(labels).all(|(cached, label)| cached.as_ptr() == label.as_ptr())
    }
}

/// Returns the slots that the label set may use, the preferred one first.
#[inline]
fn probe_sequence(labels: &[&Bound<'_, PyAny>]) -> impl Iterator<Item = usize> {
    let first = labels.iter().fold(0, |mixed: usize, label| {
        // Addresses of objects are multiples of 16.
        mixed.wrapping_mul(31).wrapping_add(label.as_ptr().addr() >> 4)
    });
    // The factor of multiplicative hashing; its upper bits are the well-mixed ones.
    let first = first.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) >> (usize::BITS - SLOTS.ilog2());
    (0..MAX_ATTEMPTS).map(move |step| (first + step) % SLOTS)
}
