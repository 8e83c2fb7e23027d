//! Series found by the identity of their label values: the first look, before their texts'.
//!
//! A caller names its series by the same few string objects again and again. What is kept here owns
//! those objects, so their addresses mean them for as long as it exists, and strings do not change.

use std::sync::OnceLock;

use pyo3::{prelude::*, types::PyString};

/// Label sets that have a place. Beyond these, and for objects made anew at each call, texts decide.
const PLACES: usize = 128;
/// Places that a label set may take, from the one that its addresses say.
const MAX_ATTEMPTS: usize = 4;

/// Handles by the `N` objects that named them. A place once taken stays so, hence reading waits for
/// nothing.
pub(crate) struct IdentityCache<H, const N: usize> {
    /// Made by the first to be kept: most metrics of most processes are never recorded.
    places: OnceLock<Box<[OnceLock<Entry<H, N>>]>>,
}

struct Entry<H, const N: usize> {
    labels: [Py<PyAny>; N],
    handle: H,
}

impl<H, const N: usize> IdentityCache<H, N> {
    pub(crate) const fn new() -> IdentityCache<H, N> {
        IdentityCache { places: OnceLock::new() }
    }

    /// The handle that these very objects named before.
    #[inline]
    pub(crate) fn find(&self, labels: &[&Bound<'_, PyAny>; N]) -> Option<&H> {
        let places = self.places.get()?;
        for at in tries(labels) {
            let entry = places.get(at)?.get()?;
            if entry.is(labels) {
                return Some(&entry.handle);
            }
        }
        None
    }

    /// Remembers the handle, where there is a place and the objects are what cannot change its text.
    pub(crate) fn keep(&self, labels: &[&Bound<'_, PyAny>; N], handle: H) {
        // Exact: a subclass's `str()` may say something else each time.
        if !labels.iter().all(|label| label.is_exact_instance_of::<PyString>()) {
            return;
        }
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| OnceLock::new()).collect());
        let free = tries(labels).find_map(|at| places.get(at).filter(|place| place.get().is_none()));
        if let Some(free) = free {
            // Taken in between, by another thread, is taken.
            let _ = free.set(Entry { labels: labels.map(|label| label.clone().unbind()), handle });
        }
    }
}

impl<H, const N: usize> Entry<H, N> {
    #[inline]
    fn is(&self, labels: &[&Bound<'_, PyAny>; N]) -> bool {
        self.labels.iter().zip(labels).all(|(own, label)| own.as_ptr() == label.as_ptr())
    }
}

/// Where the label set may be, most wanted first.
#[inline]
fn tries(labels: &[&Bound<'_, PyAny>]) -> impl Iterator<Item = usize> {
    let first = labels.iter().fold(0, |mixed: usize, label| {
        // Objects lie on multiples of 16.
        mixed.wrapping_mul(31).wrapping_add(label.as_ptr().addr() >> 4)
    });
    // The factor of multiplicative hashing, whose upper bits are the ones mixed.
    let first = first.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) >> (usize::BITS - PLACES.ilog2());
    (0..MAX_ATTEMPTS).map(move |further| (first + further) % PLACES)
}
