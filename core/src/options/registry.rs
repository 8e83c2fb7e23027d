//! Options of a registry: the defaults of its families, and how other users and clients see them.

use super::family::FamilyOptions;
use crate::error::{Error, Result};

/// Options of a registry: the default options of its families, and what only a registry can have.
///
/// [`Registry::with_options`](crate::Registry::with_options) and
/// [`Registry::open_with`](crate::Registry::open_with) also accept [`FamilyOptions`] alone, for a
/// registry that differs in nothing else.
///
/// ```
/// # use ictus::{FamilyOptions, Registry, RegistryOptions};
/// let families = FamilyOptions::default().max_series(100);
/// let short = Registry::with_options(families.clone());
/// let full = Registry::with_options(RegistryOptions::default().families(families).utf8_names(true));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegistryOptions {
    pub(crate) families: FamilyOptions,
    pub(crate) group: Option<u32>,
    pub(crate) utf8_names: bool,
}

impl From<FamilyOptions> for RegistryOptions {
    /// Returns the options of a registry with these defaults for its families.
    fn from(families: FamilyOptions) -> RegistryOptions {
        RegistryOptions::default().families(families)
    }
}

impl RegistryOptions {
    /// Sets the options of the registry's families, except those of timers that have their own, by
    /// [`Registry::timer_with`](crate::Registry::timer_with).
    #[must_use]
    pub fn families(self, options: FamilyOptions) -> RegistryOptions {
        RegistryOptions { families: options, ..self }
    }

    /// Sets the number of a group of users that share the metrics directory, for
    /// [`Registry::open_with`](crate::Registry::open_with).
    ///
    /// The folder `ictus`, otherwise of mode 0700, gets that group and mode 0770, and files get
    /// mode 0640. Everything that members of the group record is included in snapshots. All
    /// processes that record in the directory must set the same group and be members of it; readers
    /// need not set it. A registry in memory has no group.
    ///
    /// ```no_run
    /// # use ictus::{Registry, RegistryOptions};
    /// let registry = Registry::open_with("/run/metrics", RegistryOptions::default().group(1000))?;
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn group(self, number: u32) -> RegistryOptions {
        RegistryOptions { group: Some(number), ..self }
    }

    /// Allows names of metrics and labels with any characters, for example `http.server.duration`.
    /// Without this option such a name is an error.
    ///
    /// Clients that request `escaping=allow-utf-8` receive the names unchanged, in quotes. Other
    /// clients receive an underscore instead of each character that is not a letter, a digit or `_`
    /// (in a metric's name also `:`). If two metrics then have the same name, these clients receive
    /// only the first one.
    ///
    /// ```
    /// # use ictus::{Registry, RegistryOptions, surface::{Exposition, View}};
    /// let registry = Registry::with_options(RegistryOptions::default().utf8_names(true));
    /// registry.counter("http.requests", "", &["url.path"])?.labels(&["/"])?.inc();
    /// let mut view = View::default();
    /// let text = ictus::expose::text(&Exposition::new(&registry.snapshot()?, &view));
    /// assert!(text.contains("\nhttp_requests_total{url_path=\"/\"} 1.0\n"), "{text}");
    /// view.utf8_names = true;
    /// let text = ictus::expose::text(&Exposition::new(&registry.snapshot()?, &view));
    /// assert!(text.contains("\n{\"http.requests_total\",\"url.path\"=\"/\"} 1.0\n"), "{text}");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn utf8_names(self, allowed: bool) -> RegistryOptions {
        RegistryOptions { utf8_names: allowed, ..self }
    }

    /// Checks the options, including those of the families.
    /// [`Registry::open_with`](crate::Registry::open_with) does this.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Option`](crate::Error::Option), which names the first invalid option and
    /// its valid values.
    pub fn validate(&self) -> Result<()> {
        if self.group == Some(u32::MAX) {
            return Err(Error::Option {
                option: "group",
                reason: "no group has that number; create the group, or choose another one",
            });
        }
        self.families.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::{FamilyOptions, RegistryOptions};

    #[test]
    fn invalid_options_of_a_registry_and_of_its_families_are_refused() {
        RegistryOptions::default().group(u32::MAX).validate().unwrap_err();
        RegistryOptions::from(FamilyOptions::default().window(0)).validate().unwrap_err();
        RegistryOptions::default().group(u32::MAX - 1).utf8_names(true).validate().unwrap();
    }

    #[test]
    fn options_of_families_are_those_of_their_registry_alone() {
        let families = FamilyOptions::default().window(7);
        assert_eq!(RegistryOptions::from(families.clone()), RegistryOptions::default().families(families));
    }
}
