//! Views by the names of their surfaces.

use ictus::surface::{Surface, View};

/// The view of surfaces named with commas between them; of none, the default.
///
/// # Errors
///
/// [`Unknown`](ictus::Error::Unknown) for a name that is none, and
/// [`SurfaceConflict`](ictus::Error::SurfaceConflict) for surfaces that cannot be shown together.
pub(crate) fn parse_view(names: &str) -> ictus::Result<View> {
    let mut surfaces = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        surfaces.push(match name {
            "legacy" => Surface::Legacy,
            "documented" => Surface::Documented,
            "canonical" => Surface::Canonical,
            _ => {
                return Err(ictus::Error::Unknown {
                    what: "surface",
                    given: name.to_owned(),
                    known: "legacy, documented, canonical",
                });
            }
        });
    }
    if surfaces.contains(&Surface::Canonical) && surfaces.iter().any(|other| *other != Surface::Canonical) {
        return Err(ictus::Error::SurfaceConflict);
    }
    View::new(&surfaces)
}
