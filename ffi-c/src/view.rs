//! Surfaces and formats, by number.

use std::ffi::c_int;

use ictus::{
    expose,
    surface::{Exposition, Surface, View},
};

use crate::ictus_status;

/// Output format of an exposition.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_format {
    /// Prometheus text 0.0.4.
    Text = 0,
    /// OpenMetrics text 1.0.0.
    Openmetrics = 1,
    /// Prometheus's protobuf format, length-delimited, with classic histograms only.
    Protobuf = 2,
    /// Prometheus's protobuf format, length-delimited, with classic and native histograms:
    /// for a server that accepts native histograms.
    Native = 3,
}

/// Surfaces: sets of names under which the Conductor metrics are shown. Add numbers to show
/// several surfaces. Metrics that a program defines itself are shown with every surface.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_surface {
    /// The legacy and the documented surface.
    Default = 0,
    /// The names that the Python SDK emits by default.
    Legacy = 1,
    /// The names in the METRICS.md of the Python SDK.
    Documented = 2,
    /// The harmonised names of all Conductor SDKs, with histograms. It cannot be combined
    /// with another surface.
    Canonical = 4,
}

impl ictus_format {
    pub(crate) fn of(number: c_int) -> Result<ictus_format, ictus_status> {
        use ictus_format::{Native, Openmetrics, Protobuf, Text};
        let format =
            [Text, Openmetrics, Protobuf, Native].into_iter().find(|&format| format as c_int == number);
        format.ok_or(ictus_status::Option)
    }

    pub(crate) fn write(self, exposition: &Exposition) -> Vec<u8> {
        match self {
            ictus_format::Text => expose::text(exposition).into_bytes(),
            ictus_format::Openmetrics => expose::openmetrics(exposition).into_bytes(),
            ictus_format::Protobuf => expose::protobuf(exposition, false),
            ictus_format::Native => expose::protobuf(exposition, true),
        }
    }
}

/// Returns the view of a sum of surfaces, or an error if the sum is invalid.
pub(crate) fn view(surfaces: c_int) -> Result<View, ictus_status> {
    const SURFACES: [(ictus_surface, Surface); 3] = [
        (ictus_surface::Legacy, Surface::Legacy),
        (ictus_surface::Documented, Surface::Documented),
        (ictus_surface::Canonical, Surface::Canonical),
    ];
    let all: c_int = SURFACES.iter().map(|(number, _)| *number as c_int).sum();
    if surfaces & !all != 0 {
        return Err(ictus_status::Option);
    }
    let chosen = SURFACES.iter().filter(|(number, _)| surfaces & *number as c_int != 0);
    let chosen: Vec<Surface> = chosen.map(|(_, surface)| *surface).collect();
    View::new(&chosen).map_err(ictus_status::from)
}

#[cfg(test)]
mod tests {
    use super::{ictus_format, ictus_surface, view};
    use crate::ictus_status;
    use ictus::surface::{Surface, View};

    #[test]
    fn surfaces_combine_and_unknown_ones_are_refused() {
        let [legacy, documented, canonical] =
            [ictus_surface::Legacy, ictus_surface::Documented, ictus_surface::Canonical]
                .map(|one| one as i32);
        assert_eq!(view(ictus_surface::Default as i32), Ok(View::default()));
        assert_eq!(view(legacy | documented), Ok(View::default()));
        assert_eq!(view(canonical).unwrap().surfaces(), [Surface::Canonical]);
        for wrong in [canonical | legacy, 8, -1, i32::MIN] {
            assert_eq!(view(wrong), Err(ictus_status::Option), "{wrong}");
        }
    }

    #[test]
    fn formats_are_their_numbers() {
        for number in 0..4 {
            assert_eq!(ictus_format::of(number).map(|format| format as i32), Ok(number));
        }
        assert_eq!([-1, 4].map(ictus_format::of), [Err(ictus_status::Option); 2]);
    }
}
