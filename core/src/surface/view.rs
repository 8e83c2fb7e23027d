//! Surfaces by name, and views: the surfaces and options of one exposition.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// A set of names, labels and types under which the Conductor metrics are shown. A later version may
/// add surfaces.
///
/// ```
/// use ictus::surface::Surface;
///
/// assert_eq!("canonical".parse::<Surface>()?, Surface::Canonical);
/// assert_eq!(Surface::Legacy.to_string(), "legacy");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Surface {
    /// The metrics that the SDK emits by default.
    Legacy,
    /// The metrics of the SDK's METRICS.md.
    Documented,
    /// The harmonised metrics of all Conductor SDKs, with histograms.
    Canonical,
}

/// The surfaces and options that determine an exposition.
///
/// ```
/// use ictus::{Registry, expose, surface::{Exposition, Surface, View}};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "Jobs.", &[])?.labels(&[])?.inc();
/// let mut view = View::new(&[Surface::Canonical])?;
/// view.own_state = false;
/// let exposition = Exposition::new(&registry.snapshot()?, &view);
/// assert_eq!(expose::text(&exposition), "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 1.0\n");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The surfaces in the order of [`Surface`], without duplicates.
    surfaces: Vec<Surface>,
    /// Whether timers of `legacy` and `documented` are shown as one summary instead of three gauge
    /// families.
    pub summaries: bool,
    /// Whether the `ictus_*` families, the state of Ictus itself, are shown.
    pub own_state: bool,
    /// Whether names with characters other than letters, digits, `_` and `:` are shown unchanged,
    /// for clients that accept `escaping=allow-utf-8`. The text formats quote such names. Otherwise
    /// each other character is shown as an underscore.
    pub utf8_names: bool,
    /// Labels added to every series that does not have a label of the same name.
    pub labels: Vec<(String, String)>,
}

impl Surface {
    /// All surfaces.
    pub const ALL: &[Surface] = &[Surface::Legacy, Surface::Documented, Surface::Canonical];

    /// Returns the name of the surface in options, environment variables and queries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Surface::Legacy => "legacy",
            Surface::Documented => "documented",
            Surface::Canonical => "canonical",
        }
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Surface {
    type Err = Error;

    /// Returns the surface of that name, ignoring white space around it, or [`Error::Unknown`] if
    /// there is none.
    fn from_str(given: &str) -> Result<Surface> {
        Surface::ALL.iter().copied().find(|surface| surface.as_str() == given.trim()).ok_or_else(|| {
            Error::Unknown {
                what: "surface",
                given: given.to_owned(),
                valid: "legacy, documented, canonical",
            }
        })
    }
}

impl Default for View {
    /// Returns a view of legacy and documented, with timers as the SDK's gauges.
    fn default() -> View {
        View {
            surfaces: vec![Surface::Legacy, Surface::Documented],
            summaries: false,
            own_state: true,
            utf8_names: false,
            labels: Vec::new(),
        }
    }
}

impl View {
    /// Creates a view of the given surfaces, in any order, or the default view if the list is
    /// empty.
    ///
    /// # Errors
    ///
    /// Returns [`Error::SurfaceConflict`](crate::Error::SurfaceConflict) if the list has canonical
    /// and another surface.
    pub fn new(surfaces: &[Surface]) -> Result<View> {
        if surfaces.is_empty() {
            return Ok(View::default());
        }
        let mut surfaces = surfaces.to_vec();
        surfaces.sort_unstable();
        surfaces.dedup();
        if surfaces.len() > 1 && surfaces.contains(&Surface::Canonical) {
            return Err(Error::SurfaceConflict);
        }
        Ok(View { surfaces, ..View::default() })
    }

    /// Returns the surfaces, without duplicates; at least one.
    #[must_use]
    pub fn surfaces(&self) -> &[Surface] {
        &self.surfaces
    }
}

impl FromStr for View {
    type Err = Error;

    /// Returns a view of the surfaces in a comma-separated list, ignoring white space and empty
    /// entries. Fails as [`View::new`] does, and with [`Error::Unknown`] if a name is not that of a
    /// surface.
    fn from_str(list: &str) -> Result<View> {
        let names = list.split(',').filter(|name| !name.trim().is_empty());
        View::new(&names.map(str::parse).collect::<Result<Vec<Surface>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Surface, View};
    use crate::Error;

    #[test]
    fn every_surface_is_found_by_its_name() {
        for &surface in Surface::ALL {
            assert_eq!(surface.to_string().parse::<Surface>().unwrap(), surface);
        }
        assert_eq!(" legacy ".parse::<Surface>().unwrap(), Surface::Legacy);
    }

    #[test]
    fn error_of_an_unknown_name_lists_the_known_ones() {
        for given in ["Legacy", "", "canon"] {
            let error = given.parse::<Surface>().unwrap_err();
            assert!(matches!(&error, Error::Unknown { what: "surface", given: named, .. } if named == given));
            for &surface in Surface::ALL {
                assert!(error.to_string().contains(surface.as_str()));
            }
        }
    }

    #[test]
    fn empty_view_is_the_default() {
        assert_eq!(View::new(&[]).unwrap(), View::default());
        assert_eq!("".parse::<View>().unwrap(), View::default());
        assert_eq!(" , ".parse::<View>().unwrap(), View::default());
        assert_eq!(View::default().surfaces(), [Surface::Legacy, Surface::Documented]);
        assert!(!View::default().summaries);
    }

    #[test]
    fn view_ignores_order_and_repetition_of_surfaces() {
        let view = View::new(&[Surface::Documented, Surface::Legacy, Surface::Documented]).unwrap();
        assert_eq!(view, View::default());
        assert_eq!("documented, legacy,documented".parse::<View>().unwrap(), view);
        assert_eq!("canonical,canonical".parse::<View>().unwrap().surfaces(), [Surface::Canonical]);
    }

    #[test]
    fn canonical_is_refused_with_other_surfaces() {
        for list in ["canonical,legacy", "documented,canonical", "legacy,documented,canonical"] {
            assert!(matches!(list.parse::<View>(), Err(Error::SurfaceConflict)), "{list}");
        }
    }

    #[test]
    fn a_list_with_an_unknown_name_is_refused() {
        assert!(matches!("legacy,new".parse::<View>(), Err(Error::Unknown { .. })));
    }
}
