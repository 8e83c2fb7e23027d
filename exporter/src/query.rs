//! What somebody wants to see, and in which format.

use ictus::{
    expose::{self, OPENMETRICS_CONTENT_TYPE, PROTOBUF_CONTENT_TYPE, TEXT_CONTENT_TYPE},
    surface::{Exposition, View},
};

use crate::filter::Filter;

/// What to show of a snapshot, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The names and types under which it is shown.
    pub view: View,
    /// The format; what a function writes, a [`Source`](crate::Source) shows as text whatever this says.
    pub format: Format,
    /// The families to show.
    pub filter: Filter,
    /// Whether histograms are native ones too, which only [`Format::Protobuf`] can say.
    pub native: bool,
    /// How names are written that have other characters than the older formats have.
    pub escaping: Escaping,
}

/// How a client asks for names that have other characters than letters, digits, `_` and `:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escaping {
    /// It does not say: an underscore in the place of each other character.
    #[default]
    Unstated,
    /// `escaping=underscores`, and what is shown for the schemes `dots` and `values`.
    Underscores,
    /// `escaping=allow-utf-8`: as they are, quoted in the text formats.
    Utf8,
}

/// A format of an exposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4.
    #[default]
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// Prometheus's protobuf messages, the length before each.
    Protobuf,
}

impl Format {
    /// Every format; of those that a client likes as well, the first is its answer.
    pub(crate) const ALL: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];

    /// The `Content-Type` of the format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => TEXT_CONTENT_TYPE,
            Format::OpenMetrics => OPENMETRICS_CONTENT_TYPE,
            Format::Protobuf => PROTOBUF_CONTENT_TYPE,
        }
    }

    /// Returns the `Content-Type` of the format with the escaping that a client asked for. Text with names as they
    /// are is version 1.0.0.
    #[must_use]
    pub const fn content_type_with(self, escaping: Escaping) -> &'static str {
        match (self, escaping) {
            (_, Escaping::Unstated) => self.content_type(),
            (Format::Text, Escaping::Underscores) => {
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
            }
            (Format::Text, Escaping::Utf8) => {
                "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::OpenMetrics, Escaping::Underscores) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (Format::OpenMetrics, Escaping::Utf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::Protobuf, Escaping::Underscores) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=underscores"
            }
            (Format::Protobuf, Escaping::Utf8) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=allow-utf-8"
            }
        }
    }

    pub(crate) fn write(self, exposition: &Exposition, native: bool) -> Vec<u8> {
        match self {
            Format::Text => expose::text(exposition).into_bytes(),
            Format::OpenMetrics => expose::openmetrics(exposition).into_bytes(),
            Format::Protobuf => expose::protobuf(exposition, native),
        }
    }
}

impl From<&View> for Query {
    /// All families as text.
    fn from(view: &View) -> Query {
        Query { view: view.clone(), ..Query::default() }
    }
}
